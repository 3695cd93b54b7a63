//! What is said about a mapping: where, what, and what to do about it.

use std::{fmt, path::PathBuf};

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The mapping is not run.
    Error,
    /// The mapping runs, but probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The severity as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing to say about a place in a mapping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The mapping file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters of the line are meant; 0 when the whole file is.
    pub length: usize,
    /// The line itself, secrets masked, cut to what fits a screen; empty when the whole file is meant.
    pub line_text: String,
    /// Where in `line_text` the caret stands, from 1: masking and cutting move it.
    pub caret_column: usize,
    /// How many carets.
    pub caret_length: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: {}", self.severity.as_str(), self.message)?;
        if self.length == 0 {
            writeln!(formatter, "  --> {}", self.file.display())?;
        } else {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let indent = " ".repeat(self.caret_column.saturating_sub(1));
            let carets = "^".repeat(self.caret_length.max(1));
            writeln!(formatter, "{margin}--> {}:{}:{}", self.file.display(), self.line, self.column)?;
            writeln!(formatter, "{margin} |")?;
            writeln!(formatter, "{number} | {}", self.line_text)?;
            writeln!(formatter, "{margin} | {indent}{carets}")?;
        }
        match &self.help {
            Some(help) => writeln!(formatter, "   = help: {help}"),
            None => Ok(()),
        }
    }
}

/// All that is to be said about a mapping, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// In the order of the file.
    pub list: Vec<Diagnostic>,
    /// How many more there were than the list may hold.
    pub left_out: usize,
}

impl Diagnostics {
    /// How many of the listed ones have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// All of it as JSON, for programs.
    pub fn to_json(&self) -> Value {
        let list: Vec<Value> = self.list.iter().map(diagnostic_to_json).collect();
        json!({
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
            "leftOut": self.left_out,
            "diagnostics": list,
        })
    }
}

fn diagnostic_to_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": diagnostic.severity.as_str(),
        "file": diagnostic.file.display().to_string(),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "length": diagnostic.length,
        "lineText": diagnostic.line_text,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        Self { list, left_out: 0 }
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(formatter, "{diagnostic}")?;
        }
        let counts = [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(|severity| {
            let count = self.count(severity);
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", severity.as_str()))
        });
        let mut summary = counts.collect::<Vec<_>>().join(", ");
        if self.left_out > 0 {
            summary = format!("{summary}, and {} more that are not shown", self.left_out);
        }
        match self.list.first() {
            Some(first) => writeln!(formatter, "{}: {summary}", first.file.display()),
            None => Ok(()),
        }
    }
}
