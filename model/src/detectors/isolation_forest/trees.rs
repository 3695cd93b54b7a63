//! Trees as one flat array of nodes, and the walk down them.

use serde::{Deserialize, Serialize};

use super::path_length::{self, PathLength};

/// Marks a node as a leaf.
const LEAF: u32 = u32::MAX;

/// A split or a leaf. The left child of a split is the next node of the array.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    /// The feature that is compared, or `LEAF`.
    feature: u32,
    /// Place of the right child; for a leaf, the training rows in it.
    right: u32,
    /// Values at or below it go left.
    threshold: f32,
}

impl Node {
    /// The feature that a split compares; none for a leaf.
    #[cfg(test)]
    pub(super) fn feature(&self) -> Option<usize> {
        (self.feature != LEAF).then_some(self.feature as usize)
    }
}

/// All trees of a forest, one after another, each in preorder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trees {
    width: usize,
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// By the training rows in a leaf: what they add to its depth.
    corrections: Box<[PathLength]>,
}

impl Trees {
    /// No trees yet, for rows of `width` features; each will be grown on `sample_size` rows.
    pub(super) fn new(width: usize, sample_size: usize) -> Self {
        let corrections = (0..=sample_size).map(path_length::correction).collect();
        Self { width, nodes: Vec::new(), roots: Vec::new(), corrections }
    }

    /// The next node is the root of a new tree.
    pub(super) fn start_tree(&mut self) {
        self.roots.push(self.next());
    }

    /// Appends a split, whose left child follows. Gives its place, for [`close_left`](Self::close_left).
    pub(super) fn push_split(&mut self, feature: usize, threshold: f32) -> u32 {
        let place = self.next();
        self.nodes.push(Node { feature: to_u32(feature), right: 0, threshold });
        place
    }

    /// The left side of this split is complete; its right child follows.
    pub(super) fn close_left(&mut self, split: u32) {
        self.nodes[split as usize].right = self.next();
    }

    /// Appends a leaf that holds so many training rows.
    pub(super) fn push_leaf(&mut self, rows: usize) {
        self.nodes.push(Node { feature: LEAF, right: to_u32(rows), threshold: 0.0 });
    }

    /// Gives back memory that growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.roots.shrink_to_fit();
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// All nodes of all trees.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// T·c(ψ), by which the sum of path lengths is divided.
    pub(super) fn norm(&self) -> f64 {
        self.roots.len() as f64 * path_length::average_path_length(self.corrections.len() - 1)
    }

    /// The anomaly score of a row, from 0 to 1. Values are compared in `f32`.
    pub(super) fn score(&self, x: &[f64]) -> f64 {
        path_length::score(self.roots.iter().map(|root| self.walk(*root, x)).sum(), self.norm())
    }

    fn walk(&self, root: u32, x: &[f64]) -> PathLength {
        let mut place = root;
        let mut edges = 0;
        loop {
            let node = &self.nodes[place as usize];
            if node.feature == LEAF {
                return path_length::of_edges(edges) + self.corrections[node.right as usize];
            }
            #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
            let goes_left = x[node.feature as usize] as f32 <= node.threshold;
            place = if goes_left { place + 1 } else { node.right };
            edges += 1;
        }
    }

    /// The trees of a single feature as steps: the sum of path lengths left of all thresholds, and at each threshold
    /// how the sum changes. Thresholds ascend within each tree, and are not yet merged.
    pub(super) fn steps(&self) -> (PathLength, Vec<(f32, PathLength)>) {
        let mut first = 0;
        let mut changes = Vec::with_capacity(self.nodes.len() / 2);
        for root in &self.roots {
            let mut pending: Vec<(u32, u32, f32)> = Vec::new();
            let (mut place, mut edges) = (*root, 0);
            let mut last: Option<(PathLength, f32)> = None;
            loop {
                let node = &self.nodes[place as usize];
                if node.feature != LEAF {
                    pending.push((node.right, edges + 1, node.threshold));
                    (place, edges) = (place + 1, edges + 1);
                    continue;
                }
                let length = path_length::of_edges(edges) + self.corrections[node.right as usize];
                match last {
                    None => first += length,
                    Some((previous, threshold)) => changes.push((threshold, length - previous)),
                }
                let Some((right, depth, threshold)) = pending.pop() else { break };
                last = Some((length, threshold));
                (place, edges) = (right, depth);
            }
        }
        (first, changes)
    }

    fn next(&self) -> u32 {
        to_u32(self.nodes.len())
    }
}

/// Bounded by the largest numbers of trees and of samples that the kind accepts, and of features that memory holds.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).expect("invariant: a forest has fewer than 2^32 nodes and features")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feature 0 at 1.5; on the right, feature 1 at −0.5.
    fn small() -> Trees {
        let mut trees = Trees::new(2, 8);
        trees.start_tree();
        let root = trees.push_split(0, 1.5);
        trees.push_leaf(1);
        trees.close_left(root);
        let right = trees.push_split(1, -0.5);
        trees.push_leaf(2);
        trees.close_left(right);
        trees.push_leaf(5);
        trees
    }

    #[test]
    fn a_row_goes_left_up_to_and_including_the_threshold() {
        let check = |x: [f64; 2], edges: u32, rows: usize| {
            let expected = path_length::of_edges(edges) + path_length::correction(rows);
            assert_eq!(small().walk(0, &x), expected, "{x:?}");
        };
        check([1.5, 0.0], 1, 1);
        check([1.500_001, -0.5], 2, 2);
        check([2.0, -0.4], 2, 5);
        check([f64::INFINITY, f64::NEG_INFINITY], 2, 2);
    }

    #[test]
    fn the_score_is_two_to_the_minus_relative_path_length() {
        let trees = small();
        let h = 2.0 + path_length::average_path_length(5);
        let expected = libm::exp2(-h / path_length::average_path_length(8));
        assert!((trees.score(&[2.0, 0.0]) - expected).abs() < 1e-12);
    }
}
