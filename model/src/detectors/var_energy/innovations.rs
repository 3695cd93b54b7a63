//! One-step prediction of all channels from the last rows of all of them, and what it leaves unexplained.

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;
use crate::detectors::autoregression::LeastSquares;
use crate::detectors::whitening::Whitening;
use crate::scaler::StandardScaler;
use crate::scratch::with_scratch;
use crate::{FitError, TrainingRows};

/// No fit to standardised rows with a ridge comes near weights like this; larger ones in a file are nonsense, and would make
/// finite values infinite.
const LARGEST_WEIGHT: f64 = 1e9;

/// A fitted vector autoregression (Lütkepohl, 2005) with its whitening. Lags are z-scores, row after row, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Innovations {
    standardise: StandardScaler,
    order: usize,
    /// What each channel is predicted to be by: a row of constants, then a row for each lag.
    weights: Box<[f64]>,
    whitening: Whitening,
}

impl Innovations {
    /// Fits the weights of all lags with one ridge; the constants are free. `None` where no row has `order` rows before it.
    ///
    /// # Errors
    /// Values so large that their statistics overflow.
    pub(super) fn fit(rows: &TrainingRows, order: usize, ridge: f64) -> Result<Option<Self>, FitError> {
        let width = rows.width();
        let standardise = StandardScaler::fit(&rows.view())?;
        let scaled = rows.map(|row| {
            row.iter_mut().enumerate().for_each(|(channel, value)| *value = standardise.z_score(channel, *value));
        });
        let mut regressors = vec![1.0; 1 + order * width];
        let mut sums = LeastSquares::new(regressors.len(), width);
        for index in with_lags(rows, order) {
            fill_lags(&scaled, index, &mut regressors[1..]);
            sums.add(&regressors, scaled.row(index));
        }
        let known = sums.rows();
        let Some(weights) = sums.solve(|row| if row == 0 { 0.0 } else { ridge }).filter(|_| known > 0) else {
            return Ok(None);
        };
        let mut residuals = vec![0.0; known * width];
        for (index, residual) in with_lags(rows, order).zip(residuals.chunks_exact_mut(width)) {
            fill_lags(&scaled, index, &mut regressors[1..]);
            predict(&weights, &regressors[1..], residual);
            residual.iter_mut().zip(scaled.row(index)).for_each(|(residual, value)| *residual = value - *residual);
        }
        let fitted = |whitening| Self { standardise, order, weights: weights.into(), whitening };
        Ok(Whitening::fit(width, &residuals).map(fitted))
    }

    /// Channels.
    pub(super) fn width(&self) -> usize {
        self.standardise.width()
    }

    /// Rows that a prediction needs.
    pub(super) fn order(&self) -> usize {
        self.order
    }

    /// The z-score of a channel's value.
    pub(super) fn z_score(&self, channel: usize, value: f64) -> f64 {
        self.standardise.z_score(channel, value)
    }

    /// Moves the mean of each channel by `rate` of the way towards a row.
    pub(super) fn follow(&mut self, x: &[f64], rate: f64) {
        self.standardise.follow(x, rate);
    }

    /// The whitened innovation of a row after these lags, into a buffer as wide as the row.
    pub(super) fn whitened(&self, x: &[f64], lags: &[f64], whitened: &mut [f64]) {
        with_scratch(self.width(), |innovation| {
            predict(&self.weights, lags, innovation);
            for (channel, (innovation, value)) in innovation.iter_mut().zip(x).enumerate() {
                *innovation = self.z_score(channel, *value) - *innovation;
            }
            self.whitening.apply(innovation, whitened);
        });
    }

    /// How much each channel has to do with the length of a whitened innovation.
    pub(super) fn contributions(&self, whitened: &[f64], shares: &mut [f64]) {
        self.whitening.contributions(whitened, shares);
    }

    /// The whitened innovations of rows that it was not fitted to, in order; the first `skip` rows are lags only.
    pub(super) fn replay(&self, rows: &TrainingRows, skip: usize, mut each: impl FnMut(&[f64])) {
        let mut lags = vec![0.0; self.order * self.width()];
        let mut whitened = vec![0.0; self.width()];
        let scaled = rows.map(|row| {
            row.iter_mut().enumerate().for_each(|(channel, value)| *value = self.z_score(channel, *value));
        });
        for index in with_lags(rows, self.order).filter(|index| *index >= skip) {
            fill_lags(&scaled, index, &mut lags);
            self.whitened(rows.row(index), &lags, &mut whitened);
            each(&whitened);
        }
    }

    /// Whether it can be worked with; it may come from a file.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        let width = self.width();
        self.standardise.check(width)?;
        self.whitening.check(width)?;
        let length = self.order.checked_mul(width).and_then(|lags| lags.checked_add(1)?.checked_mul(width));
        let is_sound =
            length == Some(self.weights.len()) && self.weights.iter().all(|weight| weight.abs() <= LARGEST_WEIGHT);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the prediction's weights make no sense")) }
    }
}

/// The rows that have `order` rows before them in their segment.
fn with_lags(rows: &TrainingRows, order: usize) -> impl Iterator<Item = usize> + '_ {
    rows.segments().flat_map(move |segment| segment.skip(order))
}

fn fill_lags(scaled: &TrainingRows, index: usize, lags: &mut [f64]) {
    for (lag, into) in lags.chunks_exact_mut(scaled.width()).enumerate() {
        into.copy_from_slice(scaled.row(index - 1 - lag));
    }
}

/// The constants, and then row after row of weights times its lag: whole runs, which the processor adds side by side.
fn predict(weights: &[f64], lags: &[f64], prediction: &mut [f64]) {
    let (constants, weights) = weights.split_at(prediction.len());
    prediction.copy_from_slice(constants);
    for (lag, weights) in lags.iter().zip(weights.chunks_exact(prediction.len())) {
        prediction.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight * lag);
    }
}
