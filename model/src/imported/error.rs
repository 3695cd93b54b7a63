//! Why a document is no model.

use std::fmt::Display;

/// Why a document could not be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The document is longer than any that is read.
    #[error("the document has {found} bytes; at most {limit} are read, so export a smaller model")]
    TooLarge {
        /// Bytes given.
        found: usize,
        /// Bytes read at most.
        limit: usize,
    },
    /// It is no JSON, or a value is of another type, missing, or not expected.
    #[error("at {path}: {reason}")]
    Json {
        /// Where, from the root on: `detector.trees[3].threshold[7]`; `.` for the root itself.
        path: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// It is some other JSON.
    #[error("at format: {found:?} is not \"tagwise-import\"; write the document with tagwise_export.py")]
    Format {
        /// What stands there.
        found: String,
    },
    /// It was written for a later reader.
    #[error(
        "at version: {found} is newer than {newest}, the newest that is read; update tagwise or export with an older exporter"
    )]
    Version {
        /// What stands there.
        found: u32,
        /// The newest version that is read.
        newest: u32,
    },
    /// The kind of detector is not one that can be imported, or the registry does not have it.
    #[error("at kind: {found:?} cannot be imported; use one of {}", known.join(", "))]
    Kind {
        /// What stands there.
        found: String,
        /// The kinds that can be.
        known: Vec<String>,
    },
    /// The values are of the right types, but make no model.
    #[error("at {path}: {reason}")]
    Invalid {
        /// Where, from the root on.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl ImportError {
    pub(super) fn invalid(path: impl Into<String>, reason: &dyn Display) -> Self {
        Self::Invalid { path: path.into(), reason: reason.to_string() }
    }
}
