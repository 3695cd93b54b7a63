//! The kinds of detector that this crate brings.

mod autoencoder;
mod ewma_z;
mod isolation_forest;

pub use autoencoder::AutoencoderKind;
pub use ewma_z::EwmaZKind;
pub use isolation_forest::IsolationForestKind;
