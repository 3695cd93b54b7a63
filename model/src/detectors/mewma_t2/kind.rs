//! The kind: parameters, defaults, and the way to a fitted detector.

use super::detector::{MewmaT2, Of};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "mewma_t2";

/// The kind `mewma_t2`: the multivariate EWMA chart of Lowry, Woodall, Champ and Rigdon (1992).
///
/// Rows are standardised and averaged, signed, with exponentially fading weights λ; the score is the average's Hotelling T²,
/// z̄ᵀ·Σ⁻¹·z̄·(2 − λ)/λ, with the covariance Σ of the training rows, 5 % shrunk to its diagonal. `of: t2` averages the T² of
/// single rows instead. Rows that follow from each other make either larger than independent ones would; the threshold,
/// read off training rows, knows of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MewmaT2Kind;

impl DetectorKind for MewmaT2Kind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Smoothed distance of all features together from their mean, given how they vary together; finds small lasting \
         shifts and broken relations between features."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "smoothing",
                domain: Domain::Number { min: 0.001, max: 1.0, default: 0.25 },
                doc: "Weight of the newest row in the average, as a share; 1 is no smoothing.",
            },
            Parameter {
                name: "of",
                domain: Domain::Choice { options: &["rows", "t2"], default: "rows" },
                doc: "What is averaged: rows with their signs, for lasting shifts, or their T², for oscillations and bursts.",
            },
            Parameter {
                name: "adaptation",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 0.0 },
                doc: "How far the mean moves towards each normal row, as a share of the distance; 0 never moves it.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        30
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Evt(1e-3)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let of = if params.text("of")? == "t2" { Of::T2 } else { Of::Rows };
        let (smoothing, adaptation) = (params.number("smoothing")?, params.number("adaptation")?);
        Ok(Box::new(MewmaT2::fit(rows, of, smoothing, adaptation)?))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: MewmaT2 = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
