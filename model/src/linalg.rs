//! The little linear algebra that detectors need, with the same bits on every platform.
//!
//! Cholesky's decomposition is smartcore's, on its own `DenseMatrix`: it takes nothing but square roots. smartcore's
//! eigenvalues are not used, because they call the platform's `hypot`, nor ndarray's products of matrices, because they
//! use fused multiply-adds where the processor has them. Eigenvalues are Jacobi's instead.

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linalg::traits::cholesky::CholeskyDecomposable;

/// Sweeps over all pairs; symmetric matrices of some hundred rows need about ten.
const MOST_SWEEPS: usize = 64;

/// A square matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Square {
    pub(crate) size: usize,
    pub(crate) cells: Vec<f64>,
}

impl Square {
    pub(crate) fn zeros(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    pub(crate) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.size + column] += value;
    }

    fn dense(&self) -> Option<DenseMatrix<f64>> {
        DenseMatrix::new(self.size, self.size, self.cells.clone(), false).ok()
    }
}

/// X with A·X = B for a symmetric positive definite A; B and X have `columns` columns and lie row by row. `None` where A
/// is not positive definite.
pub(crate) fn solve(a: &Square, b: &[f64], columns: usize) -> Option<Vec<f64>> {
    let right = DenseMatrix::new(a.size, columns, b.to_vec(), false).ok()?;
    let solved = a.dense()?.cholesky_solve_mut(right).ok()?;
    let cells: Vec<f64> = solved.iterator(0).copied().collect();
    cells.iter().all(|cell| cell.is_finite()).then_some(cells)
}

/// The lower triangle L with A = L·Lᵀ, zeros above it. `None` where A is not positive definite.
pub(crate) fn cholesky_lower(a: &Square) -> Option<Square> {
    let lower = a.dense()?.cholesky().ok()?.L();
    let cells: Vec<f64> = lower.iterator(0).copied().collect();
    let is_sound =
        cells.iter().all(|cell| cell.is_finite()) && (0..a.size).all(|place| cells[place * a.size + place] > 0.0);
    is_sound.then_some(Square { size: a.size, cells })
}

/// Eigenvalues of a symmetric matrix, largest first, with their eigenvectors as the rows of a matrix.
///
/// The cyclic Jacobi method (Golub and Van Loan, Matrix Computations, 8.5). Each eigenvector's largest component is
/// positive, so that its sign does not depend on the way to it.
pub(crate) fn symmetric_eigen(matrix: &Square) -> (Vec<f64>, Square) {
    let size = matrix.size;
    let mut a = matrix.clone();
    let mut vectors = Square::zeros(size);
    (0..size).for_each(|place| vectors.add(place, place, 1.0));
    for _ in 0..MOST_SWEEPS {
        let is_done = (0..size).all(|p| {
            (p + 1..size).all(|q| a.get(p, q).abs() <= f64::EPSILON * f64::sqrt((a.get(p, p) * a.get(q, q)).abs()))
        });
        if is_done {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&left, &right| a.get(right, right).total_cmp(&a.get(left, left)));
    let values = order.iter().map(|&place| a.get(place, place)).collect();
    let mut sorted = Square::zeros(size);
    for (row, &place) in order.iter().enumerate() {
        let vector = &vectors.cells[place * size..(place + 1) * size];
        let largest =
            vector.iter().copied().fold(0.0, |best: f64, cell| if cell.abs() > best.abs() { cell } else { best });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        vector.iter().enumerate().for_each(|(column, cell)| sorted.add(row, column, sign * cell));
    }
    (values, sorted)
}

/// Turns the plane of `p` and `q` so that the cell between them becomes zero. `vectors` holds eigenvectors as rows.
fn rotate(a: &mut Square, vectors: &mut Square, p: usize, q: usize) {
    let (size, off) = (a.size, a.get(p, q));
    if off.abs() < f64::MIN_POSITIVE {
        return;
    }
    let theta = (a.get(q, q) - a.get(p, p)) / (2.0 * off);
    // The smaller root; theta squared may overflow, and its reciprocal is then what counts.
    let tangent = if theta.abs() > 1e150 {
        0.5 / theta
    } else {
        f64::copysign(1.0, theta) / (theta.abs() + f64::sqrt(theta * theta + 1.0))
    };
    let cosine = 1.0 / f64::sqrt(tangent * tangent + 1.0);
    let sine = tangent * cosine;
    for k in 0..size {
        turn(&mut a.cells, k * size + p, k * size + q, cosine, sine);
    }
    for k in 0..size {
        turn(&mut a.cells, p * size + k, q * size + k, cosine, sine);
        turn(&mut vectors.cells, p * size + k, q * size + k, cosine, sine);
    }
}

fn turn(cells: &mut [f64], p: usize, q: usize, cosine: f64, sine: f64) {
    let (at_p, at_q) = (cells[p], cells[q]);
    cells[p] = cosine * at_p - sine * at_q;
    cells[q] = sine * at_p + cosine * at_q;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// B·Bᵀ plus a ridge: symmetric and positive definite.
    fn positive_definite(size: usize, cells: &[f64]) -> Square {
        let mut a = Square::zeros(size);
        for row in 0..size {
            for column in 0..size {
                let product = (0..size).map(|k| cells[row * size + k] * cells[column * size + k]).sum();
                a.add(row, column, product);
            }
            a.add(row, row, 0.1);
        }
        a
    }

    #[test]
    fn what_is_not_positive_definite_has_no_solution() {
        let a = Square { size: 2, cells: vec![1.0, 2.0, 2.0, 1.0] };
        assert_eq!(solve(&a, &[1.0, 1.0], 1), None);
        assert_eq!(cholesky_lower(&a), None);
        assert_eq!(cholesky_lower(&Square::zeros(2)), None);
    }

    #[test]
    fn eigenvalues_of_a_known_matrix_come_largest_first() {
        let (values, vectors) = symmetric_eigen(&Square { size: 2, cells: vec![2.0, 1.0, 1.0, 2.0] });
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14, "{values:?}");
        assert!(
            (vectors.get(0, 0) - 0.5_f64.sqrt()).abs() < 1e-14 && (vectors.get(0, 1) - 0.5_f64.sqrt()).abs() < 1e-14
        );
    }

    proptest! {
        #[test]
        fn solutions_solve_and_triangles_multiply_back(size in 1_usize..7, cells in prop::collection::vec(-3.0..3.0_f64, 49), b in prop::collection::vec(-3.0..3.0_f64, 14)) {
            let a = positive_definite(size, &cells);
            let x = solve(&a, &b[..2 * size], 2).unwrap();
            let lower = cholesky_lower(&a).unwrap();
            for row in 0..size {
                for column in 0..2 {
                    let product: f64 = (0..size).map(|k| a.get(row, k) * x[2 * k + column]).sum();
                    prop_assert!((product - b[2 * row + column]).abs() < 1e-7);
                }
                for column in 0..size {
                    let product: f64 = (0..size).map(|k| lower.get(row, k) * lower.get(column, k)).sum();
                    prop_assert!((product - a.get(row, column)).abs() < 1e-10);
                }
            }
        }

        #[test]
        fn eigenvectors_are_orthonormal_and_put_the_matrix_together_again(size in 1_usize..7, cells in prop::collection::vec(-3.0..3.0_f64, 49)) {
            let a = positive_definite(size, &cells);
            let (values, vectors) = symmetric_eigen(&a);
            prop_assert!(values.is_sorted_by(|left, right| left >= right));
            for row in 0..size {
                for column in 0..size {
                    let product: f64 = (0..size).map(|k| values[k] * vectors.get(k, row) * vectors.get(k, column)).sum();
                    prop_assert!((product - a.get(row, column)).abs() < 1e-10);
                    let dot: f64 = (0..size).map(|k| vectors.get(row, k) * vectors.get(column, k)).sum();
                    prop_assert!((dot - f64::from(u8::from(row == column))).abs() < 1e-12);
                }
            }
        }
    }
}
