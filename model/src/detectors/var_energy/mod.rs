//! What all channels together do that their common past does not explain.

mod charts;
mod detector;
mod innovations;
mod kind;

pub use kind::VarEnergyKind;

#[cfg(test)]
mod plant_tests;
#[cfg(test)]
mod tests;
