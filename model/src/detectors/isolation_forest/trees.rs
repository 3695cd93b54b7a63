//! Trees as one flat array of splits, and the plain walk down them, which all faster ways must equal.

use super::path_length::{self, Corrections, PathLength};

/// The side of a split, or the root of a tree: a further split, or a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Child(u32);

/// What a [`Child`] stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// The training rows in a leaf.
    Leaf(u32),
    /// The place of a split.
    Split(u32),
}

impl Child {
    /// Marks a leaf, whose training rows are in the other bits.
    const LEAF: u32 = 1 << 31;
    /// The most rows in a leaf, and the highest place of a split.
    pub(super) const HIGHEST: u32 = Self::LEAF - 1;

    pub(super) fn leaf(rows: usize) -> Self {
        Self(Self::LEAF | bounded(rows))
    }

    pub(super) fn split(place: usize) -> Self {
        Self(bounded(place))
    }

    pub(super) fn target(self) -> Target {
        if self.0 & Self::LEAF == 0 { Target::Split(self.0) } else { Target::Leaf(self.0 & Self::HIGHEST) }
    }
}

/// Compares one feature of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) feature: u32,
    /// Values at or below it go left. Finite.
    pub(super) threshold: f32,
    /// Training rows that came this way.
    pub(super) rows: u32,
    /// Left and right.
    pub(super) children: [Child; 2],
}

impl Split {
    /// Where a value goes: 0 for left, 1 for right.
    pub(super) fn side(&self, value: f32) -> usize {
        let goes_left = value <= self.threshold;
        usize::from(!goes_left)
    }
}

/// All trees of a forest. Splits stand before their children, so that every walk ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trees {
    width: usize,
    sample_size: usize,
    splits: Vec<Split>,
    roots: Vec<Child>,
    corrections: Corrections,
}

impl Trees {
    /// No trees yet, for rows of `width` features; each is grown on `sample_size` rows.
    pub(super) fn new(width: usize, sample_size: usize) -> Self {
        let corrections = Corrections::up_to(sample_size);
        Self { width, sample_size, splits: Vec::new(), roots: Vec::new(), corrections }
    }

    /// Appends a split; [`set_children`](Self::set_children) completes it.
    pub(super) fn push_split(&mut self, feature: usize, threshold: f32) -> usize {
        self.splits.push(Split { feature: bounded(feature), threshold, rows: 0, children: [Child::leaf(0); 2] });
        self.splits.len() - 1
    }

    /// Completes a split. Children that are splits were pushed after it and are complete.
    pub(super) fn set_children(&mut self, split: usize, children: [Child; 2]) {
        let rows = self.rows(children[0]).saturating_add(self.rows(children[1]));
        let split = &mut self.splits[split];
        (split.rows, split.children) = (rows, children);
    }

    /// Training rows that came to a child.
    pub(super) fn rows(&self, child: Child) -> u32 {
        match child.target() {
            Target::Leaf(rows) => rows,
            Target::Split(place) => self.splits[place as usize].rows,
        }
    }

    /// A tree is complete.
    pub(super) fn push_root(&mut self, root: Child) {
        self.roots.push(root);
    }

    /// Gives back memory that growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.splits.shrink_to_fit();
        self.roots.shrink_to_fit();
    }

    /// Features per row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Rows that each tree was grown on.
    pub(super) fn sample_size(&self) -> usize {
        self.sample_size
    }

    /// All splits of all trees.
    pub(super) fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// One for each tree.
    pub(super) fn roots(&self) -> &[Child] {
        &self.roots
    }

    /// What leaves add to their depth.
    pub(super) fn corrections(&self) -> &Corrections {
        &self.corrections
    }

    /// T·c(ψ), by which the sum of path lengths is divided.
    pub(super) fn norm(&self) -> f64 {
        self.roots.len() as f64 * path_length::average_path_length(self.sample_size)
    }

    /// The anomaly score of a row, from 0 to 1. Values are compared in `f32`.
    pub(super) fn score(&self, x: &[f64]) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
        let value = |feature: usize| x[feature] as f32;
        let sum = self.roots.iter().map(|root| self.walk(*root, 0, value)).sum();
        path_length::score(sum, self.norm())
    }

    /// The path length of a row that is `edges` below the root when it comes to `child`.
    pub(super) fn walk(&self, mut child: Child, mut edges: u32, value: impl Fn(usize) -> f32) -> PathLength {
        loop {
            match child.target() {
                Target::Leaf(rows) => return path_length::of_edges(edges) + self.corrections.of(rows),
                Target::Split(place) => {
                    let split = &self.splits[place as usize];
                    child = split.children[split.side(value(split.feature as usize))];
                    edges += 1;
                }
            }
        }
    }

    /// The trees of a single feature as steps: the sum of path lengths left of all thresholds, and at each threshold
    /// how the sum changes. Thresholds ascend within each tree, and are not yet merged.
    pub(super) fn steps(&self) -> (PathLength, Vec<(f32, PathLength)>) {
        let mut first = 0;
        let mut changes = Vec::with_capacity(self.splits.len());
        let mut pending: Vec<(Child, u32, f32)> = Vec::new();
        for root in &self.roots {
            let (mut child, mut edges) = (*root, 0);
            let mut last: Option<(PathLength, f32)> = None;
            loop {
                let rows = match child.target() {
                    Target::Leaf(rows) => rows,
                    Target::Split(place) => {
                        let split = &self.splits[place as usize];
                        pending.push((split.children[1], edges + 1, split.threshold));
                        (child, edges) = (split.children[0], edges + 1);
                        continue;
                    }
                };
                let length = path_length::of_edges(edges) + self.corrections.of(rows);
                match last {
                    None => first += length,
                    Some((previous, threshold)) => changes.push((threshold, length - previous)),
                }
                let Some((right, depth, threshold)) = pending.pop() else { break };
                last = Some((length, threshold));
                (child, edges) = (right, depth);
            }
        }
        (first, changes)
    }
}

/// The largest `f32` that is not above a number. Comparing `f32` values with either says the same.
pub(super) fn round_down(threshold: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounds, and is corrected downwards")]
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// Bounded by the largest numbers of trees and of samples that the kind accepts, and by what importing accepts.
fn bounded(number: usize) -> u32 {
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= Child::HIGHEST)
        .expect("invariant: a forest has fewer than 2^31 splits, rows and features")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feature 0 at 1.5; on the right, feature 1 at −0.5.
    fn small() -> Trees {
        let mut trees = Trees::new(2, 8);
        let root = trees.push_split(0, 1.5);
        let right = trees.push_split(1, -0.5);
        trees.set_children(right, [Child::leaf(2), Child::leaf(5)]);
        trees.set_children(root, [Child::leaf(1), Child::split(right)]);
        trees.push_root(Child::split(root));
        trees
    }

    #[test]
    fn a_row_goes_left_up_to_and_including_the_threshold() {
        let check = |x: [f32; 2], edges: u32, rows: usize| {
            let expected = path_length::of_edges(edges) + path_length::correction(rows);
            assert_eq!(small().walk(small().roots[0], 0, |feature| x[feature]), expected, "{x:?}");
        };
        check([1.5, 0.0], 1, 1);
        check([1.500_001, -0.5], 2, 2);
        check([2.0, -0.4], 2, 5);
        check([f32::INFINITY, f32::NEG_INFINITY], 2, 2);
    }

    #[test]
    fn a_split_has_the_rows_of_both_its_sides() {
        assert_eq!(small().splits().iter().map(|split| split.rows).collect::<Vec<_>>(), [8, 7]);
    }

    #[test]
    fn a_threshold_between_two_floats_becomes_the_lower() {
        assert_eq!(round_down(0.1).to_bits(), 0.1_f32.next_down().to_bits(), "0.1_f32 is above 0.1");
        assert_eq!(round_down(0.5).to_bits(), 0.5_f32.to_bits());
        assert_eq!(round_down(-1e300).to_bits(), f32::NEG_INFINITY.to_bits());
        assert_eq!(round_down(1e300).to_bits(), f32::MAX.to_bits());
    }

    #[test]
    fn the_score_is_two_to_the_minus_relative_path_length() {
        let trees = small();
        let h = 2.0 + path_length::average_path_length(5);
        let expected = libm::exp2(-h / path_length::average_path_length(8));
        assert!((trees.score(&[2.0, 0.0]) - expected).abs() < 1e-12);
    }
}
