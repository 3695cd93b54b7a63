//! Smoothed energy of what single channels do that their own past does not explain.

mod detector;
mod kind;

pub use kind::ArEnergyKind;

#[cfg(test)]
mod tests;
