//! The fitted detector.

use serde::{Deserialize, Serialize};

use super::steps::Steps;
use super::trees::Trees;
use crate::{Detector, State, Time, encode};

/// Name of the kind.
pub(super) const NAME: &str = "isolation_forest";

/// A fitted isolation forest. It has no short memory and does not adapt; it is retrained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum IsolationForest {
    /// One feature: the trees are gone, their step table stands in for them.
    Single(Steps),
    /// Several features.
    Several(Trees),
}

impl IsolationForest {
    /// Takes the form that suits the number of features.
    pub(super) fn new(mut trees: Trees) -> Self {
        if trees.width() == 1 {
            Self::Single(Steps::of(&trees))
        } else {
            trees.shrink();
            Self::Several(trees)
        }
    }
}

impl Detector for IsolationForest {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Several(trees) => trees.width(),
        }
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        Some(match self {
            Self::Single(steps) => steps.score(x[0]),
            Self::Several(trees) => trees.score(x),
        })
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
