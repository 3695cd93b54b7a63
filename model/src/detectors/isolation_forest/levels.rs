//! Trees in level order, so that several of them, or several rows, go down one level at a time without a branch.
//!
//! A plain walk mispredicts about every second split. Here each tree is padded to a full binary tree of the same few
//! levels, the children of place i are at 2i and 2i + 1, and the comparison's result is the last bit of the next place.
//! Nothing depends on the processor's guesses, and sixteen walks in step hide each other's latency. A tree deeper than
//! eight levels goes on from its last padded place with the plain walk. `benches/forest.rs` has what else was tried.

use super::path_length::{self, PathLength};
use super::trees::{Child, Target, Trees};

/// The most levels of splits; the depth limit of trees grown on PyOD's 256 samples.
const MOST_LEVELS: u32 = 8;
/// Places on the lowest level.
const PLACES: usize = 1 << MOST_LEVELS;
/// Walks that go in step.
const LANES: usize = 16;
/// Features that are numbered in a byte.
const MOST_FEATURES: usize = 256;
/// Leaves of up to so many training rows are numbered; larger ones are rare and left to the plain walk.
const MOST_NUMBERED_ROWS: usize = 4096;
/// Stands in a leaf for "not numbered: the walk goes on"; no number is as high.
const UNNUMBERED: u16 = u16::MAX;

/// One tree. Place 0 is not used, and the root is at place 1.
#[derive(Clone, Debug, PartialEq)]
#[repr(align(64))]
struct Tree {
    thresholds: [f32; PLACES],
    features: [u8; PLACES],
    /// By the place below the last level, modulo [`PLACES`]: the number of the path length there.
    leaves: [u16; PLACES],
}

/// The trees of a forest in level order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels {
    /// Levels of splits, the same in all trees.
    depth: u32,
    trees: Box<[Tree]>,
    /// The different path lengths, numbered.
    lengths: Box<[PathLength]>,
    /// By tree and place below the last level: where unnumbered walks go on, and after how many edges. Empty if all
    /// leaves are numbered.
    further: Box<[(Child, u32)]>,
    norm: f64,
    width: usize,
}

impl Levels {
    /// Brings trees into level order; none where the rows have too many features.
    pub(super) fn of(trees: &Trees) -> Option<Self> {
        if trees.width() > MOST_FEATURES {
            return None;
        }
        let mut layout = Layout::new(trees);
        let placed: Box<[Tree]> = (0..trees.roots().len()).map(|index| layout.place(index)).collect();
        Some(Self {
            depth: layout.depth,
            trees: placed,
            lengths: layout.lengths.into(),
            further: layout.further.into(),
            norm: trees.norm(),
            width: trees.width(),
        })
    }

    /// The anomaly score of a row: to the last bit what the walk down the same trees says.
    pub(super) fn score(&self, trees: &Trees, x: &[f64]) -> f64 {
        let sum = match self.width {
            0..=16 => self.sum(trees, &in_f32::<16>(x)),
            17..=64 => self.sum(trees, &in_f32::<64>(x)),
            _ => self.sum(trees, &in_f32::<MOST_FEATURES>(x)),
        };
        path_length::score(sum, self.norm)
    }

    /// The anomaly scores of many rows, which lie one after another.
    pub(super) fn score_rows(&self, trees: &Trees, rows: &[f64], scores: &mut [f64]) {
        // A block of rows and one tree fit into the fastest cache together.
        match self.width {
            0..=16 => self.score_blocks::<16, 64>(trees, rows, scores),
            17..=64 => self.score_blocks::<64, 64>(trees, rows, scores),
            _ => self.score_blocks::<MOST_FEATURES, LANES>(trees, rows, scores),
        }
    }

    /// One row down all trees: lanes are trees.
    fn sum<const WIDTH: usize>(&self, trees: &Trees, row: &[f32; WIDTH]) -> PathLength {
        let (many, rest) = self.trees.as_chunks::<LANES>();
        let (few, single) = rest.as_chunks::<4>();
        let (first_of_few, first_single) = (many.len() * LANES, self.trees.len() - single.len());
        let mut sum = 0;
        for (chunk, group) in many.iter().enumerate() {
            sum += self.sum_of_group(trees, group, chunk * LANES, row);
        }
        for (chunk, group) in few.iter().enumerate() {
            sum += self.sum_of_group(trees, group, first_of_few + chunk * 4, row);
        }
        for (index, tree) in single.iter().enumerate() {
            sum += self.sum_of_group(trees, std::array::from_ref(tree), first_single + index, row);
        }
        sum
    }

    fn sum_of_group<const GROUP: usize, const WIDTH: usize>(
        &self,
        trees: &Trees,
        group: &[Tree; GROUP],
        first: usize,
        row: &[f32; WIDTH],
    ) -> PathLength {
        let mut places = [1; GROUP];
        for _ in 0..self.depth {
            for (place, tree) in places.iter_mut().zip(group) {
                *place = tree.below(*place, row);
            }
        }
        let lengths = places.iter().zip(group).enumerate();
        lengths.map(|(lane, (place, tree))| self.length(trees, tree, first + lane, *place, row)).sum()
    }

    /// A block of rows down one tree after another: lanes are rows.
    fn score_blocks<const WIDTH: usize, const BLOCK: usize>(&self, trees: &Trees, rows: &[f64], scores: &mut [f64]) {
        for (rows, scores) in rows.chunks(BLOCK * self.width.max(1)).zip(scores.chunks_mut(BLOCK)) {
            let mut block = [[0.0; WIDTH]; BLOCK];
            let mut sums = [0; BLOCK];
            for (row, x) in block.iter_mut().zip(rows.chunks_exact(self.width.max(1))) {
                *row = in_f32(x);
            }
            let lanes = scores.len().div_ceil(LANES);
            for (index, tree) in self.trees.iter().enumerate() {
                let (block, sums) = (block.as_chunks::<LANES>().0, sums.as_chunks_mut::<LANES>().0);
                for (rows, sums) in block.iter().zip(sums).take(lanes) {
                    let mut places = [1; LANES];
                    for _ in 0..self.depth {
                        for (place, row) in places.iter_mut().zip(rows) {
                            *place = tree.below(*place, row);
                        }
                    }
                    for ((sum, place), row) in sums.iter_mut().zip(places).zip(rows) {
                        *sum += self.length(trees, tree, index, place, row);
                    }
                }
            }
            for (score, sum) in scores.iter_mut().zip(sums) {
                *score = path_length::score(sum, self.norm);
            }
        }
    }

    /// The path length of a row that has come through all levels of a tree.
    fn length<const WIDTH: usize>(
        &self,
        trees: &Trees,
        tree: &Tree,
        index: usize,
        place: usize,
        row: &[f32; WIDTH],
    ) -> PathLength {
        // The check of the bounds is at the same time the question whether the leaf is numbered.
        match self.lengths.get(usize::from(tree.leaves[place % PLACES])) {
            Some(length) => *length,
            None => self.go_on(trees, index, place, row),
        }
    }

    #[cold]
    fn go_on(&self, trees: &Trees, index: usize, place: usize, row: &[f32]) -> PathLength {
        let (child, edges) = self.further[index * PLACES + place % PLACES];
        trees.walk(child, edges, |feature| row[feature])
    }
}

impl Tree {
    /// The place on the next level.
    #[inline]
    fn below<const WIDTH: usize>(&self, place: usize, row: &[f32; WIDTH]) -> usize {
        // Both remainders change nothing; they spare the check of the bounds.
        let value = row[usize::from(self.features[place % PLACES]) % WIDTH];
        let goes_left = value <= self.thresholds[place % PLACES];
        2 * place + usize::from(!goes_left)
    }
}

fn in_f32<const WIDTH: usize>(x: &[f64]) -> [f32; WIDTH] {
    let mut row = [0.0; WIDTH];
    for (cell, value) in row.iter_mut().zip(x) {
        #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
        let rounded = *value as f32;
        *cell = rounded;
    }
    row
}

/// The layout on its way.
struct Layout<'a> {
    trees: &'a Trees,
    depth: u32,
    lengths: Vec<PathLength>,
    /// By edges and rows: the number of the path length, if it has one already.
    numbers: Vec<Option<u16>>,
    further: Vec<(Child, u32)>,
}

impl<'a> Layout<'a> {
    fn new(trees: &'a Trees) -> Self {
        let numbered_rows = trees.sample_size().min(MOST_NUMBERED_ROWS);
        let numbers = vec![None; (numbered_rows + 1) * (MOST_LEVELS as usize + 1)];
        Self { trees, depth: deepest(trees), lengths: Vec::new(), numbers, further: Vec::new() }
    }

    fn place(&mut self, index: usize) -> Tree {
        let mut tree =
            Tree { thresholds: [f32::INFINITY; PLACES], features: [0; PLACES], leaves: [UNNUMBERED; PLACES] };
        let mut pending = vec![(self.trees.roots()[index], 1_usize, 0)];
        while let Some((child, place, edges)) = pending.pop() {
            match child.target() {
                Target::Split(split) if edges < self.depth => {
                    let split = &self.trees.splits()[split as usize];
                    tree.thresholds[place] = split.threshold;
                    tree.features[place] =
                        u8::try_from(split.feature).expect("invariant: features fit a byte where the width does");
                    pending.push((split.children[0], 2 * place, edges + 1));
                    pending.push((split.children[1], 2 * place + 1, edges + 1));
                }
                // All places below a leaf stand for it, whichever way the padding sends the row.
                target => {
                    let number = self.number(target, edges);
                    let below = self.depth - edges;
                    for place in place << below..(place + 1) << below {
                        tree.leaves[place % PLACES] = number;
                        if number == UNNUMBERED {
                            self.further.resize(self.trees.roots().len() * PLACES, (Child::leaf(0), 0));
                            self.further[index * PLACES + place % PLACES] = (child, edges);
                        }
                    }
                }
            }
        }
        tree
    }

    fn number(&mut self, target: Target, edges: u32) -> u16 {
        let Target::Leaf(rows) = target else { return UNNUMBERED };
        let numbered_rows = self.numbers.len() / (MOST_LEVELS as usize + 1);
        if rows as usize >= numbered_rows {
            return UNNUMBERED;
        }
        *self.numbers[edges as usize * numbered_rows + rows as usize].get_or_insert_with(|| {
            self.lengths.push(path_length::of_edges(edges) + self.trees.corrections().of(rows));
            u16::try_from(self.lengths.len() - 1).expect("invariant: 9 depths of 4,097 sizes have fewer numbers")
        })
    }
}

/// Levels of splits in the deepest tree, but no more than are padded.
fn deepest(trees: &Trees) -> u32 {
    let mut pending: Vec<(Child, u32)> = trees.roots().iter().map(|root| (*root, 0)).collect();
    let mut deepest = 0;
    while let Some((child, edges)) = pending.pop() {
        deepest = deepest.max(edges);
        if let Target::Split(place) = child.target()
            && edges < MOST_LEVELS
        {
            pending.extend(trees.splits()[place as usize].children.map(|child| (child, edges + 1)));
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::grow::grow;
    use super::*;
    use crate::random::Random;

    /// A row after another of `width` values, some far out and some not numbers at all.
    fn rows(count: usize, width: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..count * width)
            .map(|_| match random.index(20) {
                0 => f64::INFINITY,
                1 => f64::NEG_INFINITY,
                2 => f64::NAN,
                3 => 1e300,
                _ => random.unit() * 8.0 - 4.0,
            })
            .collect()
    }

    #[track_caller]
    fn assert_equal_to_walk(trees: &Trees, rows: &[f64]) {
        let levels = Levels::of(trees).unwrap();
        let walked: Vec<u64> = rows.chunks_exact(trees.width()).map(|x| trees.score(x).to_bits()).collect();
        let one_by_one: Vec<u64> = rows.chunks_exact(trees.width()).map(|x| levels.score(trees, x).to_bits()).collect();
        assert_eq!(one_by_one, walked);
        let mut scores = vec![0.0; walked.len()];
        levels.score_rows(trees, rows, &mut scores);
        assert_eq!(scores.into_iter().map(f64::to_bits).collect::<Vec<_>>(), walked);
    }

    fn grown(training: usize, width: usize, count: usize, sample_size: usize) -> Trees {
        let mut random = Random::new(11);
        let table = Array2::from_shape_simple_fn((training, width), || random.unit() * 6.0 - 3.0);
        grow(&table.view(), count, sample_size, 3)
    }

    #[test]
    fn it_equals_the_walk_for_every_group_of_trees_and_every_width_of_buffer() {
        for (width, count) in [(2, 1), (3, 16), (16, 37), (17, 22), (64, 5), (65, 20), (256, 4)] {
            assert_equal_to_walk(&grown(300, width, count, 256), &rows(70, width, 5));
        }
    }

    #[test]
    fn a_tree_of_more_than_eight_levels_goes_on_with_the_walk() {
        assert_equal_to_walk(&grown(3000, 3, 20, 2048), &rows(200, 3, 5));
    }

    #[test]
    fn a_chain_and_a_lone_leaf_and_a_leaf_of_many_rows_are_trees_too() {
        let mut trees = Trees::new(2, 100_000);
        trees.push_root(Child::leaf(70_000));
        let splits: Vec<usize> = (0..300).map(|level| trees.push_split(level % 2, -(level as f32) / 100.0)).collect();
        let mut lower = Child::leaf(5000);
        for split in splits.into_iter().rev() {
            trees.set_children(split, [lower, Child::leaf(2)]);
            lower = Child::split(split);
        }
        trees.push_root(lower);
        assert_equal_to_walk(&trees, &rows(300, 2, 8));
    }

    #[test]
    fn trees_and_layout_of_eight_features_take_less_than_half_a_megabyte() {
        let trees = grown(1000, 8, 100, 256);
        let levels = Levels::of(&trees).unwrap();
        let layout = size_of_val(&*levels.trees) + size_of_val(&*levels.lengths) + size_of_val(&*levels.further);
        let bytes = layout + size_of_val(trees.splits()) + size_of_val(trees.roots());
        assert!(bytes < 500_000, "{bytes}");
    }

    #[test]
    fn very_wide_rows_have_no_layout() {
        assert!(Levels::of(&grown(10, 257, 2, 8)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_equals_the_walk_whatever_the_trees(
            training in 1_usize..400, width in 2_usize..20, count in 1_usize..40, sample_size in 1_usize..300, seed: u64,
        ) {
            assert_equal_to_walk(&grown(training, width, count, sample_size), &rows(33, width, seed));
        }
    }
}
