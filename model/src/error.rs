//! Why a model could not be fitted, or a row not be scored.

use crate::{ParamError, ThresholdError};

/// Why a model could not be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// No detector of that kind is registered.
    #[error("unknown detector kind {kind:?}; use one of {}", known.join(", "))]
    UnknownKind {
        /// The kind that was asked for.
        kind: String,
        /// The kinds that there are.
        known: Vec<String>,
    },
    /// There are fewer training rows than the kind needs.
    #[error("{found} training rows are too few for {kind}; give at least {needed}")]
    TooFewRows {
        /// The kind of detector.
        kind: &'static str,
        /// Rows given.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
    /// The training rows have no columns.
    #[error("the training rows have no columns; give at least one feature")]
    NoColumns,
    /// The rows have more or fewer values than the model's features are made of.
    #[error("rows of {found} values cannot train a model that takes {expected} at a time")]
    Inputs {
        /// Values that the model takes.
        expected: usize,
        /// Values in each row.
        found: usize,
    },
    /// A cell is NaN or infinite.
    #[error(
        "row {row}, column {column} of the training rows is {value}; leave out rows with cells that are not finite"
    )]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// The values of a column are so large that their statistics, or their 32-bit form, overflow.
    #[error(
        "column {column} of the training rows holds values too large to work with; rescale or leave out the largest"
    )]
    TooLarge {
        /// Column, from 0.
        column: usize,
    },
    /// A number of the chain that is neither detector nor threshold is out of its range.
    #[error("{name} must be {domain}, not {value}")]
    Chain {
        /// Its name in the mapping.
        name: &'static str,
        /// What it may be, in words.
        domain: &'static str,
        /// What was given.
        value: f64,
    },
    /// Parameters that the kind refuses.
    #[error("{}", join(.0))]
    Parameters(Vec<ParamError>),
    /// A threshold that cannot be.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// Anything else that a kind from outside this crate has to say.
    #[error("{kind} cannot be fitted: {reason}")]
    Detector {
        /// The kind of detector.
        kind: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl From<ParamError> for FitError {
    fn from(error: ParamError) -> Self {
        Self::Parameters(vec![error])
    }
}

fn join(errors: &[ParamError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a row cannot be scored.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// The row has more or fewer values than the model was trained on.
    #[error("a row of {found} values does not fit a model of {expected}; give {expected}")]
    Width {
        /// Features of the model.
        expected: usize,
        /// Values in the row.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {column} of the row is {value}; only finite numbers can be scored")]
    NotFinite {
        /// Place in the row, from 0.
        column: usize,
        /// What stands there.
        value: f64,
    },
}
