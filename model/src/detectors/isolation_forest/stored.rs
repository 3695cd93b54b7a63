//! The serialised form of a forest, small and checked: a file from anywhere either fails to load or can be scored with.
//!
//! Trees are stored in preorder without references between nodes, so that there is no cycle to be found. The fast
//! layout is built again on loading.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::exported::{MOST_NODES, TreeError, check_sizes};
use super::forest::{Form, IsolationForest};
use super::steps::{Scores, Steps};
use super::trees::{Child, Target, Trees};

/// What is stored of a forest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stored<'a> {
    /// The step table of one feature.
    Steps(StoredSteps<'a>),
    /// The trees of several features.
    Trees(StoredTrees),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSteps<'a> {
    thresholds: Cow<'a, [f32]>,
    scores: Cow<'a, Scores>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredTrees {
    width: usize,
    sample_size: usize,
    trees: usize,
    /// By node, tree after tree, in preorder: 0 for a leaf, else 1 more than the feature compared.
    nodes: Vec<u32>,
    /// By split, in the same order.
    thresholds: Vec<f32>,
    /// By leaf, in the same order: training rows in it.
    rows: Vec<u32>,
}

/// Why a stored forest is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum StoredError {
    #[error("the stored step table is not one; take an intact copy, or train again")]
    Steps,
    #[error("the arrays of the stored trees do not belong together; take an intact copy, or train again")]
    Arrays,
    #[error(transparent)]
    Trees(#[from] TreeError),
}

impl<'a> Stored<'a> {
    pub(super) fn of(forest: &'a IsolationForest) -> Self {
        match &forest.0 {
            Form::Single(steps) => {
                let (thresholds, scores) = steps.parts();
                Self::Steps(StoredSteps { thresholds: thresholds.into(), scores: Cow::Borrowed(scores) })
            }
            Form::Several(trees, _) => Self::Trees(StoredTrees::of(trees)),
        }
    }
}

impl TryFrom<Stored<'_>> for IsolationForest {
    type Error = StoredError;

    fn try_from(stored: Stored<'_>) -> Result<Self, StoredError> {
        match stored {
            Stored::Steps(steps) => Steps::from_parts(steps.thresholds.into_owned().into(), steps.scores.into_owned())
                .map(|steps| Self(Form::Single(steps)))
                .ok_or(StoredError::Steps),
            Stored::Trees(trees) => Ok(Self::several(trees.into_trees()?)),
        }
    }
}

impl StoredTrees {
    fn of(trees: &Trees) -> Self {
        let (width, sample_size) = (trees.width(), trees.sample_size());
        let mut stored = Self { width, sample_size, trees: trees.roots().len(), ..Self::default() };
        let mut pending = Vec::new();
        for root in trees.roots() {
            pending.push(*root);
            while let Some(child) = pending.pop() {
                match child.target() {
                    Target::Leaf(rows) => {
                        stored.nodes.push(0);
                        stored.rows.push(rows);
                    }
                    Target::Split(place) => {
                        let split = &trees.splits()[place as usize];
                        stored.nodes.push(split.feature + 1);
                        stored.thresholds.push(split.threshold);
                        pending.extend(split.children.into_iter().rev());
                    }
                }
            }
        }
        stored
    }

    fn into_trees(self) -> Result<Trees, StoredError> {
        check_sizes(self.width, self.sample_size, self.trees)?;
        let splits = self.nodes.iter().filter(|node| **node != 0).count();
        // A binary tree has one leaf more than it has splits.
        if self.nodes.len() > MOST_NODES
            || self.thresholds.len() != splits
            || self.rows.len() != self.nodes.len() - splits
            || self.rows.len() != splits.saturating_add(self.trees)
        {
            return Err(StoredError::Arrays);
        }
        let mut reader = Reader { stored: &self, tree: 0, first: 0, node: 0, split: 0, leaf: 0 };
        let mut trees = Trees::new(self.width, self.sample_size);
        for tree in 0..self.trees {
            (reader.tree, reader.first) = (tree, reader.node);
            let root = reader.read_tree(&mut trees)?;
            if trees.rows(root) as usize > self.sample_size {
                let (found, expected) = (trees.rows(root).into(), format!("trees were grown on {}", self.sample_size));
                return Err(TreeError::Samples { tree, node: 0, found, expected }.into());
            }
            trees.push_root(root);
        }
        if reader.node < self.nodes.len() {
            return Err(StoredError::Arrays);
        }
        Ok(trees)
    }
}

/// Reads nodes one after another.
struct Reader<'a> {
    stored: &'a StoredTrees,
    tree: usize,
    /// First node of the tree.
    first: usize,
    node: usize,
    split: usize,
    leaf: usize,
}

impl Reader<'_> {
    fn read_tree(&mut self, trees: &mut Trees) -> Result<Child, StoredError> {
        // The splits above the next node, each with its left side once that is complete.
        let mut open: Vec<(usize, Option<Child>)> = Vec::new();
        loop {
            let node = *self.stored.nodes.get(self.node).ok_or(StoredError::Arrays)?;
            self.node += 1;
            if node > 0 {
                open.push((self.push_split(node - 1, trees)?, None));
                continue;
            }
            let mut complete = self.read_leaf()?;
            loop {
                match open.pop() {
                    None => return Ok(complete),
                    Some((split, None)) => {
                        open.push((split, Some(complete)));
                        break;
                    }
                    Some((split, Some(left))) => {
                        trees.set_children(split, [left, complete]);
                        complete = Child::split(split);
                    }
                }
            }
        }
    }

    fn push_split(&mut self, feature: u32, trees: &mut Trees) -> Result<usize, StoredError> {
        let (tree, node, width) = (self.tree, self.node - 1 - self.first, self.stored.width);
        let threshold = *self.stored.thresholds.get(self.split).ok_or(StoredError::Arrays)?;
        self.split += 1;
        if feature as usize >= width {
            return Err(TreeError::Feature { tree, node, feature: feature.into(), width }.into());
        }
        if !threshold.is_finite() {
            return Err(TreeError::Threshold { tree, node, threshold: threshold.into() }.into());
        }
        Ok(trees.push_split(feature as usize, threshold))
    }

    fn read_leaf(&mut self) -> Result<Child, StoredError> {
        let rows = *self.stored.rows.get(self.leaf).ok_or(StoredError::Arrays)?;
        self.leaf += 1;
        if rows as usize > self.stored.sample_size {
            let (found, expected) = (rows.into(), format!("trees were grown on {}", self.stored.sample_size));
            return Err(
                TreeError::Samples { tree: self.tree, node: self.node - 1 - self.first, found, expected }.into()
            );
        }
        Ok(Child::leaf(rows as usize))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;

    fn forest(width: usize, trees: usize, seed: u64) -> IsolationForest {
        let mut random = Random::new(seed);
        let rows = Array2::from_shape_simple_fn((120, width), || random.unit() * 9.0 - 3.0);
        IsolationForest::fit(&rows.view(), trees, 64, seed).unwrap()
    }

    fn to_bytes(forest: &IsolationForest) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(forest, &mut bytes).unwrap();
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<IsolationForest, String> {
        ciborium::from_reader(bytes).map_err(|error: ciborium::de::Error<std::io::Error>| error.to_string())
    }

    fn score_somewhere(forest: &IsolationForest) -> Vec<f64> {
        let width = crate::Detector::width(forest);
        let rows: Vec<f64> = (0..20 * width.min(1000)).map(|cell| (cell * 37 % 101) as f64 / 10.0 - 5.0).collect();
        let mut scores = vec![0.0; 20];
        forest.score_rows(&rows, &mut scores);
        scores
    }

    #[test]
    fn what_is_stored_comes_back_the_same() {
        for width in [1, 2, 8, 300] {
            let original = forest(width, 10, 5);
            let loaded = from_bytes(&to_bytes(&original)).unwrap();
            // The order of the splits may differ; what the forest says does not.
            assert_eq!(score_somewhere(&loaded), score_somewhere(&original));
            assert_eq!(to_bytes(&loaded), to_bytes(&original));
        }
    }

    #[test]
    fn a_stored_forest_is_small() {
        let mut random = Random::new(1);
        let rows = Array2::from_shape_simple_fn((1000, 8), || random.unit());
        let bytes = to_bytes(&IsolationForest::fit(&rows.view(), 100, 256, 0).unwrap()).len();
        assert!(bytes < 120_000, "{bytes}");
    }

    #[test]
    fn arrays_that_do_not_belong_together_are_refused() {
        #[track_caller]
        fn check(stored: StoredTrees, expected: &str) {
            assert_eq!(stored.into_trees().unwrap_err().to_string(), expected);
        }
        let whole = || StoredTrees {
            width: 2,
            sample_size: 8,
            trees: 2,
            nodes: vec![0, 2, 0, 0],
            thresholds: vec![0.5],
            rows: vec![8, 1, 7],
        };
        assert!(whole().into_trees().is_ok());
        let arrays = StoredError::Arrays.to_string();
        check(StoredTrees { nodes: vec![0, 2, 0], ..whole() }, &arrays);
        check(StoredTrees { nodes: vec![0, 0, 2, 0], ..whole() }, &arrays);
        check(StoredTrees { nodes: vec![2, 0, 2, 0], ..whole() }, &arrays);
        check(StoredTrees { rows: vec![8, 1], ..whole() }, &arrays);
        check(StoredTrees { thresholds: vec![], ..whole() }, &arrays);
        check(StoredTrees { trees: 0, ..whole() }, "a forest of 0 trees is not taken; give 1 to 10000");
        check(
            StoredTrees { nodes: vec![0, 3, 0, 0], ..whole() },
            "node 0 of tree 1 compares feature 2, which a row of 2 values does not have",
        );
        check(
            StoredTrees { thresholds: vec![f32::NAN], ..whole() },
            "node 0 of tree 1 has the threshold NaN; only finite 32-bit numbers can be compared with",
        );
        check(
            StoredTrees { rows: vec![8, 9, 7], ..whole() },
            "node 1 of tree 1 says it has 9 training rows, where trees were grown on 8",
        );
        check(
            StoredTrees { rows: vec![8, 2, 7], ..whole() },
            "node 0 of tree 1 says it has 9 training rows, where trees were grown on 8",
        );
    }

    #[test]
    fn step_tables_that_are_none_are_refused() {
        let check = |thresholds: &[f32], scores: &[f64]| {
            let (thresholds, scores) = (thresholds.to_vec().into(), Cow::Owned(Scores::Exact(scores.into())));
            let error = IsolationForest::try_from(Stored::Steps(StoredSteps { thresholds, scores })).unwrap_err();
            assert_eq!(error, StoredError::Steps);
        };
        check(&[], &[]);
        check(&[1.0], &[0.5]);
        check(&[2.0, 1.0], &[0.5, 0.4, 0.5]);
        check(&[f32::NAN], &[0.5, 0.4]);
        check(&[1.0], &[0.5, f64::NAN]);
        check(&[1.0], &[0.5, 1.1]);
    }

    proptest! {
        #[test]
        fn a_damaged_file_either_fails_to_load_or_can_be_scored_with(
            width in 1_usize..4,
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = to_bytes(&forest(width, 3, 9));
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(forest) = from_bytes(&bytes) {
                let scores = score_somewhere(&forest);
                prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{:?}", scores);
                let width = crate::Detector::width(&forest).min(1000);
                if crate::Detector::width(&forest) == width {
                    forest.attribute(&vec![0.5; width], &mut vec![0.0; width]);
                }
            }
        }
    }
}
