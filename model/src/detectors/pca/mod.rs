//! Principal components.

mod components;
mod kind;
mod score;

pub use kind::PcaKind;

#[cfg(test)]
mod tests;
