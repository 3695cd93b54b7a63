//! The one product that networks are made of: a row times a matrix.
//!
//! Every output adds up its products in the order of the inputs, whatever the width of the processor's registers, so that
//! the bits are the same everywhere. What is quick about it is that several outputs are summed side by side, which the
//! compiler turns into vector instructions: the matrix therefore lies input by input, with all outputs of one input next
//! to each other. No fused multiply-add is used, since not every processor has one.

/// Adds `x` times `weights` to `sums`. `weights` has `x.len()` rows of `sums.len()` columns.
pub(super) fn add_product(weights: &[f64], x: &[f64], sums: &mut [f64]) {
    let mut first = 0;
    // Sixteen sums are eight registers of two: enough to hide the latency of an addition, and not too many to hold.
    while sums.len() - first >= 16 {
        add_columns::<16>(weights, x, sums, first);
        first += 16;
    }
    while sums.len() - first >= 4 {
        add_columns::<4>(weights, x, sums, first);
        first += 4;
    }
    while first < sums.len() {
        add_columns::<1>(weights, x, sums, first);
        first += 1;
    }
}

fn add_columns<const N: usize>(weights: &[f64], x: &[f64], sums: &mut [f64], first: usize) {
    let width = sums.len();
    let mut held = [0.0; N];
    held.copy_from_slice(&sums[first..first + N]);
    for (value, row) in x.iter().zip(weights.chunks_exact(width)) {
        for (sum, weight) in held.iter_mut().zip(&row[first..first + N]) {
            *sum += value * weight;
        }
    }
    sums[first..first + N].copy_from_slice(&held);
}

/// Adds the outer product of `x` and `slopes` to `gradient`, which lies like the weights.
pub(super) fn add_outer(gradient: &mut [f64], x: &[f64], slopes: &[f64]) {
    for (value, row) in x.iter().zip(gradient.chunks_exact_mut(slopes.len())) {
        // Half of the inputs are 0 behind a rectifier, and more behind dropout.
        if *value != 0.0 {
            row.iter_mut().zip(slopes).for_each(|(cell, slope)| *cell += value * slope);
        }
    }
}

/// The matrix with rows and columns exchanged: `weights` has `columns` columns.
pub(super) fn transpose(weights: &[f64], columns: usize, transposed: &mut [f64]) {
    let rows = weights.len() / columns.max(1);
    for (row, cells) in weights.chunks_exact(columns.max(1)).enumerate() {
        cells.iter().enumerate().for_each(|(column, cell)| transposed[column * rows + row] = *cell);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_the_definition_to_the_last_bit(
            inputs in 1_usize..20,
            outputs in 1_usize..40,
            cells in prop::collection::vec(-3.0..3.0_f64, 20 * 40 + 20),
        ) {
            let (weights, x) = (&cells[..inputs * outputs], &cells[800..800 + inputs]);
            let mut sums: Vec<f64> = (0..outputs).map(|column| column as f64).collect();
            add_product(weights, x, &mut sums);
            for (column, found) in sums.iter().enumerate() {
                let expected = (0..inputs).fold(column as f64, |sum, row| sum + x[row] * weights[row * outputs + column]);
                prop_assert_eq!(found.to_bits(), expected.to_bits());
            }
        }

        #[test]
        fn rows_and_columns_are_exchanged(rows in 1_usize..9, columns in 1_usize..9, cells in prop::collection::vec(-3.0..3.0_f64, 81)) {
            let weights = &cells[..rows * columns];
            let mut transposed = vec![0.0; weights.len()];
            transpose(weights, columns, &mut transposed);
            for (place, weight) in weights.iter().enumerate() {
                let (row, column) = (place / columns, place % columns);
                prop_assert_eq!(transposed[column * rows + row].to_bits(), weight.to_bits());
            }
        }
    }

    #[test]
    fn an_outer_product_lies_like_the_weights() {
        let mut gradient = [1.0; 6];
        add_outer(&mut gradient, &[2.0, 0.0], &[1.0, 10.0, 100.0]);
        let expected = [3.0, 21.0, 201.0, 1.0, 1.0, 1.0];
        assert!(
            gradient.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
            "{gradient:?}"
        );
    }
}
