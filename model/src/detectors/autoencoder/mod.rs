//! Dense autoencoder: a row that the network cannot put together again from fewer numbers is unlike the training rows.

mod activation;
mod adam;
mod block;
mod detector;
mod kernel;
mod kind;
mod network;
#[cfg(test)]
mod tests;
mod train;

pub(crate) use activation::Activation;
pub(crate) use detector::{Autoencoder, ReconstructionError};
pub use kind::AutoencoderKind;
pub(crate) use network::{Layer, Network};
