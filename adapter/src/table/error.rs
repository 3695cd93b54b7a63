//! Why a table cannot be read.

use std::{fmt, io};

use thiserror::Error;

/// Bad cells that are named; the rest is only counted.
pub(super) const MOST_NAMED: usize = 10;

/// Why a table cannot be read.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(io::Error),
    /// The text is no CSV: a row of another length than the header, bytes that are no UTF-8, or the file ends badly.
    #[error("it is no CSV with a header: {0}")]
    Csv(#[from] csv::Error),
    /// There is no header, and so nothing at all.
    #[error("it is empty; a CSV with a header is due")]
    Empty,
    /// There is a header and nothing below it.
    #[error("it has no rows below its header")]
    NoRows,
    /// A column is not there.
    #[error("it has no column `{wanted}`; its columns are {found}", found = in_backticks(.found))]
    NoColumn {
        /// The column.
        wanted: String,
        /// The columns that there are.
        found: Vec<String>,
    },
    /// A column that a model was trained on is not there.
    #[error(
        "it has no column `{wanted}`, which the model was trained on; its columns are {found}; name those to take with \
         --columns, in the order of the model's inputs",
        found = in_backticks(.found)
    )]
    NoTrainedColumn {
        /// The column.
        wanted: String,
        /// The columns that there are.
        found: Vec<String>,
    },
    /// Two columns have the same name, and one of them is asked for.
    #[error("it has more than one column `{0}`; give them different names")]
    TwoColumns(String),
    /// No column is left besides time and label.
    #[error("it has no column of values besides time and label")]
    NoValues,
    /// Cells that are no finite numbers.
    #[error("{0}")]
    Cells(BadCells),
    /// A time that cannot be understood.
    #[error(
        "line {line}, column `{column}`: `{cell}` is no time; write milliseconds since 1970, or `2026-01-02T03:04:05Z`"
    )]
    Time {
        /// The line, from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// What stands there.
        cell: String,
    },
    /// A label that is neither 0 nor 1.
    #[error("line {line}, column `{column}`: `{cell}` is no label; write 0 for normal and 1 for an anomaly")]
    Label {
        /// The line, from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// What stands there.
        cell: String,
    },
    /// More rows than are read.
    #[error("it has more than {0} rows; leave out the oldest")]
    TooLong(usize),
}

/// A cell that is no finite number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The line, from 1, the header included.
    pub line: u64,
    /// The column's name.
    pub column: String,
    /// What stands there, cut to 40 characters.
    pub cell: String,
}

impl fmt::Display for BadCell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, cell } = self;
        let what = match cell.to_lowercase().trim_start_matches(['+', '-']) {
            "" => return write!(formatter, "line {line}, column `{column}`: the cell is empty"),
            "nan" | "inf" | "infinity" => "not finite",
            _ => "no finite number",
        };
        write!(formatter, "line {line}, column `{column}`: `{cell}` is {what}")
    }
}

/// The first of the cells that are no finite numbers, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadCells {
    /// The first ones.
    pub first: Vec<BadCell>,
    /// All of them.
    pub count: usize,
}

impl BadCells {
    pub(super) fn push(&mut self, cell: impl FnOnce() -> BadCell) {
        self.count += 1;
        if self.first.len() < MOST_NAMED {
            self.first.push(cell());
        }
    }
}

impl fmt::Display for BadCells {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cell) in self.first.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{cell}")?;
        }
        match self.count - self.first.len() {
            0 => Ok(()),
            rest => write!(formatter, "\nand {rest} more"),
        }
    }
}

fn in_backticks(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
