//! Autoregressions: each value from the ones before it, by ridge least squares (Hoerl and Kennard, 1970).
//!
//! The series are meant to be standardised, so that one ridge suits them all, and are cut into segments: no value is ever
//! predicted from lags beyond a border.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;
use crate::linalg::{Square, solve};

/// No fit to standardised values with a ridge comes near weights like this; larger ones in a file are nonsense, and would
/// make finite values infinite.
const LARGEST_WEIGHT: f64 = 1e9;

/// x(t) ≈ Σ aₖ·x(t − k) for a series with mean 0: a weight per lag, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Autoregression {
    weights: Box<[f64]>,
}

impl Autoregression {
    /// Fits `order` weights to a series that follows itself within each of the `segments`. The larger `ridge`, above 0, the
    /// nearer to 0 the weights; it counts like that many rows of standardised noise. A series without a row that has
    /// `order` rows before it gets weights of 0.
    pub(super) fn fit(series: &[f64], segments: impl Iterator<Item = Range<usize>>, order: usize, ridge: f64) -> Self {
        let mut sums = LeastSquares::new(order, 1);
        let mut lags = vec![0.0; order];
        for segment in segments {
            for index in segment.skip(order) {
                lags.iter_mut().zip(series[index - order..index].iter().rev()).for_each(|(lag, value)| *lag = *value);
                sums.add(&lags, &series[index..=index]);
            }
        }
        let weights = sums.solve(|_| ridge).unwrap_or_else(|| vec![0.0; order]);
        Self { weights: weights.into() }
    }

    /// Lags that a prediction needs.
    pub(super) fn order(&self) -> usize {
        self.weights.len()
    }

    /// What the value should be after these lags, the newest first; missing ones count as 0.
    pub(super) fn predict(&self, lags: impl Iterator<Item = f64>) -> f64 {
        self.weights.iter().zip(lags).fold(0.0, |sum, (weight, lag)| sum + weight * lag)
    }

    /// The same to the last bit; then `value` becomes the newest of the lags, and the oldest is gone.
    pub(super) fn predict_and_shift(&self, lags: &mut [f64], value: f64) -> f64 {
        let (mut sum, mut newer) = (0.0, value);
        for (weight, lag) in self.weights.iter().zip(lags) {
            sum += weight * *lag;
            newer = std::mem::replace(lag, newer);
        }
        sum
    }

    /// Whether it has this order and keeps finite values finite; it may come from a file.
    pub(super) fn check(&self, order: usize) -> Result<(), RestoreError> {
        let is_sound = self.order() == order && self.weights.iter().all(|weight| weight.abs() <= LARGEST_WEIGHT);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the autoregression's weights make no sense")) }
    }
}

/// The sums that a least squares fit is made of, gathered row by row.
pub(super) struct LeastSquares {
    /// Σ r·rᵀ over the regressors r, its lower triangle only.
    gram: Square,
    /// Σ r·yᵀ over the regressors and targets y, a row per regressor.
    products: Vec<f64>,
    targets: usize,
    rows: usize,
}

impl LeastSquares {
    /// No rows yet.
    pub(super) fn new(regressors: usize, targets: usize) -> Self {
        Self { gram: Square::zeros(regressors), products: vec![0.0; regressors * targets], targets, rows: 0 }
    }

    /// Takes in a row.
    pub(super) fn add(&mut self, regressors: &[f64], targets: &[f64]) {
        let size = self.gram.size;
        for (row, &left) in regressors.iter().enumerate() {
            let cells = &mut self.gram.cells[row * size..=row * size + row];
            cells.iter_mut().zip(regressors).for_each(|(cell, right)| *cell += left * right);
            let products = &mut self.products[row * self.targets..(row + 1) * self.targets];
            products.iter_mut().zip(targets).for_each(|(cell, right)| *cell += left * right);
        }
        self.rows += 1;
    }

    /// Rows taken in.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The weights, a row of them per regressor and in it one per target, with a ridge for each regressor. `None` where the
    /// ridges are too small to make up for regressors that depend on each other.
    pub(super) fn solve(mut self, ridge: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
        let size = self.gram.size;
        for row in 0..size {
            self.gram.add(row, row, ridge(row));
            for column in 0..row {
                self.gram.cells[column * size + row] = self.gram.get(row, column);
            }
        }
        solve(&self.gram, &self.products, self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// x(t) = .6·x(t − 1) − .3·x(t − 2) + noise.
    fn series(count: usize) -> Vec<f64> {
        let mut random = Random::new(11);
        let mut series = vec![0.0, 0.0];
        while series.len() < count {
            let last = series.len();
            series.push(0.6 * series[last - 1] - 0.3 * series[last - 2] + random.normal());
        }
        series
    }

    #[test]
    fn the_weights_of_a_known_process_are_found() {
        let series = series(20_000);
        let fitted = Autoregression::fit(&series, std::iter::once(0..series.len()), 2, 1.0);
        // Four standard errors of a weight are .027.
        assert!((fitted.weights[0] - 0.6).abs() < 0.027 && (fitted.weights[1] + 0.3).abs() < 0.027, "{fitted:?}");
        let prediction = fitted.predict([2.0, 1.0].into_iter());
        assert!((prediction - (2.0 * fitted.weights[0] + fitted.weights[1])).abs() < 1e-12);
        let mut lags = [2.0, 1.0];
        assert_eq!(fitted.predict_and_shift(&mut lags, 3.0).to_bits(), prediction.to_bits());
        assert_eq!(lags.map(f64::to_bits), [3.0, 2.0].map(f64::to_bits));
    }

    #[test]
    fn no_value_is_predicted_from_beyond_a_border() {
        // Within each segment the values alternate; across the borders they do not.
        let series: Vec<f64> = (0..100).map(|index| if (index + index / 4) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let fitted = Autoregression::fit(&series, (0..25).map(|part| 4 * part..4 * part + 4), 1, 1e-6);
        assert!((fitted.weights[0] + 1.0).abs() < 1e-6, "{fitted:?}");
    }

    #[test]
    fn a_series_that_is_too_short_or_constant_predicts_nothing() {
        for series in [&[][..], &[3.0], &[0.0; 50]] {
            let fitted = Autoregression::fit(series, std::iter::once(0..series.len()), 3, 1.0);
            assert_eq!(fitted.weights[..], [0.0; 3]);
        }
    }

    #[test]
    fn a_ridge_draws_the_weights_to_zero() {
        let series = series(200);
        let weight = |ridge| Autoregression::fit(&series, std::iter::once(0..200), 1, ridge).weights[0];
        assert!(weight(1e-3) > weight(50.0) && weight(50.0) > weight(1e4) && weight(1e4) > 0.0);
    }

    #[test]
    fn weights_from_a_file_are_checked() {
        let of = |weights: &[f64]| Autoregression { weights: weights.into() };
        assert!(of(&[0.5, -0.2]).check(2).is_ok());
        for (weights, order) in [(&[0.5][..], 2), (&[f64::NAN], 1), (&[f64::INFINITY], 1), (&[1e300], 1)] {
            assert!(of(weights).check(order).is_err(), "{weights:?}");
        }
    }
}
