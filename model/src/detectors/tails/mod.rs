//! Empirical tail probabilities, feature by feature: ECOD and COPOD.

mod column;
mod kinds;
mod score;

pub use kinds::{CopodKind, EcodKind};

#[cfg(test)]
mod tests;
