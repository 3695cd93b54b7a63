//! Everything that a model remembers from one row to the next.

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::scaler::StandardScaler;
use crate::{Assessment, FeatureMemory, State};

/// The short memory of a chain: its features', its detector's, the average of its scores, and what its label depends on.
/// Belongs to the model that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelState {
    pub(crate) features: FeatureMemory,
    /// The newest row of features.
    pub(crate) row: Box<[f64]>,
    pub(crate) detector: State,
    /// The newest row as the detector saw it.
    pub(crate) scaled: Box<[f64]>,
    pub(crate) average: Option<f64>,
    pub(crate) decision: Decision,
    /// What was said of the newest row of features.
    pub(crate) last: Option<Assessment>,
    /// Whether the newest inputs made a new row of features.
    pub(crate) is_fresh: bool,
}

impl ModelState {
    pub(crate) fn new(width: usize, features: FeatureMemory, detector: State) -> Self {
        Self {
            features,
            // Made when the first row of features is.
            row: Box::default(),
            detector,
            scaled: vec![0.0; width].into(),
            average: None,
            decision: Decision::default(),
            last: None,
            is_fresh: false,
        }
    }

    /// The detector's own memory.
    pub fn detector(&self) -> &State {
        &self.detector
    }

    /// Keeps the row as the detector will see it.
    pub(crate) fn scale(&mut self, x: &[f64], scaler: Option<&StandardScaler>) {
        if self.scaled.len() != x.len() {
            // The memory of another model, or one from a file.
            self.scaled = vec![0.0; x.len()].into();
        }
        match scaler {
            Some(scaler) => scaler.scale_row(x, &mut self.scaled),
            None => self.scaled.iter_mut().zip(x).for_each(|(to, from)| *to = *from),
        }
    }
}
