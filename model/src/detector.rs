//! The seam that every detector stands behind: three verbs, kept apart because they are called by different people.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::calibration::replay;
use crate::scratch::with_scratch;
use crate::{Time, TrainingRows};

/// Short memory of a detector (lags, averages, windows): plain numbers, so that it can be copied, stored and compared.
///
/// What the numbers mean is the detector's affair. A state belongs to the model that made it; a detector given a state
/// of another length treats what is missing as zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    values: Box<[f64]>,
    /// Of detectors that are made of others, what each of those remembers.
    #[serde(default)]
    parts: Box<[Self]>,
}

impl State {
    /// A memory of these numbers.
    pub fn new(values: impl Into<Box<[f64]>>) -> Self {
        Self { values: values.into(), parts: Box::default() }
    }

    /// A memory of `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self::new(vec![0.0; length])
    }

    /// The memories of several detectors, one beside the other.
    pub fn of_parts(parts: impl Into<Box<[Self]>>) -> Self {
        Self { values: Box::default(), parts: parts.into() }
    }

    /// The numbers.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The numbers, to be moved on.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The memories that it is made of.
    pub fn parts(&self) -> &[Self] {
        &self.parts
    }

    /// The memories that it is made of, to be moved on.
    pub fn parts_mut(&mut self) -> &mut [Self] {
        &mut self.parts
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
    fn initial_state(&self) -> State {
        State::default()
    }

    /// The short memory before the first training row, from which the training rows are run through once more for their
    /// own scores. Differs from [`initial_state`](Self::initial_state) where that already remembers them: a detector of
    /// what was never seen would find nothing new in rows that it knows.
    fn blank_state(&self) -> State {
        self.initial_state()
    }

    /// Scores a row and changes nothing. Does not allocate for rows of up to 64 values.
    ///
    /// The score includes the row itself: a detector with short memory says what it *would* say once the row had been
    /// taken in, and [`advance`](Self::advance) with the same row makes that true. `None` as long as the memory holds
    /// too little to say anything.
    fn score(&self, state: &State, x: &[f64], t: Time) -> Option<f64>;

    /// Moves the short memory. Called with every good-quality row, anomalous or not; not for initial repeats and
    /// heartbeats. Kinds without short memory have nothing to do here.
    fn advance(&self, _state: &mut State, _x: &[f64], _t: Time) {}

    /// [`score`](Self::score), then [`advance`](Self::advance), in one go: what live values get. Kinds that would do the
    /// same work in both say here how to do it once; the results are the same to the last bit.
    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        let score = self.score(state, x, t);
        self.advance(state, x, t);
        score
    }

    /// Scores independent rows, one after another in `rows`, into as many `scores`; NaN where there is none. Kinds for
    /// which a table is quicker than its rows say so here; the results are the same to the last bit.
    fn score_rows(&self, rows: &[f64], scores: &mut [f64]) {
        let state = self.initial_state();
        for (row, score) in rows.chunks_exact(self.width().max(1)).zip(scores) {
            *score = self.score(&state, row, Time::default()).unwrap_or(f64::NAN);
        }
    }

    /// The scores of the very rows it was fitted to, scaled as they were, in order; NaN where there is none. Contamination
    /// and PyOD's probabilities are made of these. Kinds that score a row of theirs differently from a new one say so
    /// here: in PyOD, for one, no row is among its own neighbours. Kinds with short memory are run over the rows.
    fn training_scores(&self, rows: &TrainingRows) -> Vec<f64> {
        let blank = self.blank_state();
        if blank != State::default() {
            return replay(self, &blank, rows, 0);
        }
        let mut scores = vec![f64::NAN; rows.count()];
        self.score_rows(rows.cells(), &mut scores);
        scores
    }

    /// Whether [`learn`](Self::learn) does anything, since the parameters ask for it.
    fn adapts(&self) -> bool {
        false
    }

    /// Changes what normal is. Called only for rows below the threshold, and only where the model asked to adapt:
    /// a detector that learns what it flags learns faults away. Kinds that are retrained instead have nothing to do here.
    fn learn(&mut self, _x: &[f64], _t: Time) {}

    /// How much each feature has to do with the row's score: not negative, in any unit; the caller makes shares of it.
    /// `state` is the memory before the row, as for [`score`](Self::score).
    ///
    /// Kinds with a way of their own override this. The default asks by how much the score falls when one feature at a
    /// time is put back to 0, its mean in training behind the standard scaler.
    fn attribute(&self, state: &State, x: &[f64], t: Time, shares: &mut [f64]) {
        let Some(whole) = self.score(state, x, t) else { return shares.fill(0.0) };
        with_scratch(x.len(), |row| {
            row.copy_from_slice(x);
            for feature in 0..x.len() {
                row[feature] = 0.0;
                shares[feature] = (whole - self.score(state, row, t).unwrap_or(whole)).max(0.0);
                row[feature] = x[feature];
            }
        });
    }

    /// Everything that [`DetectorKind::restore`](crate::DetectorKind::restore) needs to make the same detector again.
    /// [`encode`](crate::encode) is made for this.
    fn save(&self) -> Vec<u8>;

    /// A copy, for models that adapt while others still ask the one before.
    fn clone_box(&self) -> Box<dyn Detector>;
}

impl Clone for Box<dyn Detector> {
    fn clone(&self) -> Self {
        (**self).clone_box()
    }
}
