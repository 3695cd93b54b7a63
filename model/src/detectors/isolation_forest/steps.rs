//! A forest of one feature as an exact step table.
//!
//! On one feature the score is constant between neighbouring thresholds. So all thresholds of all trees are merged and
//! sorted once, each interval gets its score, and a score is one binary search instead of a hundred walks.

use serde::{Deserialize, Serialize};

use super::path_length::{self, PathLength};
use super::trees::Trees;

/// The score as a function of one value: equal to a walk down the trees. Steps on which it does not change are left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steps {
    /// Ascending.
    thresholds: Box<[f32]>,
    /// One more than there are thresholds: score i holds above threshold i - 1, up to and with threshold i.
    scores: Scores,
}

/// The scores of a step table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scores {
    /// Rounded to `f32`. That costs 3·10^-8 of the score, saves a third of the memory, and nothing that a threshold
    /// could notice, since the threshold of a model trained here is calibrated on the rounded scores.
    Rounded(Box<[f32]>),
    /// As the walk has them, for forests from elsewhere, whose scores are promised to twelve digits.
    Exact(Box<[f64]>),
}

impl Scores {
    fn get(&self, step: usize) -> f64 {
        match self {
            Self::Rounded(scores) => f64::from(scores[step]),
            Self::Exact(scores) => scores[step],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Rounded(scores) => scores.len(),
            Self::Exact(scores) => scores.len(),
        }
    }
}

impl Steps {
    /// Merges the trees of a forest on one feature, and rounds the scores.
    pub(super) fn rounded(trees: &Trees) -> Self {
        let (thresholds, scores) = merge(trees, round);
        Self { thresholds, scores: Scores::Rounded(scores) }
    }

    /// Merges the trees of a forest on one feature, and keeps the scores to the last bit.
    pub(super) fn exact(trees: &Trees) -> Self {
        let (thresholds, scores) = merge(trees, |score| score);
        Self { thresholds, scores: Scores::Exact(scores) }
    }

    /// Puts a stored table together again; none where it could not have come from a forest.
    pub(super) fn from_parts(thresholds: Box<[f32]>, scores: Scores) -> Option<Self> {
        let ascending = thresholds.is_sorted_by(|a, b| a < b) && thresholds.iter().all(|value| value.is_finite());
        let fitting = scores.len() == thresholds.len() + 1;
        let in_range = (0..scores.len()).all(|step| (0.0..=1.0).contains(&scores.get(step)));
        (ascending && fitting && in_range).then_some(Self { thresholds, scores })
    }

    /// What [`from_parts`](Self::from_parts) takes.
    pub(super) fn parts(&self) -> (&[f32], &Scores) {
        (&self.thresholds, &self.scores)
    }

    /// The anomaly score of a value, from 0 to 1.
    pub(super) fn score(&self, value: f64) -> f64 {
        let value = round(value);
        self.scores.get(self.thresholds.partition_point(|threshold| *threshold < value))
    }

    /// Steps in the table.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.thresholds.len()
    }
}

/// The thresholds at which the score changes, and one more scores than these.
fn merge<S: Copy + PartialEq>(trees: &Trees, convert: impl Fn(f64) -> S) -> (Box<[f32]>, Box<[S]>) {
    let norm = trees.norm();
    let (mut sum, mut changes) = trees.steps();
    // Stable, because it makes use of the ascending run that each tree is.
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut thresholds = Vec::with_capacity(changes.len());
    let mut scores = Vec::with_capacity(changes.len() + 1);
    scores.push(convert(path_length::score(sum, norm)));
    for equal in changes.chunk_by(|a, b| a.0 >= b.0) {
        sum += equal.iter().map(|(_, change)| change).sum::<PathLength>();
        let score = convert(path_length::score(sum, norm));
        if scores.last() != Some(&score) {
            thresholds.push(equal[0].0);
            scores.push(score);
        }
    }
    (thresholds.into(), scores.into())
}

#[expect(clippy::cast_possible_truncation, reason = "thresholds and scores of the table are f32")]
fn round(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::grow::grow;
    use super::*;
    use crate::random::Random;

    fn assert_equal_to_walk(trees: &Trees, rounded: &Steps, exact: &Steps, value: f64) {
        let walked = trees.score(&[value]);
        assert_eq!(exact.score(value).to_bits(), walked.to_bits(), "at {value}");
        assert_eq!(rounded.score(value).to_bits(), f64::from(round(walked)).to_bits(), "at {value}");
    }

    #[test]
    fn it_stays_below_a_hundred_kilobytes() {
        let mut random = Random::new(3);
        let rows = Array2::from_shape_simple_fn((2000, 1), || random.unit() * 5.0);
        let trees = grow(&rows.view(), 100, 256, 7);
        for (steps, bytes_per_score) in [(Steps::rounded(&trees), 4), (Steps::exact(&trees), 8)] {
            let bytes = size_of_val(&*steps.thresholds) + steps.scores.len() * bytes_per_score;
            assert!(bytes < 100_000, "{} steps in {bytes} bytes", steps.len());
        }
    }

    #[test]
    fn a_forest_without_splits_has_one_score() {
        let steps = Steps::rounded(&grow(&Array2::from_elem((30, 1), 2.0).view(), 10, 256, 0));
        assert_eq!(steps.len(), 0);
        assert!((steps.score(9.0) - 0.5).abs() < 1e-7);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_table_equals_the_walk_everywhere(
            values in prop::collection::vec(prop_oneof![-5.0..5.0_f64, Just(0.0), Just(-0.0), -1e6..1e6_f64], 1..300),
            elsewhere in prop::collection::vec(any::<f64>().prop_filter("finite", |value| value.is_finite()), 20),
            count in 1_usize..30, seed: u64,
        ) {
            let rows = Array2::from_shape_vec((values.len(), 1), values.clone()).unwrap();
            let trees = grow(&rows.view(), count, 64, seed);
            let (rounded, exact) = (Steps::rounded(&trees), Steps::exact(&trees));
            values.iter().chain(&elsewhere).for_each(|&value| assert_equal_to_walk(&trees, &rounded, &exact, value));
            for &threshold in &exact.thresholds {
                for value in [threshold.next_down(), threshold, threshold.next_up()] {
                    assert_equal_to_walk(&trees, &rounded, &exact, f64::from(value));
                }
            }
        }
    }
}
