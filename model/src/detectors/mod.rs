//! The kinds of detector that this crate brings.

mod ar_energy;
mod autoregression;
mod ewma_z;
mod isolation_forest;
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
