//! The repository's chores: `cargo xtask test`, `soak`, `bench`, `quality`, `fuzz` and `peers`.

mod deploy;
mod measure;
mod peers;
mod python;
mod quality;
mod runner;
mod servers;
mod shell;
mod suite;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The repository's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Sets up and runs every check; what CI runs.
    Test {
        /// Installs nothing and leaves out the scenarios with foreign peers.
        #[arg(long)]
        fast: bool,
    },
    /// Runs what takes long and prints what it measures: load, faults and restarts; not part of `test`.
    Soak {
        /// For how long the load runs, in seconds.
        #[arg(long, default_value_t = 1800)]
        seconds: u32,
        /// Only this part.
        #[arg(long)]
        only: Option<measure::SoakPart>,
    },
    /// Measures the release build under load, next to bare clients.
    Bench {
        /// Further arguments for the measurement; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures the detectors beside PyOD's, and writes the tables in the model crate's README.
    Quality(quality::Options),
    /// Fuzzes each target in turn.
    Fuzz {
        /// How long each target runs, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Installs the foreign peers and says which are missing.
    Peers,
}

fn main() -> ExitCode {
    let is_done = match Arguments::parse().chore {
        Chore::Test { fast } => suite::run(fast),
        Chore::Soak { seconds, only } => measure::soak(seconds, only),
        Chore::Bench { arguments } => measure::bench(&arguments),
        Chore::Quality(options) => quality::measure(&options),
        Chore::Fuzz { seconds } => measure::fuzz(seconds),
        Chore::Peers => peers::install_and_report(),
    };
    if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chore_that_a_document_names_exists() {
        let mut chores = 0;
        let fixed = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "model/README.md"];
        let guide = std::fs::read_dir(shell::root().join("adapter/docs")).unwrap().map(|entry| entry.unwrap().path());
        for document in fixed.map(|document| shell::root().join(document)).into_iter().chain(guide) {
            let text = std::fs::read_to_string(&document).unwrap();
            let document = document.display();
            for rest in text.split("cargo xtask ").skip(1) {
                let line = rest.split(['`', '\n', '#']).next().unwrap_or_default();
                let words = std::iter::once("cargo xtask").chain(line.split_whitespace());
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{document}: cargo xtask {line}: {parsed:?}");
                chores += 1;
            }
        }
        assert!(chores >= 5, "the documents name chores: {chores}");
    }
}
