//! Says when a drifting metric does what it rarely does: three views of each value, each turned into the probability of
//! its tail, and summed.
//!
//! The views are the distance from an exponentially weighted mean in its deviations (Roberts, 1959), the residual of an
//! autoregression of order 2, and, where there is a rhythm of the day, the deviation from the mean of this half-hour,
//! averaged over three values. What is rare in each is learned in training by peaks over threshold (Siffer et al., 2017:
//! a generalised Pareto tail beyond the .9 quantile). The score is the sum of −log10 of the probabilities, each down to
//! 1e-12: 1 per view for anything ordinary, and 15 when one view sees what never was and the others together a thousandth.
//!
//! Mean, variance and slots are short memory: every row moves them, the anomalous ones as well. Elsewhere what is normal
//! moves in `learn` alone, behind the threshold. Here that gate would shut for good: a metric that settles at another level
//! is beyond the threshold from then on, so that the rows which would move the mean are the ones that are held back. This
//! kind is for metrics whose normal does drift; it tells that something changed, and after some 1 / `adaptation` rows
//! the change is normal. That makes it a detector of events, as `novelty` is: a fault that lasts is told at its beginning.
//! What a row moves is bounded, so that one absurd value does not blind it.
//!
//! The refractory time stands here, in rows, and not in the chain, which knows of it only once the score has become a label:
//! what sorts or draws scores would see a single event as a whole series of alarms. It took the score on eleven series of the
//! Numenta Anomaly Benchmark from 34 to 54.
//!
//! Of several features each has a chart of its own, and the largest score counts.

mod chart;
mod fitted;
mod kind;

#[cfg(test)]
mod tests;

pub use kind::EvtKind;
