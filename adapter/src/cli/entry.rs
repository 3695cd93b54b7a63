//! From the first argument to the exit code.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser;

use super::{
    args::{Args, Command, Level},
    browse, certs, check, check_online, evaluate, models, read, run, score, spool, train, watch, write,
};
use crate::telemetry::logging;

/// Done.
pub const DONE: u8 = 0;
/// Something failed that is not the mapping's fault.
pub const FAILED: u8 = 1;
/// The arguments do not go together.
pub const USAGE: u8 = 2;
/// The mapping is invalid; `EX_CONFIG` of sysexits.h.
pub const MAPPING_INVALID: u8 = 78;

/// Runs the command line of this process. Wrong usage ends the process with exit code 2.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let level = args.log_level.unwrap_or_else(|| default_level(&args.command));
    logging::log_panics();
    let outcome = logging::start(args.log_format.into(), level.as_str())
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
        .and_then(|()| execute(args.command));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// The demo shows messages; news about connections would drown them.
fn default_level(command: &Command) -> Level {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo { .. } | Command::Simulate(_) => Level::Warn,
        // A log line would tear the table, which shows the state of the connection itself.
        Command::Watch(_) if io::stdout().is_terminal() => Level::Error,
        // Results are what the person waits for, not how the connection to the server came about.
        Command::Browse(_) | Command::Read(_) | Command::Write(_) | Command::Watch(_) | Command::Check { .. } => {
            Level::Warn
        }
        _ => Level::Info,
    }
}

fn execute(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Run { mapping } => run::run(&mapping),
        Command::Check { mapping, online: true, format, .. } => check_online::check_online(&mapping, format),
        Command::Check { mapping, resolved, format, .. } => check::check(&mapping, resolved, format),
        Command::Browse(arguments) => browse::browse(&arguments),
        Command::Read(arguments) => read::read(&arguments),
        Command::Write(arguments) => write::write(&arguments),
        Command::Watch(arguments) => watch::watch(&arguments),
        Command::Certs(command) => certs::certs(&command),
        Command::Schema => check::schema(),
        Command::Spool(command) => spool::spool(&command),
        Command::Train(arguments) => train::train(&arguments),
        Command::Score(arguments) => score::score(&arguments),
        Command::Eval(arguments) => evaluate::evaluate(&arguments),
        Command::Models(command) => models::models(&command),
        #[cfg(feature = "demo")]
        Command::Demo { duration } => super::demo::demo(duration),
        #[cfg(feature = "demo")]
        Command::Simulate(arguments) => super::simulate::simulate(&arguments),
    }
}
