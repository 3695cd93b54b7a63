//! The kinds of detector that this crate brings.

pub(crate) mod autoencoder;
mod ensemble;
mod ar_energy;
mod autoregression;
mod ewma_z;
mod hbos;
mod isolation_forest;
pub(crate) mod pca;
mod tails;
mod neighbours;
mod ocsvm;
#[cfg(test)]
mod pyod;
mod table;

pub use autoencoder::AutoencoderKind;
pub use ensemble::EnsembleKind;
pub use ewma_z::EwmaZKind;
pub use hbos::HbosKind;
pub use isolation_forest::{ExportedTree, IsolationForest, IsolationForestKind, TreeError};
pub use pca::PcaKind;
pub use tails::{CopodKind, EcodKind};

#[cfg(test)]
mod pyod_tails_tests;
#[cfg(test)]
mod tails_properties_tests;
mod mewma_t2;
#[cfg(test)]
mod plant;
#[cfg(test)]
mod sequential_tests;
mod var_energy;
mod whitening;

pub use ar_energy::ArEnergyKind;
pub use ewma_z::EwmaZKind;
pub use isolation_forest::IsolationForestKind;
pub use mewma_t2::MewmaT2Kind;
pub use var_energy::VarEnergyKind;
pub use neighbours::{KnnKind, LofKind};
pub use ocsvm::OcsvmKind;
