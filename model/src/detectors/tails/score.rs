//! Fitted `ecod` and `copod`: the sum over the features of how far out in its tail a value lies.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::column::Column;
use crate::{Detector, RestoreError, State, Time, TrainingRows, encode};

/// Training values that ranks can be computed for without overflow.
pub(super) const MOST_VALUES: usize = u32::MAX as usize;

/// Which tails count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    /// The farther of the left and the right, or their sum in a column without skewness.
    Ecod,
    /// The one that the skewness points to, or the mean of both where that is more; their sum without skewness.
    Copod,
}

/// The columns of the training rows, and what is made of a value's place in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tails {
    pub(super) rule: Rule,
    /// Training rows.
    pub(super) count: usize,
    pub(super) columns: Vec<Column>,
}

impl Rule {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ecod => "ecod",
            Self::Copod => "copod",
        }
    }

    /// What a value says that has so many values at most as large and so many at least as large, of all those whose number
    /// has this logarithm. A tail scores the negated logarithm of its share. Which one decides can be seen from the counts,
    /// so that one logarithm is enough.
    fn combine(self, at_most: f64, at_least: f64, log_count: f64, skewness: Ordering) -> f64 {
        let pointed_to = match skewness {
            Ordering::Less => at_most,
            Ordering::Equal => return (2.0 * log_count - libm::log(at_most * at_least)).max(0.0),
            Ordering::Greater => at_least,
        };
        let smaller = at_most.min(at_least);
        let score = if self == Self::Ecod || pointed_to <= smaller {
            log_count - libm::log(smaller)
        } else {
            log_count - libm::log(at_most * at_least) / 2.0
        };
        score.max(0.0)
    }
}

impl Tails {
    /// What a new value says in one feature: it is counted among the training values.
    fn of_new(&self, column: &Column, value: f64, log_count: f64) -> f64 {
        let place = column.place(value, self.count);
        let skewness = column.skewness_with(value, self.count);
        self.rule.combine(place.at_most + 1.0, place.at_least + 1.0, log_count, skewness)
    }

    /// What a training value says: it is one of those that are counted.
    fn of_training(&self, column: &Column, value: f64, log_count: f64) -> f64 {
        let place = column.place(value, self.count);
        self.rule.combine(place.at_most.max(1.0), place.at_least.max(1.0), log_count, column.skewness(self.count))
    }

    /// The logarithm of all values that a new one is counted among, itself included.
    fn log_count_with_new(&self) -> f64 {
        libm::log(self.count as f64 + 1.0)
    }

    pub(super) fn check(&self, rule: Rule) -> Result<(), RestoreError> {
        if self.rule != rule {
            return Err(RestoreError::new(format!("{} is no {}", self.rule.name(), rule.name())));
        }
        if self.count > MOST_VALUES {
            return Err(RestoreError::new(format!("{} training rows are too many", self.count)));
        }
        match self.columns.iter().position(|column| !column.is_sound(self.count)) {
            Some(column) => Err(RestoreError::new(format!("the values of feature {column} make no sense"))),
            None => Ok(()),
        }
    }
}

impl Detector for Tails {
    fn kind(&self) -> &'static str {
        self.rule.name()
    }

    fn width(&self) -> usize {
        self.columns.len()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        let log_count = self.log_count_with_new();
        Some(self.columns.iter().zip(x).map(|(column, value)| self.of_new(column, *value, log_count)).sum())
    }

    /// PyOD's `decision_scores_`. A new row of the same values is one more of them, and scores a little less.
    fn training_scores(&self, rows: &TrainingRows) -> Vec<f64> {
        let log_count = libm::log(self.count as f64);
        let score = |row: &[f64]| {
            let features = self.columns.iter().zip(row);
            features.map(|(column, value)| self.of_training(column, *value, log_count)).sum()
        };
        rows.rows().map(score).collect()
    }

    fn attribute(&self, _: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        let log_count = self.log_count_with_new();
        for ((column, value), share) in self.columns.iter().zip(x).zip(shares) {
            *share = self.of_new(column, *value, log_count);
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
