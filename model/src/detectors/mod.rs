//! The kinds of detector that this crate brings.

mod ewma_z;
mod hbos;
mod isolation_forest;
mod pca;
mod tails;

pub use ewma_z::EwmaZKind;
pub use hbos::HbosKind;
pub use isolation_forest::IsolationForestKind;
pub use pca::PcaKind;
pub use tails::{CopodKind, EcodKind};

#[cfg(test)]
mod pyod_tails_tests;
#[cfg(test)]
mod tails_properties_tests;
