//! Smoothed distance of all channels together from their mean, given how they vary together.

mod detector;
mod kind;

pub use kind::MewmaT2Kind;

#[cfg(test)]
mod tests;
