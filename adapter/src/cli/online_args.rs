//! The arguments of the commands that ask a server: what they share, and what each adds.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::args::Format;

/// Which server, and as whom. Every command that connects to one has these.
#[derive(Clone, Debug, Args)]
pub struct ConnectionArgs {
    /// Take the server, user included, from a mapping file; no URI is due then.
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub config: Option<PathBuf>,
    /// Log in with this name; its password comes from the environment or a file, never from the command line.
    #[arg(long, value_name = "NAME", requires = "password")]
    pub user: Option<String>,
    /// The environment variable that holds the password.
    #[arg(long, value_name = "NAME", requires = "user", group = "password")]
    pub password_env: Option<String>,
    /// The file that holds the password; a line end at its end does not count.
    #[arg(long, value_name = "FILE", requires = "user", group = "password")]
    pub password_file: Option<PathBuf>,
}

/// The arguments of `tagwise browse`.
#[derive(Clone, Debug, Args)]
pub struct Browse {
    /// The server, such as `opc.tcp://plc:4840`.
    pub uri: Option<String>,
    /// Where to begin: a node id, or a browse path that begins with `/`.
    #[arg(long, value_name = "NODE", default_value = "i=85")]
    pub from: String,
    /// Levels below it.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub depth: u16,
    /// Only nodes whose name matches; with a `/` in it, whose names from the beginning on do. `*` within a name, `**` over
    /// names.
    #[arg(long = "match", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Only Variables of this DataType, such as Double.
    #[arg(long = "type", value_name = "TYPE")]
    pub data_type: Option<String>,
    /// Nodes to look at, at most.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max: u32,
    /// How the nodes are printed.
    #[arg(long, value_enum, default_value_t = TreeFormat::Tree)]
    pub format: TreeFormat,
    /// Print a mapping with a tag for every Variable instead, ready to be run.
    #[arg(long, conflicts_with = "format")]
    pub emit_yaml: bool,
    /// The server's user.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// How nodes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TreeFormat {
    /// For people.
    Tree,
    /// For machines.
    Json,
}

/// The arguments of `tagwise read`.
#[derive(Clone, Debug, Args)]
pub struct Read {
    /// The server, then node ids, or browse paths that begin with `/`; with --config no server, and names of tags as well.
    #[arg(required = true, value_name = "URI NODE")]
    pub places: Vec<String>,
    /// How the values are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The server's user.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// The arguments of `tagwise write`.
#[derive(Clone, Debug, Args)]
pub struct Write {
    /// The server, the node, and the value as JSON; with --config no server, and the name of a tag as well.
    #[arg(required = true, value_name = "URI NODE VALUE", allow_negative_numbers = true)]
    pub places: Vec<String>,
    /// Do not ask before writing. Needed where there is nobody to ask.
    #[arg(long)]
    pub yes: bool,
    /// The server's user.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// The arguments of `tagwise watch`.
#[derive(Clone, Debug, Args)]
pub struct Watch {
    /// The server and nodes; with --config no server, and names of tags as well, all of them when none is named.
    #[arg(value_name = "URI NODE")]
    pub places: Vec<String>,
    /// End after so many values.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time, such as 30s.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// The server's user.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
