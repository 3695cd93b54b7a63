//! How good a detector is, measured on rows whose truth is known. Pure functions of scores, labels and truth.
//!
//! Ranking figures ([`roc_auc`], [`average_precision`], [`precision_at_n`]) ask how well scores sort, whatever the
//! threshold; a [`Confusion`] counts what one threshold made of them; [`nab`] scores streams by how early an anomaly
//! is found. Rows without a score, such as those of a detector that warms up, are for the caller to leave out.
//!
//! ```
//! use tagwise_model::evaluation::{average_precision, roc_auc};
//!
//! let scores = [0.1, 0.4, 0.35, 0.8];
//! let truth = [false, false, true, true];
//! assert_eq!(roc_auc(&scores, &truth)?, 0.75);
//! assert!((average_precision(&scores, &truth)? - 5.0 / 6.0).abs() < 1e-15);
//! # Ok::<(), tagwise_model::evaluation::EvaluationError>(())
//! ```

mod confusion;
mod error;
pub mod nab;
mod ranking;

pub use confusion::Confusion;
pub use error::EvaluationError;
pub use ranking::{average_precision, precision_at_n, roc_auc};
