//! A fitted `stuck`.

use serde::{Deserialize, Serialize};

use super::kind::NAME;
use super::limits::{Configured, Limits, MEMORY, usual_step};
use crate::detectors::streams::{complete, completed};
use crate::{Detector, RestoreError, State, Time, TrainingRows, encode};

/// A fitted `stuck`. Its state is what is remembered of each feature, one after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stuck {
    limits: Box<[Limits]>,
    /// The usual time between rows in seconds; `None` where rates are per row.
    step: Option<f64>,
}

impl Stuck {
    pub(super) fn fit(configured: Configured, rows: &TrainingRows) -> Self {
        let step = usual_step(rows);
        let limits = (0..rows.width()).map(|feature| Limits::fit(configured, rows, feature, step));
        Self { limits: limits.collect(), step }
    }

    /// Whether its numbers can be worked with; they may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.limits.iter().try_for_each(Limits::check)?;
        let is_step = self.step.is_none_or(|step| step > 0.0 && step.is_finite());
        if is_step && !self.limits.is_empty() {
            Ok(())
        } else {
            Err(RestoreError::new("it has no features or no step"))
        }
    }
}

impl Detector for Stuck {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.limits.len()
    }

    fn initial_state(&self) -> State {
        State::zeros(self.width() * MEMORY)
    }

    fn score(&self, state: &State, x: &[f64], t: Time) -> Option<f64> {
        let state = completed(state, self.width() * MEMORY);
        let features = self.limits.iter().zip(state.chunks_exact(MEMORY)).zip(x);
        Some(features.map(|((limits, memory), &value)| limits.ratio(memory, value, t, self.step)).fold(0.0, f64::max))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        let memories = complete(state, self.width() * MEMORY).chunks_exact_mut(MEMORY);
        for ((limits, memory), &value) in self.limits.iter().zip(memories).zip(x) {
            limits.take_in(memory, value, t);
        }
    }

    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        let memories = complete(state, self.width() * MEMORY).chunks_exact_mut(MEMORY);
        let mut largest = 0.0;
        for ((limits, memory), &value) in self.limits.iter().zip(memories).zip(x) {
            largest = f64::max(largest, limits.ratio(memory, value, t, self.step));
            limits.take_in(memory, value, t);
        }
        Some(largest)
    }

    fn attribute(&self, state: &State, x: &[f64], t: Time, shares: &mut [f64]) {
        let state = completed(state, self.width() * MEMORY);
        let features = self.limits.iter().zip(state.chunks_exact(MEMORY)).zip(x);
        for (((limits, memory), &value), share) in features.zip(shares) {
            // Who keeps his limits has nothing to do with the alarm.
            let ratio = limits.ratio(memory, value, t, self.step);
            *share = if ratio > 1.0 { ratio } else { 0.0 };
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
