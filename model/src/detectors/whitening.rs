//! Whitening: from vectors whose components depend on each other to ones whose components do not.

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;
use crate::linalg::{Square, cholesky_lower};
use crate::scratch::with_scratch;

/// Share by which covariances give way to 0, so that channels which go together perfectly can still be told apart.
const SHRINKAGE: f64 = 0.05;
/// Variances are taken to be at least this large, in squared training deviations: a channel that never moved, or that was
/// predicted perfectly, must not make a rounding error the event of the year.
const LEAST_VARIANCE: f64 = 1e-6;
/// No whitening that was fitted comes near coefficients like this; larger ones in a file are nonsense.
const LARGEST_COEFFICIENT: f64 = 1e9;

/// The inverse of the lower Cholesky triangle of a covariance matrix Σ: w = L⁻¹·v has uncorrelated components of variance 1,
/// and |w|² = vᵀ·Σ⁻¹·v is Hotelling's T² (1931).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Whitening {
    size: usize,
    /// The inverse triangle, column by column, each from the diagonal down: a vector is then multiplied by whole runs.
    columns: Box<[f64]>,
}

impl Whitening {
    /// Learns from vectors of mean 0 and of `size` components each, which lie one after another. `None` where they overflow.
    pub(super) fn fit(size: usize, vectors: &[f64]) -> Option<Self> {
        let mut covariance = Square::zeros(size);
        for vector in vectors.chunks_exact(size) {
            for (row, left) in vector.iter().enumerate() {
                let cells = &mut covariance.cells[row * size..=row * size + row];
                cells.iter_mut().zip(vector).for_each(|(cell, right)| *cell += left * right);
            }
        }
        let count = (vectors.len() / size.max(1)).max(1) as f64;
        for row in 0..size {
            for column in 0..row {
                let shrunk = (1.0 - SHRINKAGE) * covariance.get(row, column) / count;
                covariance.cells[row * size + column] = shrunk;
                covariance.cells[column * size + row] = shrunk;
            }
            let variance = &mut covariance.cells[row * size + row];
            *variance = (*variance / count).max(LEAST_VARIANCE);
        }
        let lower = cholesky_lower(&covariance)?;
        let mut columns = Vec::with_capacity(size * (size + 1) / 2);
        for column in 0..size {
            // L·c = e by substitution, from the diagonal down.
            let begin = columns.len();
            for row in column..size {
                let known = &columns[begin..];
                let sum: f64 =
                    lower.cells[row * size + column..row * size + row].iter().zip(known).map(|(l, c)| l * c).sum();
                let unit = if row == column { 1.0 } else { 0.0 };
                columns.push((unit - sum) / lower.get(row, row));
            }
        }
        Some(Self { size, columns: columns.into() })
    }

    /// Components of a vector.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whitens a vector into a buffer of the same length.
    pub(super) fn apply(&self, vector: &[f64], whitened: &mut [f64]) {
        whitened.fill(0.0);
        for (place, (value, column)) in vector.iter().zip(self.columns()).enumerate() {
            whitened[place..].iter_mut().zip(column).for_each(|(sum, coefficient)| *sum += coefficient * value);
        }
    }

    /// How much each component of the vector v behind a whitened one has to do with its length: vᵢ·(Σ⁻¹·v)ᵢ, which sum up to
    /// |w|². Components that make it shorter count 0.
    pub(super) fn contributions(&self, whitened: &[f64], shares: &mut [f64]) {
        for (place, (share, column)) in shares.iter_mut().zip(self.columns()).enumerate() {
            *share = column.iter().zip(&whitened[place..]).map(|(coefficient, value)| coefficient * value).sum();
        }
        with_scratch(self.size, |rest| {
            rest.copy_from_slice(whitened);
            for (place, (share, column)) in shares.iter_mut().zip(self.columns()).enumerate() {
                let value = rest[place] / column[0];
                rest[place..].iter_mut().zip(column).for_each(|(rest, coefficient)| *rest -= coefficient * value);
                *share = (*share * value).max(0.0);
            }
        });
    }

    /// Whether it fits vectors of `size` components and keeps finite ones finite; it may come from a file.
    pub(super) fn check(&self, size: usize) -> Result<(), RestoreError> {
        let length = size.checked_add(1).and_then(|next| size.checked_mul(next)).map(|twice| twice / 2);
        let is_sound = self.size == size
            && Some(self.columns.len()) == length
            && self.columns.iter().all(|coefficient| coefficient.abs() <= LARGEST_COEFFICIENT)
            && self.columns().all(|column| column[0] >= 1.0 / LARGEST_COEFFICIENT);
        if is_sound { Ok(()) } else { Err(RestoreError::new("the whitening does not fit the features")) }
    }

    /// Each column from its diagonal down.
    fn columns(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.size).scan(&*self.columns, |rest, place| {
            let (column, after) = rest.split_at_checked(self.size - place)?;
            *rest = after;
            Some(column)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Three components, of which the second goes with the first and the third is ten times as large.
    fn vectors(count: usize) -> Vec<f64> {
        let mut random = Random::new(3);
        let mut draw = || random.normal();
        (0..count)
            .flat_map(|_| {
                let (a, b) = (draw(), draw());
                [a, 0.8 * a + 0.6 * b, 10.0 * draw()]
            })
            .collect()
    }

    #[test]
    fn whitened_vectors_are_uncorrelated_and_of_variance_one() {
        let vectors = vectors(20_000);
        let whitening = Whitening::fit(3, &vectors).unwrap();
        let mut products = [[0.0; 3]; 3];
        for vector in vectors.chunks_exact(3) {
            let mut whitened = [0.0; 3];
            whitening.apply(vector, &mut whitened);
            for row in 0..3 {
                (0..3).for_each(|column| products[row][column] += whitened[row] * whitened[column] / 20_000.0);
            }
        }
        for row in 0..3 {
            for column in 0..3 {
                let expected = if row == column { 1.0 } else { 0.0 };
                // The shrinkage takes .8 for .76, which leaves .856 of the second variance.
                assert!((products[row][column] - expected).abs() < 0.16, "{products:?}");
            }
        }
    }

    #[test]
    fn contributions_sum_up_to_the_squared_length_and_name_the_component() {
        let whitening = Whitening::fit(3, &vectors(2000)).unwrap();
        let (mut whitened, mut shares) = ([0.0; 3], [0.0; 3]);
        whitening.apply(&[0.0, 4.0, 1.0], &mut whitened);
        whitening.contributions(&whitened, &mut shares);
        let length: f64 = whitened.iter().map(|w| w * w).sum();
        assert!((shares.iter().sum::<f64>() / length - 1.0).abs() < 1e-9, "{shares:?}");
        assert!(shares[0] < 1e-9 && shares[1] > 100.0 * shares[2], "{shares:?}");
    }

    #[test]
    fn constant_and_identical_components_can_be_whitened() {
        for vectors in [vec![0.0; 40], (0..40).map(|index| f64::from(index / 4 % 2) - 0.5).collect()] {
            let whitening = Whitening::fit(4, &vectors).unwrap();
            assert!(whitening.check(4).is_ok());
            let mut whitened = [0.0; 4];
            whitening.apply(&[1e6, -1e6, 0.0, 1e6], &mut whitened);
            assert!(whitened.iter().all(|value| value.is_finite()), "{whitened:?}");
        }
    }

    #[test]
    fn a_whitening_from_a_file_is_checked() {
        let sound = Whitening::fit(2, &[1.0, 0.5, -0.5, 1.0]).unwrap();
        let check = |size: usize, columns: &[f64], expected: usize| {
            Whitening { size, columns: columns.into() }.check(expected).is_ok()
        };
        assert!(check(2, &sound.columns, 2));
        assert!(!check(2, &sound.columns, 3) && !check(3, &sound.columns, 3) && !check(2, &sound.columns[1..], 2));
        assert!(!check(2, &[1.0, f64::NAN, 1.0], 2) && !check(2, &[1.0, 0.0, 0.0], 2) && !check(1, &[1e300], 1));
        assert!(!check(usize::MAX, &[1.0], usize::MAX));
    }
}
