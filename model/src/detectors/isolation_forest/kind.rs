//! The kind `isolation_forest`: parameters, defaults, fit.

use super::forest::{IsolationForest, NAME};
use super::grow::grow;
use crate::{
    Detector, DetectorKind, Domain, FitError, ParamError, Parameter, Params, Registry, RestoreError, ScalerSpec,
    ThresholdSpec, TrainingRows, decode,
};

/// The kind `isolation_forest`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IsolationForestKind;

impl DetectorKind for IsolationForestKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Isolation forest as PyOD has it; finds rows that few random cuts set apart. Does not tell far from very far."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "trees",
                domain: Domain::Integer { min: 1, max: 1000, default: 100 },
                doc: "Number of trees (PyOD: n_estimators).",
            },
            Parameter {
                name: "sample_size",
                domain: Domain::Integer { min: 2, max: 65_536, default: 256 },
                doc: "Training rows that each tree is grown on, at most all there are (PyOD: max_samples).",
            },
            Parameter {
                name: "seed",
                domain: Domain::Integer { min: 0, max: i64::MAX, default: 0 },
                doc: "Seed of the random cuts; the same seed and rows give the same model (PyOD: random_state).",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        // The score saturates outside the trained range. Trained on a few hundred rows, a higher quantile or a factor
        // above 1 can lie above all that the forest can ever say, and values far outside would pass as normal.
        ThresholdSpec::Quantile { quantile: 0.98, factor: 1.0 }
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let rows = rows.view();
        let trees = count(params, "trees")?;
        let sample_size = count(params, "sample_size")?;
        let seed = params.integer("seed")?.unsigned_abs();
        if rows.is_empty() {
            return Err(FitError::TooFewRows { kind: NAME, found: 0, needed: self.minimum_samples() });
        }
        #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
        if let Some(((_, column), _)) = rows.indexed_iter().find(|(_, value)| !(**value as f32).is_finite()) {
            return Err(FitError::TooLarge { column });
        }
        Ok(Box::new(IsolationForest::new(grow(&rows, trees, sample_size, seed))))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        Ok(Box::new(decode::<IsolationForest>(bytes)?))
    }
}

/// A parameter that counts something.
fn count(params: &Params, name: &str) -> Result<usize, ParamError> {
    Ok(usize::try_from(params.integer(name)?.max(1)).unwrap_or(usize::MAX))
}
