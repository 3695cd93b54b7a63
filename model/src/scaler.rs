//! Brings the features of a row to a common scale.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::arrays::{Array2 as _, ArrayView2 as _};

use crate::codec::RestoreError;
use crate::{FitError, TrainingRows};

/// Which scaler stands before the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalerSpec {
    /// Values as they are.
    None,
    /// Mean 0 and standard deviation 1 per feature, as learned in training (scikit-learn's `StandardScaler`).
    Standard,
}

/// A fitted scaler, as two numbers per feature, so that scaling a row neither allocates nor needs a matrix.
///
/// The statistics are smartcore's, the ones that its `StandardScaler` is made of (standard deviation with the
/// divisor n, like scikit-learn's). It is not used as it stands, because it differs where it hurts: its variance is the
/// mean square less the squared mean, which cancels for values far from zero (a counter near 10^9, say), and it divides
/// a constant column by 2·10^-308 where scikit-learn divides by 1. So the columns are centred first, which makes the
/// same formula scikit-learn's corrected two-pass variance, and constant columns take the scale 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StandardScaler {
    means: Box<[f64]>,
    scales: Box<[f64]>,
}

impl StandardScaler {
    /// Learns mean and scale of each column.
    ///
    /// # Errors
    /// Values so large that their sum or their squares overflow.
    pub(crate) fn fit(rows: &ArrayView2<'_, f64>) -> Result<Self, FitError> {
        let rows = rows.to_owned();
        let means = rows.column_mean();
        let centred = Array2::from_shape_fn(rows.dim(), |(row, column)| rows[[row, column]] - means[column]);
        let variances = centred.variance(0);
        if let Some(column) = (0..means.len()).find(|&column| !(means[column] + variances[column]).is_finite()) {
            return Err(FitError::TooLarge { column });
        }
        let scale =
            |(mean, variance)| if is_constant(rows.nrows(), mean, variance) { 1.0 } else { f64::sqrt(variance) };
        let scales = means.iter().copied().zip(variances).map(scale).collect();
        Ok(Self { means: means.into(), scales })
    }

    /// One value of a row. Finite values stay finite.
    pub(crate) fn scale(&self, column: usize, value: f64) -> f64 {
        ((value - self.means[column]) / self.scales[column]).clamp(f64::MIN, f64::MAX)
    }

    /// The same, cut at ±10^6: what kinds with short memory work on, so that one absurd value is forgotten after some tens
    /// of rows and not after thousands.
    pub(crate) fn z_score(&self, column: usize, value: f64) -> f64 {
        const LARGEST: f64 = 1e6;
        self.scale(column, value).clamp(-LARGEST, LARGEST)
    }

    /// A whole row, into a buffer of the same length.
    pub(crate) fn scale_row(&self, row: &[f64], scaled: &mut [f64]) {
        for (column, (value, scaled)) in row.iter().zip(scaled).enumerate() {
            *scaled = self.scale(column, *value);
        }
    }

    /// A whole table.
    pub(crate) fn scale_rows(&self, rows: &TrainingRows) -> TrainingRows {
        rows.map(|row| {
            for (column, value) in row.iter_mut().enumerate() {
                *value = self.scale(column, *value);
            }
        })
    }

    /// From means and scales that were learned elsewhere, as many of the one as of the other.
    pub(crate) fn from_parts(means: Vec<f64>, scales: Vec<f64>) -> Result<Self, RestoreError> {
        let scaler = Self { means: means.into(), scales: scales.into() };
        scaler.check(scaler.means.len())?;
        Ok(scaler)
    }

    /// Whether it fits rows of `width` values and keeps finite values finite; it may come from a file.
    pub(crate) fn check(&self, width: usize) -> Result<(), RestoreError> {
        let is_sound = self.means.len() == width
            && self.scales.len() == width
            && self.means.iter().all(|mean| mean.is_finite())
            && self.scales.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the scaler does not fit the features")) }
    }

    /// Moves the mean of each column by `rate` of the way towards a row.
    pub(crate) fn follow(&mut self, row: &[f64], rate: f64) {
        for (mean, value) in self.means.iter_mut().zip(row) {
            *mean += rate * (value - *mean).clamp(f64::MIN, f64::MAX);
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.means.len()
    }
}

/// Whether a column varies no more than rounding alone would make it; scikit-learn's bound. A variance that rounding made
/// negative is no more than that either.
fn is_constant(rows: usize, mean: f64, variance: f64) -> bool {
    let rows = rows as f64;
    let rounding_of_mean = rows * mean * f64::EPSILON;
    variance <= rows * f64::EPSILON * variance + rounding_of_mean * rounding_of_mean
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};
    use proptest::prelude::*;
    use smartcore::api::{Transformer, UnsupervisedEstimator};
    use smartcore::preprocessing::numerical;

    use super::*;

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }

    #[test]
    fn it_equals_smartcore_on_ordinary_data() {
        let rows = arr2(&[[1.0, 10.0], [2.0, -3.0], [4.0, 0.5], [7.5, 8.0], [2.25, 2.0]]);
        let theirs = numerical::StandardScaler::fit(&rows, numerical::StandardScalerParameters::default())
            .and_then(|scaler| scaler.transform(&rows))
            .unwrap();
        let ours = StandardScaler::fit(&rows.view()).unwrap().scale_rows(&rows.view().into());
        for (found, expected) in ours.view().iter().zip(&theirs) {
            assert_close(*found, *expected, 1e-14);
        }
    }

    #[test]
    fn a_large_offset_costs_no_precision() {
        let rows = arr2(&[[1e9], [1e9 + 1.0], [1e9 + 2.0], [1e9 + 3.0]]);
        let scaler = StandardScaler::fit(&rows.view()).unwrap();
        assert_close(scaler.scales[0], 1.25_f64.sqrt(), 1e-15);
        assert_close(scaler.scale(0, 1e9), -1.5 / 1.25_f64.sqrt(), 1e-15);
    }

    #[test]
    fn a_constant_column_has_scale_one() {
        let check = |value: f64, rows: usize| {
            let scaler = StandardScaler::fit(&Array2::from_elem((rows, 1), value).view()).unwrap();
            assert_eq!(scaler.scales[0].to_bits(), 1.0_f64.to_bits(), "{value}");
            assert_close(scaler.scale(0, value + 2.0), 2.0, 1e-9);
        };
        check(0.0, 5);
        check(0.1, 1000);
        check(-1e6 / 3.0, 77);
        check(5.0, 1);
    }

    #[test]
    fn values_that_overflow_are_refused_when_fitting_and_cut_when_scaling() {
        let rows = arr2(&[[0.0, 1e308], [1.0, 1e308]]);
        assert_eq!(StandardScaler::fit(&rows.view()), Err(FitError::TooLarge { column: 1 }));
        let scaler = StandardScaler::fit(&arr2(&[[1e-3], [2e-3]]).view()).unwrap();
        assert!(scaler.scale(0, -f64::MAX).is_finite());
    }

    proptest! {
        #[test]
        fn scaled_training_rows_have_mean_zero_and_deviation_one_and_scale_back(
            values in prop::collection::vec(-1e6..1e6_f64, 2..60),
        ) {
            let rows = Array2::from_shape_vec((values.len(), 1), values.clone()).unwrap();
            let scaler = StandardScaler::fit(&rows.view()).unwrap();
            let scaled: Vec<f64> = scaler.scale_rows(&rows.view().into()).column(0).collect();
            let n = values.len() as f64;
            prop_assert!((scaled.iter().sum::<f64>() / n).abs() < 1e-6);
            let variance = scaled.iter().map(|z| z * z).sum::<f64>() / n;
            prop_assert!(values.iter().all(|value| value.to_bits() == values[0].to_bits()) || (variance - 1.0).abs() < 1e-6);
            for (value, scaled) in values.iter().zip(&scaled) {
                let back = scaled * scaler.scales[0] + scaler.means[0];
                prop_assert!((back - value).abs() <= 1e-9 * (1.0 + value.abs()));
            }
        }

        #[test]
        fn a_row_alone_is_scaled_as_in_its_table(values in prop::collection::vec(-1e3..1e3_f64, 4..40)) {
            let rows = Array2::from_shape_vec((values.len() / 2, 2), values[..values.len() / 2 * 2].to_vec()).unwrap();
            let scaler = StandardScaler::fit(&rows.view()).unwrap();
            let table = scaler.scale_rows(&rows.view().into());
            let mut row = [0.0; 2];
            for index in 0..rows.nrows() {
                scaler.scale_row(rows.row(index).as_slice().unwrap(), &mut row);
                prop_assert_eq!(table.row(index), &row[..]);
            }
        }
    }
}
