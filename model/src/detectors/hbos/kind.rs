//! The kind `hbos`: parameters, defaults, fit.
//!
//! Goldstein and Dengel (2012), Histogram-based Outlier Score: features are taken to be independent, each gets a histogram,
//! and a row's score is the sum of -log2(density + alpha). PyOD: `HBOS`, followed to its rules for edges.

use super::histogram::{Histogram, best_bins};
use super::score::{Bins, Hbos, NAME};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

/// The kind `hbos`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HbosKind;

impl DetectorKind for HbosKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Histogram-based outlier score as PyOD has it; finds values that were rare in training, feature by feature. Does \
         not tell rare from never seen, nor see features that are odd only together."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "bins",
                domain: Domain::Integer { min: 0, max: 1000, default: 10 },
                doc: "Bins per feature; 0 chooses for each feature by Birgé and Rozenholc (PyOD: n_bins, \"auto\").",
            },
            Parameter {
                name: "alpha",
                domain: Domain::Number { min: 1e-9, max: 1.0, default: 0.1 },
                doc: "Added to each density, so that empty bins have a finite score.",
            },
            Parameter {
                name: "tolerance",
                domain: Domain::Number { min: 0.0, max: 1.0, default: 0.5 },
                doc: "How far outside a value still counts to the outermost bin, in widths of that bin (PyOD: tol).",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        // There is a highest score that a row can get, and with few bins it is often reached in training; a factor above
        // 1 would lie beyond it.
        ThresholdSpec::Quantile { quantile: 0.98, factor: 1.0 }
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let bins = usize::try_from(params.integer("bins")?).unwrap_or(0);
        let (alpha, tolerance) = (params.number("alpha")?, params.number("tolerance")?);
        if rows.is_empty() {
            return Err(FitError::TooFewRows { kind: NAME, found: 0, needed: self.minimum_samples() });
        }
        let features = (0..rows.width())
            .map(|column| {
                let values: Vec<f64> = rows.column(column).collect();
                let bins = if bins == 0 { best_bins(&values) } else { bins };
                let histogram = Histogram::of(&values, bins).ok_or(FitError::TooLarge { column })?;
                Ok(Bins::of(histogram, alpha))
            })
            .collect::<Result<_, FitError>>()?;
        Ok(Box::new(Hbos { tolerance, features }))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Hbos = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
