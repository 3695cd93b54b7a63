//! A question to a model: what it would say of a row, which it does not take in.

use std::sync::Arc;

use tagwise_model::{Assessment, FeatureMemory, Model, ModelState, NoScore, Readiness, RowError, Time};

/// A chain with copies of what it remembers.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) chain: Arc<Model>,
    pub(super) state: ModelState,
    pub(super) features: FeatureMemory,
    /// The version that answers.
    pub version: u64,
}

/// What a model says of a row that somebody asked about.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Score, threshold and label.
    pub assessment: Assessment,
    /// The row as the detector sees it.
    pub scaled: Vec<f64>,
    /// The version that answered.
    pub version: u64,
}

impl Snapshot {
    /// What the model would say if this row came next: one value for each input, or one for each feature where features
    /// are made of the inputs.
    pub fn predict(&self, row: &[f64], time: Time) -> Result<Prediction, NoScore> {
        let made;
        let row = if row.len() == self.chain.inputs() {
            made = self.features_of(row, time)?;
            &made
        } else if row.len() == self.chain.width() {
            row
        } else {
            return Err(RowError::Width { expected: self.chain.inputs(), found: row.len() }.into());
        };
        let scaled = self.chain.scale(row)?;
        let assessment = self.chain.observe_features(&mut self.state.clone(), row, time, None)?;
        Ok(Prediction { assessment, scaled, version: self.version })
    }

    fn features_of(&self, inputs: &[f64], time: Time) -> Result<Vec<f64>, NoScore> {
        self.chain.check_row(inputs)?;
        let mut row = vec![0.0; self.chain.width()];
        match self.chain.spec().features.push(&mut self.features.clone(), inputs, time, &mut row) {
            Readiness::Filling => Err(NoScore::WarmingUp),
            Readiness::Ready | Readiness::Held => Ok(row),
        }
    }
}
