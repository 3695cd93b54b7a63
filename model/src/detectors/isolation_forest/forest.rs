//! The fitted detector.

use super::levels::Levels;
use super::steps::Steps;
use super::trees::Trees;
use crate::{Detector, State, Time};

/// Name of the kind.
pub(super) const NAME: &str = "isolation_forest";

/// A fitted isolation forest. It has no short memory and does not adapt; it is retrained.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum IsolationForest {
    /// One feature: the trees are gone, their step table stands in for them.
    Single(Steps),
    /// Several features: the trees, and their fast layout unless the rows are very wide.
    Several(Trees, Option<Levels>),
}

impl IsolationForest {
    /// Takes the form that suits the number of features.
    pub(super) fn new(mut trees: Trees) -> Self {
        if trees.width() == 1 {
            Self::Single(Steps::of(&trees))
        } else {
            trees.shrink();
            let levels = Levels::of(&trees);
            Self::Several(trees, levels)
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
            Self::Several(trees, _) => trees.width(),
        }
    }

    fn initial_state(&self) -> State {
        State::default()
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> f64 {
        match self {
            Self::Single(steps) => steps.score(x[0]),
            Self::Several(trees, Some(levels)) => levels.score(trees, x),
            Self::Several(trees, None) => trees.score(x),
        }
    }

    fn advance(&self, _: &mut State, _: &[f64], _: Time) {}

    fn learn(&mut self, _: &[f64], _: Time) {}
}
