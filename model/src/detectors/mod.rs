//! The kinds of detector that this crate brings.

mod ensemble;
mod ewma_z;
mod isolation_forest;
mod neighbours;
mod ocsvm;
#[cfg(test)]
mod pyod;
mod table;

pub use ensemble::EnsembleKind;
pub use ewma_z::EwmaZKind;
pub use isolation_forest::IsolationForestKind;
pub use neighbours::{KnnKind, LofKind};
pub use ocsvm::OcsvmKind;
