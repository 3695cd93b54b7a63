//! Isolation forest (Liu, Ting and Zhou, 2008) with PyOD's and scikit-learn's semantics.
//!
//! Trees cut random samples of the training rows at random places until rows stand alone; what is anomalous stands
//! alone after few cuts. The score is s = 2^(−Σh / (T·c(ψ))) for path lengths h in T trees grown on ψ rows: towards 1 for
//! anomalies, around .5 and below for normal rows. Outside the trained range the score does not rise any further.

mod attribution;
mod exported;
mod forest;
mod grow;
mod kind;
mod levels;
mod path_length;
mod steps;
mod stored;
#[cfg(test)]
mod tests;
mod trees;

pub use exported::{ExportedTree, TreeError};
pub use forest::IsolationForest;
pub use kind::IsolationForestKind;
