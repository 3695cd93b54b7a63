//! The directions in which training rows vary, and by how much.

use crate::TrainingRows;
use crate::linalg::{Square, symmetric_eigen};

/// Entries of a direction that differ by no more are equally large; which of them is larger is up to rounding.
const TIE: f64 = 1e-9;

/// The principal components of training rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Components {
    /// Of each feature.
    pub(super) means: Vec<f64>,
    /// Variances (divisor n - 1) along the directions, largest first; as many as there are rows or features at most.
    pub(super) variances: Vec<f64>,
    /// Directions of length 1 as rows, the one of the largest variance first.
    pub(super) directions: Vec<f64>,
}

impl Components {
    /// Of at least one row. `Err` with the first column whose numbers overflow.
    pub(super) fn of(rows: &TrainingRows) -> Result<Self, usize> {
        let (count, width) = (rows.count() as f64, rows.width());
        let means: Vec<f64> = (0..width).map(|column| rows.column(column).sum::<f64>() / count).collect();
        let mut covariance = Square::zeros(width);
        let mut centred = vec![0.0; width];
        for row in rows.rows() {
            for ((centred, value), mean) in centred.iter_mut().zip(row).zip(&means) {
                *centred = value - mean;
            }
            for (column, cells) in covariance.cells.chunks_exact_mut(width.max(1)).enumerate() {
                for (cell, other) in cells.iter_mut().zip(&centred) {
                    *cell += centred[column] * other;
                }
            }
        }
        let divisor = (count - 1.0).max(1.0);
        for cell in &mut covariance.cells {
            *cell /= divisor;
        }
        // Covariances are bounded by the variances, their sum is not.
        if let Some(column) = (0..width).find(|&column| !(covariance.get(column, column) * count).is_finite()) {
            return Err(column);
        }
        let (mut variances, directions) = symmetric_eigen(&covariance);
        variances.truncate(rows.count());
        for variance in &mut variances {
            *variance = variance.max(0.0);
        }
        let mut directions = directions.cells;
        directions.truncate(variances.len() * width);
        directions.chunks_exact_mut(width.max(1)).for_each(orient);
        Ok(Self { means, variances, directions })
    }

    /// How many components it takes to account for a share of the variance; 0 where nothing varies.
    pub(super) fn accounting_for(&self, share: f64) -> usize {
        let wanted = share * self.variances.iter().sum::<f64>();
        let mut so_far = 0.0;
        let is_missing = |variance: &&f64| {
            let is_missing = so_far < wanted;
            so_far += **variance;
            is_missing
        };
        self.variances.iter().take_while(is_missing).count()
    }
}

/// Turns a direction so that its largest entry is positive, as scikit-learn does. With two standardised features both
/// are equally large, and scikit-learn's choice is up to the last bit; here it is always the last.
fn orient(direction: &mut [f64]) {
    let largest = direction.iter().map(|entry| entry.abs()).fold(0.0, f64::max);
    let deciding = direction.iter().rev().find(|entry| entry.abs() >= largest - TIE);
    if deciding.is_some_and(|entry| *entry < 0.0) {
        for entry in direction {
            *entry = -*entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;

    #[test]
    fn a_line_is_one_component_with_all_the_variance() {
        let rows =
            Array2::from_shape_fn((5, 2), |(row, column)| if column == 0 { row as f64 } else { -2.0 * row as f64 });
        let components = Components::of(&rows.view().into()).unwrap();
        assert_eq!(components.means, [2.0, -4.0]);
        assert!((components.variances[0] - 12.5).abs() < 1e-12 && components.variances[1].abs() < 1e-12);
        let root = f64::sqrt(5.0);
        assert!((components.directions[0] + 1.0 / root).abs() < 1e-12);
        assert!((components.directions[1] - 2.0 / root).abs() < 1e-12, "the larger entry is positive");
        assert_eq!(components.accounting_for(0.95), 1);
    }

    #[test]
    fn there_are_no_more_components_than_rows() {
        let components = Components::of(&arr2(&[[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 1.0, 3.0]]).view().into()).unwrap();
        assert_eq!((components.variances.len(), components.directions.len()), (2, 8));
    }

    #[test]
    fn where_nothing_varies_nothing_is_needed_to_account_for_it() {
        let components = Components::of(&Array2::from_elem((9, 3), 7.0).view().into()).unwrap();
        assert_eq!(components.accounting_for(0.95), 0);
    }

    #[test]
    fn overflow_names_its_column() {
        assert_eq!(Components::of(&arr2(&[[0.0, 1e200], [1.0, -1e200], [2.0, 0.0]]).view().into()), Err(1));
    }

    #[test]
    fn of_entries_that_are_equally_large_the_last_is_positive() {
        let half = f64::sqrt(0.5);
        for rounding in [-1e-15, 0.0, 1e-15] {
            let mut direction = [half + rounding, -half];
            orient(&mut direction);
            assert!(direction[0] < 0.0 && direction[1] > 0.0);
        }
    }
}
