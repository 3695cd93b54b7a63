//! What a model is to be, and how it is fitted.

use serde::{Deserialize, Serialize};

use crate::calibration::{Recipe, default_folds, out_of_sample_scores};
use crate::guard::Guard;
use crate::model::Training;
use crate::smoothing::smooth_all;
use crate::threshold::Threshold;
use crate::training_scores::TrainingScores;
use crate::{
    DecisionSpec, DetectorKind, Features, FitError, Model, Params, Readiness, Registry, ScalerSpec, ThresholdSpec,
    TrainingRows,
};

/// Which chain is meant: kind of detector with its parameters, and the links before and after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// What is made of the inputs before anything else; an empty list hands them on.
    #[serde(default)]
    pub features: Features,
    /// Name of the detector kind in the registry.
    pub kind: String,
    /// Parameters of the detector. Resolved or not; fitting resolves them again.
    pub params: Params,
    /// The scaler before the detector.
    pub scaler: ScalerSpec,
    /// The out-of-range guard: how far, in training ranges beyond either end, a feature may lie before the row is
    /// anomalous whatever the detector says. 0 or more; `None` for no guard.
    pub guard: Option<f64>,
    /// Weight of the newest score in an exponentially weighted average of the scores, above 0 and at most 1; `None`
    /// leaves them as they are.
    pub smoothing: Option<f64>,
    /// The threshold on the scores.
    pub threshold: ThresholdSpec,
    /// From the threshold to the label.
    #[serde(default)]
    pub decision: DecisionSpec,
}

/// How far a fit has come: `done` of `total` steps of about the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps behind it.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

impl ModelSpec {
    /// The guard's margin when nothing else is said: one training range beyond either end.
    pub const DEFAULT_GUARD: f64 = 1.0;

    /// The chain that a kind stands for when nothing else is said.
    pub fn defaults_of(kind: &dyn DetectorKind) -> Self {
        Self {
            features: Features::default(),
            kind: kind.name().to_owned(),
            params: Params::defaults(kind.parameters()),
            scaler: kind.default_scaler(),
            guard: Some(Self::DEFAULT_GUARD),
            smoothing: None,
            threshold: kind.default_threshold(),
            decision: DecisionSpec::default(),
        }
    }

    /// Fits the chain to training rows of inputs, which must be in order of time, and for kinds with short memory
    /// consecutive within their segments: rows drawn here and there look less alike than neighbours do.
    ///
    /// Quantile and peaks over threshold are calibrated on blocked cross-validated scores, so that the kind is fitted
    /// eleven times. With too few rows to leave some out, the training scores themselves have to do.
    ///
    /// # Errors
    /// An unknown kind, parameters or threshold out of range, too few rows, cells that are not finite or too large.
    pub fn fit(&self, registry: &Registry, rows: impl Into<TrainingRows>) -> Result<Model, FitError> {
        self.fit_reporting(registry, rows, &mut |_| ())
    }

    /// The same, and says after each step how far it has come.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn fit_reporting(
        &self,
        registry: &Registry,
        rows: impl Into<TrainingRows>,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Model, FitError> {
        let rows = self.make_features(&rows.into())?;
        self.fit_features(registry, &rows, report)
    }

    /// The rows of features that rows of inputs yield: in each segment fewer than there are inputs, where windows or
    /// frames have to fill.
    ///
    /// # Errors
    /// Rows with fewer or more inputs than the features need, or with cells that are not finite.
    pub fn make_features(&self, inputs: &TrainingRows) -> Result<TrainingRows, FitError> {
        check_cells(inputs)?;
        let (Some(expected), Some(width)) = (self.features.inputs(), self.features.width()) else {
            return Ok(inputs.clone());
        };
        if inputs.width() != expected {
            return Err(FitError::Inputs { expected, found: inputs.width() });
        }
        let mut rows = TrainingRows::new(width);
        let mut row = vec![0.0; width];
        for segment in inputs.segments() {
            let mut memory = self.features.initial_memory();
            rows.start_segment();
            for index in segment {
                let t = inputs.time(index);
                if self.features.push(&mut memory, inputs.row(index), t, &mut row) == Readiness::Ready {
                    if inputs.has_times() {
                        rows.push_at(&row, t);
                    } else {
                        rows.push(&row);
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Fits the chain behind the features: to rows of features, such as a reservoir keeps.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn fit_features(
        &self,
        registry: &Registry,
        rows: &TrainingRows,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Model, FitError> {
        let kind = self.find_kind(registry)?;
        let params = Params::resolve(kind.parameters(), self.params.clone()).map_err(FitError::Parameters)?;
        self.check_links()?;
        self.check_rows(kind, rows)?;

        let recipe = Recipe { kind, params: &params, scaler: self.scaler, registry };
        let folds = if self.threshold.is_out_of_sample() { recipe.folds(rows.count(), default_folds()) } else { 0 };
        let mut progress = Progress { done: 0, total: folds + 1 };
        let mut step = || {
            progress.done += 1;
            report(progress);
        };
        let (scaler, detector) = recipe.fit(rows)?;
        step();
        let scaled = scaler.as_ref().map_or_else(|| rows.clone(), |scaler| scaler.scale_rows(rows));
        let mut scores = detector.training_scores(&scaled);
        scores.retain(|score| score.is_finite());
        let unseen = if folds > 0 { out_of_sample_scores(&recipe, rows, folds, &mut step) } else { None };
        let calibrating = smooth_all(self.smoothing, unseen.as_ref().unwrap_or(&scores));
        // A fixed threshold needs no scores, so a kind that is still warming up can be fitted for it.
        if calibrating.is_empty() && !matches!(self.threshold, ThresholdSpec::Fixed(_)) {
            return Err(FitError::TooFewRows { kind: kind.name(), found: rows.count(), needed: rows.count() + 1 });
        }
        let threshold = Threshold::calibrate(self.threshold, &calibrating);
        let reported: Vec<f64> =
            smooth_all(self.smoothing, &scores).into_iter().map(|score| threshold.shift(score)).collect();
        let training = Training {
            samples: rows.count() as u64,
            labelled: reported.iter().filter(|&&score| score > threshold.value()).count() as u64,
            scores: kind.keeps_training_scores().then(|| TrainingScores::of(reported)),
        };
        let guard = self.guard.map(|margin| Guard::fit(margin, rows));
        Ok(Model::new(Self { params, ..self.clone() }, scaler, guard, detector, threshold, training))
    }

    fn find_kind<'a>(&self, registry: &'a Registry) -> Result<&'a dyn DetectorKind, FitError> {
        registry.get(&self.kind).map(AsRef::as_ref).ok_or_else(|| FitError::UnknownKind {
            kind: self.kind.clone(),
            known: registry.names().map(str::to_owned).collect(),
        })
    }

    fn check_rows(&self, kind: &dyn DetectorKind, rows: &TrainingRows) -> Result<(), FitError> {
        // No statistics can be made of nothing, whatever a kind may say about itself.
        let needed = kind.minimum_samples().max(1);
        if rows.count() < needed {
            return Err(FitError::TooFewRows { kind: kind.name(), found: rows.count(), needed });
        }
        match self.features.width() {
            _ if rows.width() == 0 => Err(FitError::NoColumns),
            Some(expected) if rows.width() != expected => Err(FitError::Inputs { expected, found: rows.width() }),
            _ => check_cells(rows),
        }
    }

    /// Checks what stands around the detector.
    ///
    /// # Errors
    /// The first number out of its range.
    pub fn check_links(&self) -> Result<(), FitError> {
        self.threshold.validate()?;
        if let Some(value) = self.guard.filter(|margin| !(margin.is_finite() && *margin >= 0.0)) {
            return Err(FitError::Chain { name: "guard", domain: "a finite number from 0", value });
        }
        if let Some(value) = self.smoothing.filter(|weight| !(*weight > 0.0 && *weight <= 1.0)) {
            return Err(FitError::Chain { name: "smoothing", domain: "above 0 and at most 1", value });
        }
        let counts = [("raise_after", self.decision.raise_after), ("clear_after", self.decision.clear_after)];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(FitError::Chain { name, domain: "1 or more", value: 0.0 }),
            None => Ok(()),
        }
    }
}

fn check_cells(rows: &TrainingRows) -> Result<(), FitError> {
    match rows.cells().iter().position(|value| !value.is_finite()) {
        Some(place) => {
            let (row, column) = (place / rows.width(), place % rows.width());
            Err(FitError::NotFinite { row, column, value: rows.cells()[place] })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
