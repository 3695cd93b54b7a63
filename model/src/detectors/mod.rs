//! The kinds of detector that this crate brings.

mod autoregression;
mod ensemble;
mod evt;
mod ewma_z;
mod isolation_forest;
mod novelty;
mod streams;
mod stuck;

pub use ensemble::EnsembleKind;
pub use evt::EvtKind;
pub use ewma_z::EwmaZKind;
pub use isolation_forest::IsolationForestKind;
pub use novelty::NoveltyKind;
pub use stuck::StuckKind;
