//! Says when a value comes that was never seen: a codebook of the values of late, and how far a new one lies from all of
//! them. Our own; its constants were found on the Numenta Anomaly Benchmark.
//!
//! It is an *event* detector: it tells something new once, takes it in, and is silent about it from then on. That suits
//! single metrics whose normal nobody can pin down. It stands beside a detector of states such as `ar_energy`, and not in
//! its place: a fault that lasts is new only at its beginning. It does not see flat lines (`stuck` does), known values in
//! the wrong order, or a fault of a kind that was there before and is not forgotten. Each value of a slow ramp is a little
//! new, none of them much: totalisers need their `difference` taken first. A column that was exactly 0 ever since the
//! first row has no scale, so that its first other value goes unseen unless a range is configured.
//!
//! The codebook is short memory, moved by every row, the ones it tells included. What training leaves in it is the
//! memory that a model starts with, so rows trained on count as warm-up, and only what is missing has to be made up live.
//! Refractory time and forgetting are in rows, and were found on values five minutes apart.
//!
//! Of several features each has a codebook of its own, and the score is the largest of theirs: the one that a detector of
//! that feature alone would give.

mod codebook;
mod fitted;
mod kind;

#[cfg(test)]
mod tests;

pub use kind::NoveltyKind;
