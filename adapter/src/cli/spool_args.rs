//! The arguments of `tagwise spool`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::Format;
use crate::domain::Lane;

/// What to do with a spool. Neither changes anything, and an adapter may be running.
#[derive(Clone, Debug, Subcommand)]
pub enum SpoolCommand {
    /// Say how much waits for each broker, and how long it has.
    #[command(after_help = "Examples:\n  tagwise spool stat line1.yaml\n  \
                      tagwise spool stat --dir /var/lib/tagwise/line1 --by-mapping")]
    Stat(Stat),
    /// Print the messages that wait, a JSON object a line.
    #[command(after_help = "Examples:\n  tagwise spool export line1.yaml | head\n  \
                      tagwise spool export --dir state/line1 --broker cloud --lane values --output waiting.jsonl")]
    Export(Export),
}

/// Which spool.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The mapping file whose `adapter.state_dir` is meant.
    pub mapping: Option<PathBuf>,
    /// The state directory itself.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
}

/// The arguments of `tagwise spool stat`.
#[derive(Clone, Debug, Args)]
pub struct Stat {
    /// Which spool.
    #[command(flatten)]
    pub place: Place,
    /// Count what waits of each mapping, too; JSON always does.
    #[arg(long)]
    pub by_mapping: bool,
    /// How it is said.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The arguments of `tagwise spool export`.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// Which spool.
    #[command(flatten)]
    pub place: Place,
    /// Only what waits for the broker of this name.
    #[arg(long, value_name = "NAME")]
    pub broker: Option<String>,
    /// Only what waits in this lane.
    #[arg(long, value_enum)]
    pub lane: Option<LaneName>,
    /// Also what is acknowledged and still on the disk.
    #[arg(long)]
    pub all: bool,
    /// Where the lines go; `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// A lane as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LaneName {
    /// Alarms, gaps and verdicts.
    Urgent,
    /// Values of tags.
    Values,
}

impl From<LaneName> for Lane {
    fn from(name: LaneName) -> Self {
        match name {
            LaneName::Urgent => Self::Urgent,
            LaneName::Values => Self::Values,
        }
    }
}
