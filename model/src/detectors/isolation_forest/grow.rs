//! Growing isolation trees.

use ndarray::ArrayView2;

use super::trees::Trees;
use crate::random::Random;

/// A feature whose values in a node differ by no more than this is constant there; scikit-learn's constant.
const FEATURE_THRESHOLD: f64 = 1e-7;

/// Grows `count` trees, each on `min(sample_size, rows)` rows drawn without replacement.
///
/// The rows are rounded to `f32`, as scikit-learn does, and must be finite as such. At least one row and one column.
pub(super) fn grow(rows: &ArrayView2<'_, f64>, count: usize, sample_size: usize, seed: u64) -> Trees {
    let sample_size = sample_size.min(rows.nrows());
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    let mut trees = Trees::new(rows.ncols(), sample_size);
    let mut sample = Sample::new(rows.ncols(), sample_size);
    for _ in 0..count {
        draw_first(&mut order, sample_size, &mut random);
        sample.fill(rows, &order[..sample_size]);
        trees.start_tree();
        Growth { sample: &sample, features: (0..rows.ncols()).collect(), random: &mut random, trees: &mut trees }
            .grow_node(&mut (0..sample_size).collect::<Vec<_>>(), 0, depth_limit(sample_size));
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
    columns: Vec<Vec<f32>>,
}

impl Sample {
    fn new(width: usize, size: usize) -> Self {
        Self { columns: vec![Vec::with_capacity(size); width] }
    }

    fn fill(&mut self, rows: &ArrayView2<'_, f64>, drawn: &[usize]) {
        for (values, column) in self.columns.iter_mut().zip(rows.columns()) {
            values.clear();
            #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
            values.extend(drawn.iter().map(|&row| column[row] as f32));
        }
    }

    /// Smallest and largest value of a feature among some rows.
    fn range(&self, feature: usize, rows: &[usize]) -> (f32, f32) {
        let column = &self.columns[feature];
        rows.iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &row| (min.min(column[row]), max.max(column[row])))
    }
}

/// One tree on its way.
struct Growth<'a> {
    sample: &'a Sample,
    features: Vec<usize>,
    random: &'a mut Random,
    trees: &'a mut Trees,
}

impl Growth<'_> {
    fn grow_node(&mut self, rows: &mut [usize], edges: usize, depth_limit: usize) {
        let split = if edges < depth_limit && rows.len() > 1 { self.draw_split(rows) } else { None };
        let Some((feature, threshold)) = split else {
            self.trees.push_leaf(rows.len());
            return;
        };
        let column = &self.sample.columns[feature];
        let (left, right) = partition(rows, |row| column[row] <= threshold);
        let node = self.trees.push_split(feature, threshold);
        self.grow_node(left, edges + 1, depth_limit);
        self.trees.close_left(node);
        self.grow_node(right, edges + 1, depth_limit);
    }

    /// A feature, uniform among those that vary in the node, and a threshold, uniform over its range there.
    fn draw_split(&mut self, rows: &[usize]) -> Option<(usize, f32)> {
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
    #[expect(clippy::cast_possible_truncation, reason = "rounds, and is corrected downwards")]
    let nearest = threshold as f32;
    let rounded_down = if f64::from(nearest) > threshold { nearest.next_down() } else { nearest };
    if rounded_down >= max { min } else { rounded_down }
}

/// Brings the rows that go left to the front.
fn partition(rows: &mut [usize], goes_left: impl Fn(usize) -> bool) -> (&mut [usize], &mut [usize]) {
    let mut left = 0;
    for place in 0..rows.len() {
        if goes_left(rows[place]) {
            rows.swap(left, place);
            left += 1;
        }
    }
    rows.split_at_mut(left)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::trees::Node;
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
        let mut splits = trees.nodes().iter().filter_map(Node::feature).peekable();
        assert!(splits.peek().is_some());
        assert!(splits.all(|feature| feature == 1));
    }

    #[test]
    fn equal_rows_make_single_leaves() {
        let trees = grow(&Array2::from_elem((50, 2), 1.5).view(), 10, 256, 0);
        assert_eq!(trees.nodes().len(), 10);
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
        fn partitioning_loses_no_row(rows in prop::collection::vec(0_usize..100, 0..50), pivot in 0_usize..100) {
            let mut parted = rows.clone();
            let (left, right) = partition(&mut parted, |row| row <= pivot);
            prop_assert!(left.iter().all(|&row| row <= pivot) && right.iter().all(|&row| row > pivot));
            let sorted = |mut rows: Vec<usize>| { rows.sort_unstable(); rows };
            prop_assert_eq!(sorted(parted), sorted(rows));
        }
    }
}
