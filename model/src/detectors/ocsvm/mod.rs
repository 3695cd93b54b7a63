//! One-class support vector machine (Schölkopf et al., 2001) with the radial kernel; PyOD's `OCSVM`, which is libsvm's by
//! way of scikit-learn.
//!
//! It finds the region in which all but a share ν of the training rows lie, bounded by a surface of constant kernel
//! density over some of the rows, the support vectors. The score is ρ − Σ αᵢ exp(−γ |xᵢ − x|²): negative inside, positive
//! outside. Far from all support vectors it comes to ρ and does not rise any further.

mod detector;
mod kernel;
mod kind;
mod solver;
#[cfg(test)]
mod tests;

pub use kind::OcsvmKind;
