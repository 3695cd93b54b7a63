//! The arguments of the commands about models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::table::{Columns, TableOptions};

/// Which table, and what of it.
#[derive(Clone, Debug, Args)]
pub struct TableArgs {
    /// A CSV file with a header; `-` for standard input.
    #[arg(long)]
    pub input: PathBuf,
    /// Between cells: one character, or `tab`.
    #[arg(long, default_value = ",", value_parser = delimiter)]
    pub delimiter: u8,
    /// The columns of values, in the order of the model's inputs. Without them training takes those named like the inputs
    /// in the mapping, else all; scoring and judging take those that the model was trained on, by their names. A model of
    /// several inputs that does not know their names (an imported one, say) needs them.
    #[arg(long, value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// The column of times: milliseconds since 1970, or ISO 8601, UTC unless it says otherwise. Without it every row
    /// stands at 1970.
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
}

/// The arguments of `tagwise train`.
#[derive(Clone, Debug, Args)]
pub struct Train {
    /// The mapping file.
    pub mapping: PathBuf,
    /// The entry of its `models:`, or a kind of detector with its defaults.
    pub model: String,
    /// The rows to learn from.
    #[command(flatten)]
    pub table: TableArgs,
    /// Where the model goes; `-` for standard output.
    #[arg(long)]
    pub output: PathBuf,
}

/// The arguments of `tagwise score`.
#[derive(Clone, Debug, Args)]
pub struct Score {
    /// The model file.
    pub model: PathBuf,
    /// The rows to score.
    #[command(flatten)]
    pub table: TableArgs,
    /// Where `score,label,status` goes, a line a row; `-` for standard output.
    #[arg(long)]
    pub output: PathBuf,
}

/// The arguments of `tagwise eval`.
#[derive(Clone, Debug, Args)]
pub struct Eval {
    /// The model file.
    pub model: PathBuf,
    /// The rows to judge by.
    #[command(flatten)]
    pub table: TableArgs,
    /// The column of labels: 0 for normal, 1 for an anomaly.
    #[arg(long, value_name = "COLUMN")]
    pub label: String,
}

/// What to do with model files.
#[derive(Clone, Debug, Subcommand)]
pub enum Models {
    /// Make a model file of what the exporter wrote in Python (model/export).
    Import {
        /// The exporter's JSON; `-` for standard input.
        json: PathBuf,
        /// Where the model goes; `-` for standard output.
        #[arg(long)]
        output: PathBuf,
    },
    /// Say what a model file holds.
    Show {
        /// The model file.
        model: PathBuf,
    },
}

impl TableArgs {
    /// How to read the table, with these columns unless others are named.
    pub fn options(&self, otherwise: Columns) -> TableOptions {
        TableOptions {
            delimiter: self.delimiter,
            columns: self.columns.clone().map_or(otherwise, Columns::Named),
            time: self.time.clone(),
            ..TableOptions::plain()
        }
    }
}

fn delimiter(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("one ASCII character is due, or `tab`"),
    }
}
