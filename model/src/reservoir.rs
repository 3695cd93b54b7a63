//! A bounded, fair sample of everything seen so far, for retraining.

use ndarray::Array2;

use crate::random::Random;

/// A uniform sample of all good-quality rows, flagged ones included, in bounded memory.
///
/// Retraining draws on it. Were it to hold only what the last model let through, contamination would trim the training
/// set at every round. Rows are kept as `f32`, in the order of their arrival; each row ever pushed is equally
/// likely to be in it (Vitter's algorithm R). Neighbouring rows of the sample are in general not neighbours in time.
#[derive(Clone, Debug)]
pub struct Reservoir {
    width: usize,
    capacity: usize,
    cells: Vec<f32>,
    arrivals: Vec<u64>,
    seen: u64,
    random: Random,
}

impl Reservoir {
    /// The most rows that any reservoir holds; a larger capacity is cut to this.
    pub const MAXIMUM_CAPACITY: usize = 2048;

    /// An empty reservoir for rows of `width` values. A capacity of 0 counts as 1. Memory grows with the rows.
    pub fn new(width: usize, capacity: usize, seed: u64) -> Self {
        let capacity = capacity.clamp(1, Self::MAXIMUM_CAPACITY);
        Self { width, capacity, cells: Vec::new(), arrivals: Vec::new(), seen: 0, random: Random::new(seed) }
    }

    /// Offers a row. A row of another width, or with a value that is not finite, is not taken and not counted.
    pub fn push(&mut self, row: &[f64]) {
        if row.len() != self.width || !row.iter().all(|value| value.is_finite()) {
            return;
        }
        let place = if self.len() < self.capacity {
            self.cells.resize(self.cells.len() + self.width, 0.0);
            self.arrivals.push(self.seen);
            Some(self.len() - 1)
        } else {
            let drawn = self.random.below(self.seen + 1);
            usize::try_from(drawn).ok().filter(|&place| place < self.capacity)
        };
        if let Some(place) = place {
            self.arrivals[place] = self.seen;
            for (cell, value) in self.cells[place * self.width..].iter_mut().zip(row) {
                *cell = to_finite_f32(*value);
            }
        }
        self.seen += 1;
    }

    /// The sample, one row each, oldest first.
    pub fn rows(&self) -> Array2<f64> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by_key(|&place| self.arrivals[place]);
        Array2::from_shape_fn((self.len(), self.width), |(row, column)| {
            f64::from(self.cells[order[row] * self.width + column])
        })
    }

    /// Rows in the sample.
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether no row was taken yet.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Rows seen in all.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}

/// The nearest `f32`; what lies beyond its range becomes its end, since an infinity could not be trained on.
#[expect(clippy::cast_possible_truncation, reason = "the reservoir is specified in f32")]
fn to_finite_f32(value: f64) -> f32 {
    (value as f32).clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_keeps_everything_until_it_is_full() {
        let mut reservoir = Reservoir::new(2, 3, 0);
        assert!(reservoir.is_empty());
        reservoir.push(&[1.0, 2.0]);
        reservoir.push(&[3.0, 4.0]);
        assert_eq!(reservoir.rows(), ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]));
    }

    #[test]
    fn rows_that_could_not_be_trained_on_are_not_taken() {
        let mut reservoir = Reservoir::new(2, 3, 0);
        reservoir.push(&[1.0]);
        reservoir.push(&[1.0, f64::NAN]);
        reservoir.push(&[f64::INFINITY, 1.0]);
        assert_eq!((reservoir.len(), reservoir.seen()), (0, 0));
        reservoir.push(&[1e300, -1e300]);
        assert!(reservoir.rows().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn every_row_is_as_likely_as_any_other_and_the_order_is_kept() {
        let mut tenths = [0_u32; 10];
        for seed in 0..400 {
            let mut reservoir = Reservoir::new(1, 50, seed);
            (0..1000).for_each(|row| reservoir.push(&[f64::from(row)]));
            let rows = reservoir.rows();
            assert!(rows.iter().is_sorted());
            for row in &rows {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
                let tenth = (row / 100.0) as usize;
                tenths[tenth] += 1;
            }
        }
        // 2,000 are expected in each tenth; five standard deviations are about 212.
        assert!(tenths.iter().all(|&count| count.abs_diff(2000) < 212), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn it_never_outgrows_its_bounds_and_holds_only_what_it_was_given(
            capacity in 0_usize..5000, width in 0_usize..3, seed: u64, count in 0_u32..6000,
        ) {
            let mut reservoir = Reservoir::new(width, capacity, seed);
            for row in 0..count {
                reservoir.push(&vec![f64::from(row); width]);
            }
            let most = capacity.clamp(1, Reservoir::MAXIMUM_CAPACITY);
            prop_assert_eq!(reservoir.len(), most.min(count as usize));
            prop_assert_eq!(reservoir.seen(), u64::from(count));
            let rows = reservoir.rows();
            prop_assert_eq!(rows.dim(), (reservoir.len(), width));
            let firsts: Vec<f64> = rows.rows().into_iter().filter_map(|row| row.first().copied()).collect();
            prop_assert!(firsts.is_sorted_by(|a, b| a < b));
            prop_assert!(firsts.iter().all(|&value| value < f64::from(count)));
        }
    }
}
