//! Histogram-based outlier score.

mod histogram;
mod kind;
mod score;

pub use kind::HbosKind;

#[cfg(test)]
mod tests;
