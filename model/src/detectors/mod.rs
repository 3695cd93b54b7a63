//! The kinds of detector that this crate brings.

mod ar_energy;
pub(crate) mod autoencoder;
mod autoregression;
mod ensemble;
mod evt;
mod ewma_z;
mod hbos;
mod isolation_forest;
mod mewma_t2;
mod neighbours;
mod novelty;
mod ocsvm;
pub(crate) mod pca;
#[cfg(test)]
mod plant;
#[cfg(test)]
mod pyod;
#[cfg(test)]
mod pyod_tails_tests;
#[cfg(test)]
mod sequential_tests;
mod streams;
mod stuck;
mod table;
mod tails;
#[cfg(test)]
mod tails_properties_tests;
mod var_energy;
mod whitening;

pub use ar_energy::ArEnergyKind;
pub use autoencoder::AutoencoderKind;
pub use ensemble::EnsembleKind;
pub use evt::EvtKind;
pub use ewma_z::EwmaZKind;
pub use hbos::HbosKind;
pub use isolation_forest::{ExportedTree, IsolationForest, IsolationForestKind, TreeError};
pub use mewma_t2::MewmaT2Kind;
pub use neighbours::{KnnKind, LofKind};
pub use novelty::NoveltyKind;
pub use ocsvm::OcsvmKind;
pub use pca::PcaKind;
pub use stuck::StuckKind;
pub use tails::{CopodKind, EcodKind};
pub use var_energy::VarEnergyKind;
