//! The seam that every detector stands behind: three verbs, kept apart because they are called by different people.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::Time;

/// Short memory of a detector (lags, averages, windows): plain numbers, so that it can be copied, stored and compared.
///
/// What the numbers mean is the detector's affair. A state belongs to the model that made it; a detector given a state
/// of another length treats what is missing as zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(Box<[f64]>);

impl State {
    /// A memory of these numbers.
    pub fn new(values: impl Into<Box<[f64]>>) -> Self {
        Self(values.into())
    }

    /// A memory of `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self(vec![0.0; length].into_boxed_slice())
    }

    /// The numbers.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The numbers, to be moved on.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }
}

/// A fitted detector. Higher scores mean more anomalous.
///
/// The rows it sees have [`width`](Self::width) features, are scaled as they were for the fit, and are finite:
/// `Model` holds back everything else. An implementation must not panic on any finite row.
pub trait Detector: Send + Sync + Debug {
    /// The kind's name, as in the mapping: `isolation_forest`.
    fn kind(&self) -> &'static str;

    /// Features per row.
    fn width(&self) -> usize;

    /// The short memory before the first row.
    fn initial_state(&self) -> State;

    /// Scores a row and changes nothing, so that predictions and shadow runs can use it freely. Does not allocate.
    ///
    /// The score includes the row itself: a detector with short memory says what it *would* say once the row had been
    /// taken in, and [`advance`](Self::advance) with the same row makes that true.
    fn score(&self, state: &State, x: &[f64], t: Time) -> f64;

    /// Moves the short memory. Called with every good-quality row, anomalous or not; not for initial repeats and
    /// heartbeats.
    fn advance(&self, state: &mut State, x: &[f64], t: Time);

    /// Changes what normal is. Called only for rows below the threshold, and only where the model asked to adapt:
    /// a detector that learns what it flags learns faults away. A kind that is retrained instead does nothing here.
    fn learn(&mut self, x: &[f64], t: Time);
}
