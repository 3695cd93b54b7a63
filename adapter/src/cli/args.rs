//! The arguments of every command.

use std::path::PathBuf;
#[cfg(feature = "demo")]
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use super::{
    certs_args::Certs,
    model_args::{Eval, Models, Score, Train},
    online_args::{Browse, Read, Watch, Write},
    spool_args::SpoolCommand,
};
use crate::telemetry::logging::LogFormat;

/// Bridges OPC UA and MQTT, scoring every value on its way.
#[derive(Debug, Parser)]
#[command(
    name = "tagwise",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  tagwise demo\n  tagwise check line1.yaml\n  tagwise run line1.yaml\n\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage, 78 mapping invalid.\n\
                  Logs go to stderr, results to stdout. RUST_LOG overrides --log-level."
)]
pub struct Args {
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
    /// What is logged at least.
    #[arg(long, global = true, value_enum)]
    pub log_level: Option<Level>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an adapter until it is told to stop.
    #[command(
        after_help = "Examples:\n  tagwise run line1.yaml\n  tagwise run /etc/tagwise/line1.yaml --log-format json"
    )]
    Run {
        /// The mapping file.
        mapping: PathBuf,
    },
    /// Check a mapping file and report every mistake with its place and the way out.
    #[command(
        after_help = "Examples:\n  tagwise check line1.yaml\n  tagwise check line1.yaml --resolved > effective.yaml\n  tagwise check line1.yaml --online"
    )]
    Check {
        /// The mapping file.
        mapping: PathBuf,
        /// Print the effective mapping, every default filled in, secrets masked.
        #[arg(long, conflicts_with = "online")]
        resolved: bool,
        /// Connect to the server and the broker as well, and say of each tag how it would fare. Nothing is written or
        /// published.
        #[arg(long)]
        online: bool,
        /// How mistakes are reported.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show the tree of a server's nodes, or make a mapping of it.
    #[command(after_help = "Examples:\n  tagwise browse opc.tcp://plc:4840 --depth 3\n  \
                      tagwise browse opc.tcp://plc:4840 --match 'Temp*' --type Float\n  \
                      tagwise browse opc.tcp://plc:4840 --from '/nsu=urn:plc;PLC' --emit-yaml > line1.yaml")]
    Browse(Browse),
    /// Read nodes: value, status, times and type.
    #[command(
        override_usage = "tagwise read [OPTIONS] <URI> <NODE>...\n       tagwise read [OPTIONS] --config <FILE> <NODE|TAG>...",
        after_help = "Examples:\n  tagwise read opc.tcp://plc:4840 'nsu=urn:plc;s=Speed' i=2258\n  \
                      tagwise read --config line1.yaml line1/speed"
    )]
    Read(Read),
    /// Write a value to a node, by the checks of a command.
    #[command(
        override_usage = "tagwise write [OPTIONS] <URI> <NODE> <VALUE>\n       tagwise write [OPTIONS] --config <FILE> <NODE|TAG> <VALUE>",
        after_help = "Examples:\n  tagwise write opc.tcp://plc:4840 'nsu=urn:plc;s=Setpoint' 1500\n  \
                      tagwise write --config line1.yaml line1/speed 1500 --yes"
    )]
    Write(Write),
    /// Watch values as they change: a table on a terminal, else a line for each change.
    #[command(
        override_usage = "tagwise watch [OPTIONS] <URI> <NODE>...\n       tagwise watch [OPTIONS] --config <FILE> [NODE|TAG]...",
        after_help = "Examples:\n  tagwise watch opc.tcp://plc:4840 'nsu=urn:plc;s=Speed'\n  \
                      tagwise watch --config line1.yaml --duration 10s"
    )]
    Watch(Watch),
    /// Make this client's OPC UA certificate, and trust those of servers.
    #[command(subcommand)]
    Certs(Certs),
    /// Print the JSON Schema of the mapping language, for editors.
    Schema,
    /// Look at what waits on the disk for the brokers, also while an adapter runs.
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Train a model of a mapping on a CSV file, and keep it as a file.
    #[command(
        after_help = "Examples:\n  tagwise train line1.yaml vibration --input normal.csv --output vibration.model\n  \
                      tagwise train line1.yaml joint --input log.csv --time time --output - > joint.model"
    )]
    Train(Train),
    /// Score the rows of a CSV file, one after another, as a running adapter would.
    #[command(after_help = "Examples:\n  tagwise score vibration.model --input data.csv --output scores.csv\n  \
                      zcat data.csv.gz | tagwise score vibration.model --input - --output - | head")]
    Score(Score),
    /// Judge a model by rows that are labelled 0 (normal) and 1 (an anomaly).
    #[command(after_help = "Example:\n  tagwise eval vibration.model --input labelled.csv --label label")]
    Eval(Eval),
    /// Look at model files, and bring models over from Python.
    #[command(
        subcommand,
        after_help = "Examples:\n  tagwise models show vibration.model\n  \
                      tagwise models import forest.json --output vibration.model"
    )]
    Models(Models),
    /// Run a simulated PLC, an embedded broker and an adapter between them, and show what flows.
    #[cfg(feature = "demo")]
    #[command(after_help = "Examples:\n  tagwise demo\n  tagwise demo --duration 30s")]
    Demo {
        /// End by itself after this time, such as 30s.
        #[arg(long, value_parser = humantime::parse_duration)]
        duration: Option<Duration>,
    },
    /// Run the demo's PLC alone, for load and for other people's tests.
    #[cfg(feature = "demo")]
    #[command(
        after_help = "Examples:\n  tagwise simulate\n  tagwise simulate --tags 1000 --rate 10 --listen 127.0.0.1:0"
    )]
    Simulate(Simulate),
}

/// The arguments of `tagwise simulate`.
#[cfg(feature = "demo")]
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Where the OPC UA server listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4840")]
    pub listen: std::net::SocketAddr,
    /// Double nodes `"Load"."T0001"`… that all change at every tick.
    #[arg(long, default_value_t = 0)]
    pub tags: usize,
    /// Ticks a second.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// Refuse anonymous sessions and take this user only, as NAME:PASSWORD.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user_and_password)]
    pub user: Option<(String, String)>,
    /// Also offer every security policy, with certificates in this directory; a client's goes into its `trusted`.
    #[arg(long, value_name = "DIRECTORY")]
    pub secure: Option<PathBuf>,
    /// Seed of noise and faults.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// End by itself after this time, such as 30s.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
}

#[cfg(feature = "demo")]
fn user_and_password(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() => Ok((user.to_owned(), password.to_owned())),
        _ => Err("a name, a colon and a password are due"),
    }
}

/// Text for people or JSON for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything that a developer may want.
    Debug,
    /// News: connections, trainings, alarms, commands.
    Info,
    /// What may need a look.
    Warn,
    /// What needs one.
    Error,
}

impl Level {
    /// The level as the log filter spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_documented_lines_parse() {
        for line in [
            "tagwise run a.yaml",
            "tagwise check a.yaml --resolved --format json",
            "tagwise certs generate --config a.yaml --renew --host box --host 10.0.0.5 --application-uri urn:a",
            "tagwise certs trust 3f:78:68 --pki-dir pki",
            "tagwise certs list --pki-dir pki",
            "tagwise schema",
            "tagwise check a.yaml --online --format json",
            "tagwise browse opc.tcp://plc --from i=84 --depth 3 --match T* --type Double --max 9 --format json",
            "tagwise browse --config a.yaml --emit-yaml",
            "tagwise read opc.tcp://plc i=1 /a/b --user edge --password-env PW",
            "tagwise write opc.tcp://plc i=1 -5 --yes",
            "tagwise watch --config a.yaml tag --count 3 --duration 10s",
            "tagwise train a.yaml m --input a.csv --output m.model --columns a,b --delimiter ; --time t",
            "tagwise score m.model --input - --output -",
            "tagwise eval m.model --input a.csv --label label",
            "tagwise models import a.json --output m.model",
            "tagwise models show m.model",
            "tagwise spool stat a.yaml --by-mapping --format json",
            "tagwise spool stat --dir state/a",
            "tagwise spool export a.yaml --broker cloud --lane urgent --all --output f",
            "tagwise spool export --dir state/a",
        ] {
            Args::try_parse_from(line.split(' ')).unwrap();
        }
    }

    #[test]
    fn a_password_is_never_taken_from_the_command_line_or_left_out() {
        for line in [
            "tagwise read opc.tcp://plc i=1 --user edge",
            "tagwise read opc.tcp://plc i=1 --password-env PW",
            "tagwise read opc.tcp://plc i=1 --user edge --password secret",
            "tagwise read opc.tcp://plc i=1 --user edge --password-env PW --password-file f",
            "tagwise read --config a.yaml i=1 --user edge --password-env PW",
            "tagwise check a.yaml --online --resolved",
            "tagwise read",
            "tagwise spool stat",
            "tagwise spool stat a.yaml --dir state/a",
            "tagwise spool export a.yaml --lane fast",
        ] {
            assert_eq!(Args::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[cfg(feature = "demo")]
    #[test]
    fn a_user_without_a_password_is_wrong_usage() {
        let parse = |user| Args::try_parse_from(["tagwise", "simulate", "--user", user]);
        assert!(parse("edge:a:b").is_ok());
        for user in ["edge", ":secret", ""] {
            assert_eq!(parse(user).unwrap_err().exit_code(), 2, "{user}");
        }
    }
}
