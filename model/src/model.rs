//! A fitted chain: features -> scaler -> detector -> smoothing -> guard -> threshold -> label.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::guard::Guard;
use crate::input_names::InputNames;
use crate::memory::ModelState;
use crate::scaler::StandardScaler;
use crate::smoothing::next_average;
use crate::threshold::Threshold;
use crate::training_scores::TrainingScores;
use crate::{
    Assessment, Detector, Label, ModelSpec, NoScore, Probability, Readiness, RowError, ThresholdSpec, Time,
    TrainingRows,
};

/// A fitted chain. Reading it changes nothing, so any number of callers share one behind an `Arc`, each with its own
/// [`ModelState`].
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) spec: Arc<ModelSpec>,
    pub(crate) scaler: Option<StandardScaler>,
    pub(crate) guard: Option<Guard>,
    pub(crate) detector: Box<dyn Detector>,
    pub(crate) threshold: Threshold,
    pub(crate) training: Training,
    pub(crate) input_names: InputNames,
}

/// What is remembered of a model's training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Training {
    pub(crate) samples: u64,
    pub(crate) labelled: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scores: Option<TrainingScores>,
}

impl Model {
    pub(crate) fn new(
        spec: impl Into<Arc<ModelSpec>>,
        scaler: Option<StandardScaler>,
        guard: Option<Guard>,
        detector: Box<dyn Detector>,
        threshold: Threshold,
        training: Training,
    ) -> Self {
        Self { spec: spec.into(), scaler, guard, detector, threshold, training, input_names: InputNames::default() }
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Lets go of the own copy of what it was made from where somebody holds an equal one: thousands of models of one
    /// mapping need it only once.
    pub fn share_spec(&mut self, spec: &Arc<ModelSpec>) {
        if *self.spec == **spec {
            self.spec = Arc::clone(spec);
        }
    }

    /// Values per row that come in.
    pub fn inputs(&self) -> usize {
        self.spec.features.inputs().unwrap_or_else(|| self.width())
    }

    /// Features per row, which is what the detector sees; as many as inputs where no features are made of them.
    pub fn width(&self) -> usize {
        self.detector.width()
    }

    /// The kind of detector.
    pub fn kind(&self) -> &'static str {
        self.detector.kind()
    }

    /// The score above which a row is an anomaly; 0 with contamination.
    pub fn threshold(&self) -> f64 {
        self.threshold.value()
    }

    /// Rows that the model was fitted to.
    pub fn training_samples(&self) -> u64 {
        self.training.samples
    }

    /// Share of the training rows, from 0 to 1, whose scores lie above the threshold.
    pub fn training_share_labelled(&self) -> f64 {
        self.training.labelled as f64 / self.training.samples.max(1) as f64
    }

    /// The short memory before the first row.
    pub fn initial_state(&self) -> ModelState {
        ModelState::new(self.width(), self.spec.features.initial_memory(), self.detector.initial_state())
    }

    /// Whether a row of inputs can be scored: of the right width, and finite throughout.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn check_row(&self, inputs: &[f64]) -> Result<(), RowError> {
        check(inputs, self.inputs())
    }

    /// Scores and labels a good-quality row and takes it into the short memory: what live values get. Does not allocate
    /// for rows of up to 64 values.
    ///
    /// # Errors
    /// A row that is none for this model, which moves nothing; or too few rows so far.
    pub fn observe(&self, state: &mut ModelState, inputs: &[f64], t: Time) -> Result<Assessment, NoScore> {
        self.observe_inputs(state, inputs, t, None)
    }

    /// The same, and for rows above the threshold says how much each feature has to do with it: shares that sum up to 1,
    /// or zeros for rows that are not above it. `shares` has the model's [`width`](Self::width).
    ///
    /// # Errors
    /// As for [`observe`](Self::observe).
    pub fn observe_explaining(
        &self,
        state: &mut ModelState,
        inputs: &[f64],
        t: Time,
        shares: &mut [f64],
    ) -> Result<Assessment, NoScore> {
        self.observe_inputs(state, inputs, t, Some(shares))
    }

    fn observe_inputs(
        &self,
        state: &mut ModelState,
        inputs: &[f64],
        t: Time,
        mut shares: Option<&mut [f64]>,
    ) -> Result<Assessment, NoScore> {
        if let Some(shares) = &mut shares {
            shares.fill(0.0);
        }
        self.check_row(inputs)?;
        if self.spec.features.is_identity() {
            return self.observe_features(state, inputs, t, shares);
        }
        let mut row = std::mem::take(&mut state.row);
        if row.len() != self.width() {
            // The memory of another model, or one from a file.
            row = vec![0.0; self.width()].into();
        }
        let assessed = match self.spec.features.push(&mut state.features, inputs, t, &mut row) {
            Readiness::Filling => Err(NoScore::WarmingUp),
            Readiness::Ready => self.observe_features(state, &row, t, shares),
            Readiness::Held => self.hold(state),
        };
        state.row = row;
        assessed
    }

    /// Repeats what was said of the newest frame: between frames there is nothing new to say.
    ///
    /// # Errors
    /// Nothing has been said yet.
    pub fn hold(&self, state: &mut ModelState) -> Result<Assessment, NoScore> {
        state.is_fresh = false;
        state.last.ok_or(NoScore::WarmingUp)
    }

    /// [`observe`](Self::observe) behind the features: for callers who make the features themselves, so that their memory
    /// outlives the model. `shares` are filled in as by [`observe_explaining`](Self::observe_explaining).
    ///
    /// # Errors
    /// As for [`observe`](Self::observe).
    pub fn observe_features(
        &self,
        state: &mut ModelState,
        x: &[f64],
        t: Time,
        mut shares: Option<&mut [f64]>,
    ) -> Result<Assessment, NoScore> {
        check(x, self.width())?;
        state.scale(x, self.scaler.as_ref());
        let score = match &mut shares {
            None => self.detector.observe(&mut state.detector, &state.scaled, t),
            Some(shares) => {
                shares.fill(0.0);
                // The memory before the row is what the attribution needs, and it is gone once the row is taken in.
                let score = self.detector.score(&state.detector, &state.scaled, t);
                if score.is_some_and(|score| self.threshold.shift(score) > self.threshold.value())
                    || self.excess(x) > 0.0
                {
                    self.attribute(state, x, t, shares);
                }
                self.detector.advance(&mut state.detector, &state.scaled, t);
                score
            }
        };
        let assessed = self.assess_score(state, score, x, t);
        if let Some(shares) = shares
            && !assessed.is_ok_and(|assessment| assessment.is_above())
        {
            shares.fill(0.0);
        }
        state.is_fresh = true;
        state.last = assessed.ok();
        assessed
    }

    /// What [`observe`](Self::observe) would say, without taking the row in. For questions, not for the hot path: it
    /// works on a copy of the short memory.
    ///
    /// # Errors
    /// As for [`observe`](Self::observe).
    pub fn assess(&self, state: &ModelState, inputs: &[f64], t: Time) -> Result<Assessment, NoScore> {
        self.observe(&mut state.clone(), inputs, t)
    }

    /// Scores of independent rows of features, one after another in `rows`, as reported: NaN where there is none. The
    /// short memory is the initial one for each, so this is for kinds without one; smoothing does not take part.
    ///
    /// # Errors
    /// The first row that is none for this model.
    pub fn score_rows(&self, rows: &[f64], scores: &mut [f64]) -> Result<(), RowError> {
        let width = self.width().max(1);
        rows.chunks(width).try_for_each(|row| check(row, width))?;
        match &self.scaler {
            None => self.detector.score_rows(rows, scores),
            Some(scaler) => {
                let mut scaled = rows.to_vec();
                scaled
                    .chunks_exact_mut(width)
                    .zip(rows.chunks_exact(width))
                    .for_each(|(to, from)| scaler.scale_row(from, to));
                self.detector.score_rows(&scaled, scores);
            }
        }
        for (row, score) in rows.chunks_exact(width).zip(scores) {
            *score = self.beyond(self.threshold.shift(*score), self.excess(row));
        }
        Ok(())
    }

    /// Scores of the rows of features that the model was fitted to, as reported: PyOD's `decision_scores_`, which for some
    /// kinds is not what the same rows would get as new ones. NaN where there is none; smoothing and guard do not take
    /// part.
    ///
    /// # Errors
    /// The first row that is none for this model.
    pub fn training_scores(&self, rows: &TrainingRows) -> Result<Vec<f64>, RowError> {
        rows.rows().try_for_each(|row| check(row, self.width()))?;
        let scaled = self.scaler.as_ref().map_or_else(|| rows.clone(), |scaler| scaler.scale_rows(rows));
        let scores = self.detector.training_scores(&scaled);
        Ok(scores.into_iter().map(|score| self.threshold.shift(score)).collect())
    }

    /// Whether [`learn`](Self::learn) does anything.
    pub fn adapts(&self) -> bool {
        self.detector.adapts()
    }

    /// Learns from the row that was observed last, where the model was asked to adapt. The gate stands here: what is
    /// above the threshold or labelled an anomaly is never learned, else faults would be learned away.
    pub fn learn(&mut self, state: &ModelState, assessment: &Assessment, t: Time) {
        if state.is_fresh && !assessment.is_above() && assessment.label == Label::Normal {
            self.detector.learn(&state.scaled, t);
        }
    }

    /// A row of features as the detector sees it.
    ///
    /// # Errors
    /// A row that cannot be scored.
    pub fn scale(&self, x: &[f64]) -> Result<Vec<f64>, RowError> {
        check(x, self.width())?;
        let mut scaled = x.to_vec();
        if let Some(scaler) = &self.scaler {
            scaler.scale_row(x, &mut scaled);
        }
        Ok(scaled)
    }

    /// How probable it is that a row of this (reported) score is an outlier, from 0 to 1, as PyOD's `predict_proba` says
    /// it. `None` for kinds that keep no training scores.
    pub fn probability(&self, score: f64, method: Probability) -> Option<f64> {
        self.training.scores.as_ref().map(|scores| scores.probability(score, method))
    }

    /// How sure the verdict on a row of this (reported) score is, from 0 to 1, as PyOD's `predict_confidence` says it.
    /// `None` for kinds that keep no training scores and for thresholds other than contamination, which it is made from.
    pub fn confidence(&self, score: f64) -> Option<f64> {
        let ThresholdSpec::Contamination(share) = self.spec.threshold else { return None };
        let is_anomaly = score > self.threshold.value();
        self.training.scores.as_ref().map(|scores| scores.confidence(score, share, is_anomaly))
    }

    fn assess_score(
        &self,
        state: &mut ModelState,
        score: Option<f64>,
        x: &[f64],
        t: Time,
    ) -> Result<Assessment, NoScore> {
        let mut score = score.ok_or(NoScore::WarmingUp)?;
        if !score.is_finite() {
            return Err(NoScore::NotFinite(score));
        }
        if let Some(weight) = self.spec.smoothing {
            score = next_average(weight, state.average, score);
            state.average = Some(score);
        }
        let score = self.beyond(self.threshold.shift(score), self.excess(x));
        let threshold = self.threshold.value();
        let label = self.spec.decision.decide(&mut state.decision, score > threshold, t);
        Ok(Assessment { score, threshold, label })
    }

    fn excess(&self, x: &[f64]) -> f64 {
        self.guard.as_ref().map_or(0.0, |guard| guard.excess(x))
    }

    /// A row out of range scores above the threshold, and the further out the higher.
    fn beyond(&self, score: f64, excess: f64) -> f64 {
        if excess > 0.0 {
            let threshold = self.threshold.value();
            (score.max(threshold) + excess).max(threshold.next_up())
        } else {
            score
        }
    }

    fn attribute(&self, state: &ModelState, x: &[f64], t: Time, shares: &mut [f64]) {
        self.detector.attribute(&state.detector, &state.scaled, t, shares);
        normalise(shares);
        if let Some(guard) = &self.guard
            && guard.excess(x) > 0.0
        {
            // What is out of range explains the row by itself.
            x.iter()
                .zip(&mut *shares)
                .enumerate()
                .for_each(|(feature, (&value, share))| *share = guard.excess_of(feature, value));
            normalise(shares);
        }
    }
}

fn check(row: &[f64], expected: usize) -> Result<(), RowError> {
    if row.len() != expected {
        return Err(RowError::Width { expected, found: row.len() });
    }
    match row.iter().position(|value| !value.is_finite()) {
        Some(column) => Err(RowError::NotFinite { column, value: row[column] }),
        None => Ok(()),
    }
}

/// Makes shares that sum up to 1; equal ones where nothing stands out, or where a foreign kind gave nonsense.
fn normalise(shares: &mut [f64]) {
    let is_sound = shares.iter().all(|share| share.is_finite() && *share >= 0.0);
    let largest = shares.iter().copied().fold(0.0, f64::max);
    if !is_sound || largest <= 0.0 {
        return shares.fill(1.0 / shares.len() as f64);
    }
    // Divided by the largest first, so that the sum cannot overflow.
    let sum: f64 = shares.iter().map(|share| share / largest).sum();
    for share in shares {
        *share = *share / largest / sum;
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
