//! Trees from arrays as scikit-learn keeps them.

use super::trees::{Child, Target, Trees, round_down};

/// The most trees of a forest from elsewhere.
pub(super) const MOST_TREES: usize = 10_000;
/// The most nodes of a forest from elsewhere, which is also more than the kind can grow.
pub(super) const MOST_NODES: usize = 1 << 27;
/// The most features of a row, and the most training rows of a tree.
pub(super) const MOST_ROWS: usize = Child::HIGHEST as usize;

/// One tree, as the arrays of scikit-learn's `estimator.tree_` say it. Node 0 is the root, and children come after
/// their parents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExportedTree<'a> {
    /// `children_left`: the node for values at or below the threshold; -1 for a leaf.
    pub children_left: &'a [i32],
    /// `children_right`: the node for values above the threshold; -1 for a leaf.
    pub children_right: &'a [i32],
    /// `feature`: the feature compared; of no meaning for a leaf.
    pub feature: &'a [i32],
    /// `threshold`; of no meaning for a leaf.
    pub threshold: &'a [f64],
    /// `n_node_samples`: the training rows that came to the node.
    pub node_samples: &'a [i64],
    /// The forest's `estimators_features_` for this tree, which says for each feature of the tree which of the row's it
    /// is. None if the tree has them all in order.
    pub features: Option<&'a [i32]>,
}

/// Why exported or stored trees are not a forest.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// There are no features, too many, or a sample size that cannot be.
    #[error("a forest on {width} features with {sample_size} rows per tree cannot be; both go from 1 to {MOST_ROWS}")]
    Size {
        /// Features per row.
        width: usize,
        /// Rows per tree.
        sample_size: usize,
    },
    /// No trees, or too many.
    #[error("a forest of {found} trees is not taken; give 1 to {MOST_TREES}")]
    Trees {
        /// Trees given.
        found: usize,
    },
    /// The trees have too many nodes in all.
    #[error("tree {tree} brings the forest above {MOST_NODES} nodes; export fewer or smaller trees")]
    TooManyNodes {
        /// Tree, from 0.
        tree: usize,
    },
    /// A tree without nodes.
    #[error("tree {tree} has no nodes; export it again")]
    Empty {
        /// Tree, from 0.
        tree: usize,
    },
    /// The arrays of a tree are not equally long.
    #[error("array {array:?} of tree {tree} has {found} entries where children_left has {expected}; export it again")]
    Length {
        /// Tree, from 0.
        tree: usize,
        /// Which array.
        array: &'static str,
        /// Its entries.
        found: usize,
        /// Entries it should have.
        expected: usize,
    },
    /// A child that is no node after its parent: there would be a cycle, or nothing.
    #[error(
        "node {node} of tree {tree} has the child {child}; children are later nodes, or -1 on both sides of a leaf"
    )]
    Child {
        /// Tree, from 0.
        tree: usize,
        /// Node, from 0.
        node: usize,
        /// The child.
        child: i32,
    },
    /// A node that is the child of none, or of several.
    #[error("node {node} of tree {tree} has {parents} parents; every node but the root has one")]
    Parents {
        /// Tree, from 0.
        tree: usize,
        /// Node, from 0.
        node: usize,
        /// How many there are.
        parents: usize,
    },
    /// A feature that rows do not have.
    #[error("node {node} of tree {tree} compares feature {feature}, which a row of {width} values does not have")]
    Feature {
        /// Tree, from 0.
        tree: usize,
        /// Node, from 0.
        node: usize,
        /// The feature.
        feature: i64,
        /// Features per row.
        width: usize,
    },
    /// A threshold that is not finite as a 32-bit number.
    #[error(
        "node {node} of tree {tree} has the threshold {threshold}; only finite 32-bit numbers can be compared with"
    )]
    Threshold {
        /// Tree, from 0.
        tree: usize,
        /// Node, from 0.
        node: usize,
        /// The threshold.
        threshold: f64,
    },
    /// Training rows that were not there: negative, more than the tree was grown on, or lost on the way.
    #[error("node {node} of tree {tree} says it has {found} training rows, where {expected}")]
    Samples {
        /// Tree, from 0.
        tree: usize,
        /// Node, from 0.
        node: usize,
        /// What the node says.
        found: i64,
        /// What would be right.
        expected: String,
    },
}

impl Trees {
    /// Takes over trees that were grown elsewhere on rows of `width` features, `sample_size` rows each (scikit-learn's
    /// `max_samples_`). Thresholds are rounded down to `f32`, which splits `f32` values just the same.
    ///
    /// # Errors
    /// Whatever is wrong with the arrays. Trees that pass can be walked by any row.
    pub(super) fn from_exported(
        width: usize,
        sample_size: usize,
        exported: &[ExportedTree<'_>],
    ) -> Result<Self, TreeError> {
        check_sizes(width, sample_size, exported.len())?;
        let mut trees = Self::new(width, sample_size);
        let mut nodes = 0;
        for (index, tree) in exported.iter().enumerate() {
            nodes += tree.children_left.len();
            if nodes > MOST_NODES {
                return Err(TreeError::TooManyNodes { tree: index });
            }
            let root = Import { index, tree, width, sample_size }.run(&mut trees)?;
            trees.push_root(root);
        }
        trees.shrink();
        Ok(trees)
    }
}

/// Whether a forest of this form can be.
pub(super) fn check_sizes(width: usize, sample_size: usize, trees: usize) -> Result<(), TreeError> {
    if !(1..=MOST_ROWS).contains(&width) || !(1..=MOST_ROWS).contains(&sample_size) {
        return Err(TreeError::Size { width, sample_size });
    }
    if !(1..=MOST_TREES).contains(&trees) {
        return Err(TreeError::Trees { found: trees });
    }
    Ok(())
}

/// One tree on its way in.
struct Import<'a> {
    index: usize,
    tree: &'a ExportedTree<'a>,
    width: usize,
    sample_size: usize,
}

impl Import<'_> {
    fn run(&self, trees: &mut Trees) -> Result<Child, TreeError> {
        self.check_lengths()?;
        self.check_parents()?;
        let root_rows = self.tree.node_samples[0];
        if usize::try_from(root_rows).map_or(true, |rows| rows > self.sample_size) {
            return Err(self.samples(0, format!("trees were grown on at most {}", self.sample_size)));
        }
        // First the splits, which thus stand before their children; then, backwards, what they are connected to.
        let children: Vec<Child> =
            (0..self.len()).map(|node| self.push(node, trees)).collect::<Result<_, TreeError>>()?;
        for (node, child) in children.iter().enumerate().rev() {
            if let (Target::Split(split), Some(sides)) = (child.target(), self.children(node)?) {
                trees.set_children(split as usize, sides.map(|side| children[side]));
            }
        }
        Ok(children[0])
    }

    fn len(&self) -> usize {
        self.tree.children_left.len()
    }

    fn check_lengths(&self) -> Result<(), TreeError> {
        let (tree, expected) = (self.index, self.len());
        if expected == 0 {
            return Err(TreeError::Empty { tree });
        }
        let lengths = [
            ("children_right", self.tree.children_right.len()),
            ("feature", self.tree.feature.len()),
            ("threshold", self.tree.threshold.len()),
            ("n_node_samples", self.tree.node_samples.len()),
        ];
        match lengths.into_iter().find(|(_, found)| *found != expected) {
            Some((array, found)) => Err(TreeError::Length { tree, array, found, expected }),
            None => Ok(()),
        }
    }

    fn check_parents(&self) -> Result<(), TreeError> {
        let mut parents = vec![0; self.len()];
        for node in 0..self.len() {
            for child in self.children(node)?.into_iter().flatten() {
                parents[child] += 1;
            }
        }
        match (1..self.len()).find(|node| parents[*node] != 1) {
            Some(node) => Err(TreeError::Parents { tree: self.index, node, parents: parents[node] }),
            None => Ok(()),
        }
    }

    /// Both children of a node, which stand behind it; none for a leaf.
    fn children(&self, node: usize) -> Result<Option<[usize; 2]>, TreeError> {
        let sides = [self.tree.children_left[node], self.tree.children_right[node]];
        if sides == [-1, -1] {
            return Ok(None);
        }
        let place = |child: i32| match usize::try_from(child) {
            Ok(place) if place > node && place < self.len() => Ok(place),
            _ => Err(TreeError::Child { tree: self.index, node, child }),
        };
        Ok(Some([place(sides[0])?, place(sides[1])?]))
    }

    /// Checks what a node says, and appends it if it is a split.
    fn push(&self, node: usize, trees: &mut Trees) -> Result<Child, TreeError> {
        let found = self.tree.node_samples[node];
        // No count exceeds the root's, because none is negative and every split has as many as both its sides.
        let Ok(rows) = usize::try_from(found) else { return Err(self.samples(node, "it cannot be negative".into())) };
        let Some([left, right]) = self.children(node)? else { return Ok(Child::leaf(rows)) };
        let sum = self.tree.node_samples[left].saturating_add(self.tree.node_samples[right]);
        if found != sum || self.tree.node_samples[left].min(self.tree.node_samples[right]) < 0 {
            return Err(self.samples(node, format!("its children have {sum}")));
        }
        let split = trees.push_split(self.feature(node)?, self.threshold(node)?);
        Ok(Child::split(split))
    }

    fn feature(&self, node: usize) -> Result<usize, TreeError> {
        let own = self.tree.feature[node];
        let place = usize::try_from(own).ok();
        let mapped = match self.tree.features {
            None => place,
            Some(features) => {
                place.and_then(|place| features.get(place)).and_then(|feature| usize::try_from(*feature).ok())
            }
        };
        let error = TreeError::Feature { tree: self.index, node, feature: own.into(), width: self.width };
        mapped.filter(|feature| *feature < self.width).ok_or(error)
    }

    fn threshold(&self, node: usize) -> Result<f32, TreeError> {
        let threshold = self.tree.threshold[node];
        let rounded = round_down(threshold);
        let error = TreeError::Threshold { tree: self.index, node, threshold };
        if threshold.is_finite() && rounded.is_finite() { Ok(rounded) } else { Err(error) }
    }

    fn samples(&self, node: usize, expected: String) -> TreeError {
        TreeError::Samples { tree: self.index, node, found: self.tree.node_samples[node], expected }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::IsolationForest;

    /// Feature 1 at 0.1; on the right, feature 0 at -2.
    const SMALL: ExportedTree<'static> = ExportedTree {
        children_left: &[1, -1, 3, -1, -1],
        children_right: &[2, -1, 4, -1, -1],
        feature: &[1, -2, 0, -2, -2],
        threshold: &[0.1, -2.0, -2.0, -2.0, -2.0],
        node_samples: &[8, 1, 7, 5, 2],
        features: None,
    };

    #[test]
    fn exported_trees_are_walked_as_they_were() {
        let trees = Trees::from_exported(2, 8, &[SMALL]).unwrap();
        let check = |x: [f32; 2], edges: u32, rows: usize| {
            let expected = super::super::path_length::of_edges(edges) + super::super::path_length::correction(rows);
            assert_eq!(trees.walk(trees.roots()[0], 0, |feature| x[feature]), expected, "{x:?}");
        };
        check([0.0, 0.1_f32.next_down()], 1, 1);
        // 0.1 as f32 is above the threshold 0.1, which is rounded down so that it stays so.
        check([-1.0, 0.1], 2, 2);
        check([-2.0, 0.2], 2, 5);
    }

    #[test]
    fn the_features_of_a_tree_may_be_a_choice_of_the_rows() {
        let trees = Trees::from_exported(9, 8, &[ExportedTree { features: Some(&[7, 3]), ..SMALL }]).unwrap();
        assert_eq!(trees.splits().iter().map(|split| split.feature).collect::<Vec<_>>(), [3, 7]);
    }

    #[test]
    fn what_is_no_tree_says_where() {
        #[track_caller]
        fn check(tree: ExportedTree<'_>, expected: &str) {
            assert_eq!(Trees::from_exported(2, 8, &[SMALL, tree]).unwrap_err().to_string(), expected);
        }
        let later = "children are later nodes, or -1 on both sides of a leaf";
        check(
            ExportedTree { children_left: &[0, -1, 3, -1, -1], ..SMALL },
            &format!("node 0 of tree 1 has the child 0; {later}"),
        );
        check(
            ExportedTree { children_right: &[5, -1, 4, -1, -1], ..SMALL },
            &format!("node 0 of tree 1 has the child 5; {later}"),
        );
        check(
            ExportedTree { children_right: &[-1, -1, 4, -1, -1], ..SMALL },
            &format!("node 0 of tree 1 has the child -1; {later}"),
        );
        check(
            ExportedTree { children_right: &[1, -1, 4, -1, -1], ..SMALL },
            "node 1 of tree 1 has 2 parents; every node but the root has one",
        );
        check(
            ExportedTree { feature: &[1, -2, 2, -2, -2], ..SMALL },
            "node 2 of tree 1 compares feature 2, which a row of 2 values does not have",
        );
        check(
            ExportedTree { features: Some(&[0]), ..SMALL },
            "node 0 of tree 1 compares feature 1, which a row of 2 values does not have",
        );
        check(
            ExportedTree { threshold: &[f64::NAN, 0.0, 0.0, 0.0, 0.0], ..SMALL },
            "node 0 of tree 1 has the threshold NaN; only finite 32-bit numbers can be compared with",
        );
        check(
            ExportedTree { node_samples: &[9, 1, 8, 5, 3], ..SMALL },
            "node 0 of tree 1 says it has 9 training rows, where trees were grown on at most 8",
        );
        check(
            ExportedTree { node_samples: &[8, 1, 7, 5, 3], ..SMALL },
            "node 2 of tree 1 says it has 7 training rows, where its children have 8",
        );
        check(
            ExportedTree { node_samples: &[8, i64::MAX, i64::MIN, 5, 3], ..SMALL },
            "node 0 of tree 1 says it has 8 training rows, where its children have -1",
        );
        check(
            ExportedTree { feature: &[1], ..SMALL },
            "array \"feature\" of tree 1 has 1 entries where children_left has 5; export it again",
        );
        let empty: ExportedTree<'_> = ExportedTree {
            children_left: &[],
            children_right: &[],
            feature: &[],
            threshold: &[],
            node_samples: &[],
            features: None,
        };
        check(empty, "tree 1 has no nodes; export it again");
        assert!(matches!(Trees::from_exported(2, 8, &[]), Err(TreeError::Trees { found: 0 })));
        assert!(matches!(Trees::from_exported(0, 8, &[SMALL]), Err(TreeError::Size { .. })));
    }

    /// Numbers that a broken or hostile export could hold, and mostly ones that could be right.
    fn entries() -> impl Strategy<Value = Vec<i32>> {
        prop::collection::vec(prop_oneof![4 => -2..8_i32, 1 => any::<i32>()], 7)
    }

    proptest! {
        #[test]
        fn arrays_of_whatever_either_fail_or_can_be_scored_with(
            left in entries(), right in entries(), feature in entries(), samples in entries(), wild: bool,
            threshold in prop::collection::vec(any::<f64>(), 7), x in prop::collection::vec(any::<f64>(), 2),
        ) {
            // Half of the cases have a sound structure, so that the other arrays are looked at as well.
            let sound = ([1, -1, 3, -1, 5, -1, -1], [2, -1, 4, -1, 6, -1, -1], [8_i64, 1, 7, 2, 5, 2, 3]);
            let samples: Vec<i64> = samples.into_iter().map(i64::from).collect();
            let tree = ExportedTree {
                children_left: if wild { &left } else { &sound.0 },
                children_right: if wild { &right } else { &sound.1 },
                feature: &feature,
                threshold: &threshold,
                node_samples: if wild { &samples } else { &sound.2 },
                features: None,
            };
            for width in [1, 2] {
                if let Ok(forest) = IsolationForest::from_exported(width, 8, &[tree, tree]) {
                    let mut scores = [0.0; 2];
                    forest.score_rows(&x, &mut scores);
                    prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{:?}", scores);
                }
            }
        }
    }
}
