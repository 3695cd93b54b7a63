//! Principal components.

mod components;
mod kind;
mod score;

pub use kind::PcaKind;
pub(crate) use score::{Pca, Statistic};

#[cfg(test)]
mod tests;
