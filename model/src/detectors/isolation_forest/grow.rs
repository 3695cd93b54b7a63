//! Growing isolation trees.

use ndarray::ArrayView2;

use super::trees::{Child, Trees, round_down};
use crate::random::Random;

/// A feature whose values in a node differ by no more than this is constant there; scikit-learn's constant.
const FEATURE_THRESHOLD: f64 = 1e-7;

/// Grows `count` trees, each on `min(sample_size, rows)` rows drawn without replacement.
///
/// The rows are rounded to `f32`, as scikit-learn does, and must be finite as such. At least one row and one column.
pub(super) fn grow(rows: &ArrayView2<'_, f64>, count: usize, sample_size: usize, seed: u64) -> Trees {
    let sample_size = sample_size.min(rows.nrows());
    #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
    let table: Vec<f32> = rows.iter().map(|value| *value as f32).collect();
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    let mut trees = Trees::new(rows.ncols(), sample_size);
    let mut sample = Sample::new(rows.ncols(), sample_size);
    let mut features = vec![0; rows.ncols()];
    let mut places = vec![0; sample_size];
    for _ in 0..count {
        draw_first(&mut order, sample_size, &mut random);
        sample.fill(&table, &order[..sample_size]);
        features.iter_mut().enumerate().for_each(|(feature, entry)| *entry = feature);
        (0..).zip(&mut places).for_each(|(place, entry)| *entry = place);
        let growth = Growth { sample: &sample, features: &mut features, random: &mut random, trees: &mut trees };
        growth.grow_tree(&mut places, depth_limit(sample_size));
    }
    trees
}

/// ⌈log₂(max(ψ, 2))⌉: the average depth of a tree of ψ rows; below it lie only normal rows.
fn depth_limit(sample_size: usize) -> usize {
    (usize::BITS - (sample_size.max(2) - 1).leading_zeros()) as usize
}

/// Makes the first `count` entries a uniform draw without replacement (a Fisher-Yates shuffle that stops early).
fn draw_first(order: &mut [usize], count: usize, random: &mut Random) {
    for place in 0..count {
        let drawn = place + random.index(order.len() - place);
        order.swap(place, drawn);
    }
}

/// The rows that one tree is grown on, feature by feature.
struct Sample {
    size: usize,
    columns: Vec<f32>,
}

impl Sample {
    fn new(width: usize, size: usize) -> Self {
        Self { size, columns: vec![0.0; width * size] }
    }

    /// Takes rows out of a table that holds row after row.
    fn fill(&mut self, table: &[f32], drawn: &[usize]) {
        let width = self.columns.len() / self.size;
        for (place, row) in drawn.iter().enumerate() {
            let values = &table[row * width..][..width];
            for (column, value) in self.columns.chunks_exact_mut(self.size).zip(values) {
                column[place] = *value;
            }
        }
    }

    fn column(&self, feature: usize) -> &[f32] {
        &self.columns[feature * self.size..][..self.size]
    }

    /// Smallest and largest value of a feature among some rows.
    fn range(&self, feature: usize, rows: &[u32]) -> (f32, f32) {
        let column = self.column(feature);
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for &row in rows {
            let value = column[row as usize];
            // Not `f32::min`, which takes care of NaN and is slower for it.
            min = if value < min { value } else { min };
            max = if value > max { value } else { max };
        }
        (min, max)
    }
}

/// One tree on its way.
struct Growth<'a> {
    sample: &'a Sample,
    features: &'a mut [usize],
    random: &'a mut Random,
    trees: &'a mut Trees,
}

impl Growth<'_> {
    fn grow_tree(mut self, rows: &mut [u32], depth_limit: usize) {
        let root = self.grow_node(rows, depth_limit);
        self.trees.push_root(root);
    }

    fn grow_node(&mut self, rows: &mut [u32], levels_left: usize) -> Child {
        let split = if levels_left > 0 && rows.len() > 1 { self.draw_split(rows) } else { None };
        let Some((feature, threshold)) = split else { return Child::leaf(rows.len()) };
        let node = self.trees.push_split(feature, threshold);
        let column = self.sample.column(feature);
        let (left, right) = partition(rows, |row| column[row as usize] <= threshold);
        let children = [self.grow_node(left, levels_left - 1), self.grow_node(right, levels_left - 1)];
        self.trees.set_children(node, children);
        Child::split(node)
    }

    /// A feature, uniform among those that vary in the node, and a threshold, uniform over its range there.
    fn draw_split(&mut self, rows: &[u32]) -> Option<(usize, f32)> {
        for place in 0..self.features.len() {
            let drawn = place + self.random.index(self.features.len() - place);
            self.features.swap(place, drawn);
            let feature = self.features[place];
            let (min, max) = self.sample.range(feature, rows);
            if f64::from(max) > f64::from(min) + FEATURE_THRESHOLD {
                return Some((feature, draw_threshold(min, max, self.random.unit())));
            }
        }
        None
    }
}

/// min + U·(max − min) in `f64`, then rounded down to `f32`, which splits `f32` values just the same. Both sides get rows.
fn draw_threshold(min: f32, max: f32, unit: f64) -> f32 {
    let (low, high) = (f64::from(min), f64::from(max));
    let threshold = low + unit * (high - low);
    let rounded_down = round_down(threshold);
    if rounded_down >= max { min } else { rounded_down }
}

/// Brings the rows that go left to the front. Swaps every row, because a guess whether to swap would be wrong for half.
fn partition(rows: &mut [u32], goes_left: impl Fn(u32) -> bool) -> (&mut [u32], &mut [u32]) {
    let mut left = 0;
    for place in 0..rows.len() {
        rows.swap(place, left);
        left += usize::from(goes_left(rows[left]));
    }
    rows.split_at_mut(left)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_depth_limit_is_the_logarithm_rounded_up() {
        let check = |sample_size, expected| assert_eq!(depth_limit(sample_size), expected, "{sample_size}");
        check(0, 1);
        check(1, 1);
        check(2, 1);
        check(3, 2);
        check(4, 2);
        check(5, 3);
        check(256, 8);
        check(257, 9);
    }

    #[test]
    fn constant_features_are_never_split_on() {
        let rows = Array2::from_shape_fn((100, 3), |(row, column)| if column == 1 { row as f64 } else { 4.0 });
        let trees = grow(&rows.view(), 20, 64, 3);
        let mut splits = trees.splits().iter().map(|split| split.feature).peekable();
        assert!(splits.peek().is_some());
        assert!(splits.all(|feature| feature == 1));
    }

    #[test]
    fn equal_rows_make_single_leaves() {
        let trees = grow(&Array2::from_elem((50, 2), 1.5).view(), 10, 256, 0);
        assert!(trees.splits().is_empty());
        assert_eq!(trees.roots(), [Child::leaf(50); 10]);
    }

    #[test]
    fn one_row_is_enough() {
        let trees = grow(&Array2::zeros((1, 1)).view(), 3, 256, 0);
        assert!((trees.score(&[7.0]) - 0.5).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_threshold_leaves_rows_on_both_sides(a: f32, b: f32, unit in 0.0..1.0_f64) {
            let (min, max) = (a.min(b), a.max(b));
            prop_assume!(min.is_finite() && max.is_finite() && min < max);
            let threshold = draw_threshold(min, max, unit);
            prop_assert!(min <= threshold && threshold < max);
        }

        #[test]
        fn partitioning_loses_no_row(rows in prop::collection::vec(0_u32..100, 0..50), pivot in 0_u32..100) {
            let mut parted = rows.clone();
            let (left, right) = partition(&mut parted, |row| row <= pivot);
            prop_assert!(left.iter().all(|&row| row <= pivot) && right.iter().all(|&row| row > pivot));
            let sorted = |mut rows: Vec<u32>| { rows.sort_unstable(); rows };
            prop_assert_eq!(sorted(parted), sorted(rows));
        }
    }
}
