//! Kinds that look at the nearest training rows: how far they are, and how densely they lie.

mod knn;
mod lof;
mod nearest;
mod reference;
#[cfg(test)]
mod tests;

pub use knn::KnnKind;
pub use lof::LofKind;
