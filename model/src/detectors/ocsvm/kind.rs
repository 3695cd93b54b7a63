use super::detector::Ocsvm;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows,
};

/// The kind `ocsvm`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OcsvmKind;

impl DetectorKind for OcsvmKind {
    fn name(&self) -> &'static str {
        super::detector::NAME
    }

    fn doc(&self) -> &'static str {
        "One-class support vector machine; finds what lies outside the smooth region that holds most training rows."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "nu",
                domain: Domain::Number { min: 0.001, max: 1.0, default: 0.5 },
                doc: "Share of the training rows that may lie outside at most, and that are support vectors at least.",
            },
            Parameter {
                name: "gamma",
                domain: Domain::Number { min: 0.0, max: 1e6, default: 0.0 },
                doc: "How fast the kernel falls with the squared distance of scaled rows; 0 is 1 / number of features.",
            },
            Parameter {
                name: "tolerance",
                domain: Domain::Number { min: 1e-12, max: 0.1, default: 0.001 },
                doc: "How far from optimal the solution may be, in units of the score.",
            },
            Parameter {
                name: "most_rows",
                domain: Domain::Integer { min: 128, max: 16_384, default: 4096 },
                doc: "Training rows that are fitted at most, as the time grows with their square; of more, evenly spaced ones.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    /// The score comes to a limit far from everything, so that its tail does not tell how rare a score beyond it is.
    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Quantile { quantile: 0.99, factor: 1.0 }
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let most = usize::try_from(params.integer("most_rows")?).unwrap_or(1);
        let gamma = match params.number("gamma")? {
            // PyOD's `auto`.
            0.0 => 1.0 / rows.width() as f64,
            gamma => gamma,
        };
        Ok(Box::new(Ocsvm::fit(rows, most, gamma, params.number("nu")?, params.number("tolerance")?)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        Ok(Box::new(Ocsvm::restore(bytes)?))
    }
}
