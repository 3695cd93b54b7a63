//! The kinds of detector that this crate brings.

mod autoregression;
mod ensemble;
mod ewma_z;
mod isolation_forest;
mod novelty;
mod streams;

pub use ensemble::EnsembleKind;
pub use ewma_z::EwmaZKind;
pub use isolation_forest::IsolationForestKind;
pub use novelty::NoveltyKind;
