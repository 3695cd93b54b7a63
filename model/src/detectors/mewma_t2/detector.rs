//! The fitted detector: whitened z-scores, and an average of them or of their squared length.

use serde::{Deserialize, Serialize};

use super::kind::NAME;
use crate::detectors::whitening::Whitening;
use crate::scaler::StandardScaler;
use crate::scratch::with_scratch;
use crate::{Detector, FitError, RestoreError, State, Time, TrainingRows, encode};

/// What is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    /// The rows, with their signs: small lasting shifts add up, noise does not.
    Rows,
    /// The rows' T²: oscillations and bursts count as well.
    T2,
}

/// A fitted `mewma_t2`. Its state is the average of the whitened z-scores, 0 at first; or the average of T², which begins
/// with the number of features, the mean of T².
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MewmaT2 {
    standardise: StandardScaler,
    whitening: Whitening,
    of: Of,
    smoothing: f64,
    adaptation: f64,
}

impl MewmaT2 {
    pub(super) fn fit(rows: &TrainingRows, of: Of, smoothing: f64, adaptation: f64) -> Result<Self, FitError> {
        let standardise = StandardScaler::fit(&rows.view())?;
        let z_scores: Vec<f64> = rows
            .rows()
            .flat_map(|row| row.iter().enumerate())
            .map(|(feature, value)| standardise.z_score(feature, *value))
            .collect();
        let whitening = Whitening::fit(rows.width(), &z_scores).ok_or_else(|| FitError::Detector {
            kind: NAME,
            reason: "the features' covariance is not positive definite; leave out features".to_owned(),
        })?;
        Ok(Self { standardise, whitening, of, smoothing, adaptation })
    }

    /// Whether it can be worked with; it may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        self.standardise.check(self.width())?;
        self.whitening.check(self.width())?;
        let are_shares = self.smoothing > 0.0 && self.smoothing <= 1.0 && (0.0..=1.0).contains(&self.adaptation);
        if self.width() > 0 && are_shares {
            Ok(())
        } else {
            Err(RestoreError::new("smoothing and adaptation must be shares, and there must be features"))
        }
    }

    /// Numbers in the state.
    fn memory(&self) -> usize {
        match self.of {
            Of::Rows => self.width(),
            Of::T2 => 1,
        }
    }

    /// Takes a row into the averages and returns the score.
    fn take_in(&self, averages: &mut [f64], x: &[f64]) -> f64 {
        with_scratch(self.width(), |whitened| {
            self.whiten(x, whitened);
            match self.of {
                Of::Rows => {
                    let mut sum = 0.0;
                    for (average, value) in averages.iter_mut().zip(whitened) {
                        *average += self.smoothing * (*value - *average);
                        sum += *average * *average;
                    }
                    // An average of independent rows has this share of a row's variance.
                    sum * (2.0 - self.smoothing) / self.smoothing
                }
                Of::T2 => {
                    let squared: f64 = whitened.iter().map(|value| value * value).sum();
                    let mut score = 0.0;
                    for average in averages {
                        *average += self.smoothing * (squared - *average);
                        score = *average;
                    }
                    score
                }
            }
        })
    }

    fn whiten(&self, x: &[f64], whitened: &mut [f64]) {
        with_scratch(self.width(), |z_scores| {
            for (feature, (z, value)) in z_scores.iter_mut().zip(x).enumerate() {
                *z = self.standardise.z_score(feature, *value);
            }
            self.whitening.apply(z_scores, whitened);
        });
    }
}

impl Detector for MewmaT2 {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.whitening.size()
    }

    fn initial_state(&self) -> State {
        match self.of {
            Of::Rows => State::zeros(self.memory()),
            Of::T2 => State::new([self.width() as f64]),
        }
    }

    fn score(&self, state: &State, x: &[f64], _: Time) -> Option<f64> {
        with_scratch(self.memory(), |averages| {
            averages.iter_mut().zip(state.values()).for_each(|(to, from)| *to = *from);
            Some(self.take_in(averages, x))
        })
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        if state.values().len() == self.memory() {
            return Some(self.take_in(state.values_mut(), x));
        }
        // The memory of another model: nothing here may grow it, so it only lends what it has.
        self.score(state, x, t)
    }

    fn adapts(&self) -> bool {
        self.adaptation > 0.0
    }

    fn learn(&mut self, x: &[f64], _: Time) {
        self.standardise.follow(x, self.adaptation);
    }

    fn attribute(&self, state: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        with_scratch(self.width(), |whitened| {
            self.whiten(x, whitened);
            if self.of == Of::Rows {
                let averages = state.values().iter().copied().chain(std::iter::repeat(0.0));
                whitened.iter_mut().zip(averages).for_each(|(value, average)| {
                    *value = average + self.smoothing * (*value - average);
                });
            }
            self.whitening.contributions(whitened, shares);
        });
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
