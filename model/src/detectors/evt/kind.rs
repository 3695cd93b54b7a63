//! The kind `evt` and its parameters.

use super::chart::Pace;
use super::fitted::Evt;
use crate::detectors::streams::{Refractory, UTC_OFFSET_PARAMETER, rhythm_of};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "evt";

/// The kind `evt`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvtKind;

impl DetectorKind for EvtKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Rarity of distance from the mean, surprise and time of the day together; tells events in single metrics that drift and follow the day."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "adaptation",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 0.001 },
                doc: "Weight of the newest row in mean and variance, as a share; 0 leaves them as they were in training.",
            },
            Parameter {
                name: "rhythm",
                domain: Domain::Choice { options: &["none", "daily"], default: "daily" },
                doc: "Whether deviations from the mean of each half-hour of the day are watched as well.",
            },
            UTC_OFFSET_PARAMETER,
            Parameter {
                name: "refractory",
                domain: Domain::Integer { min: 0, max: 1_000_000, default: 100 },
                doc: "Rows after a score in which only higher ones are told.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        // A tail is the upper tenth of the rows.
        100
    }

    fn default_threshold(&self) -> ThresholdSpec {
        // The score is made of calibrated probabilities, so that one number serves all metrics; those that pass the
        // refractory time are too few and too far between for a tail of their own.
        ThresholdSpec::Fixed(15.0)
    }

    fn default_scaler(&self) -> ScalerSpec {
        // It standardises by itself.
        ScalerSpec::None
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let pace = Pace { adaptation: params.number("adaptation")?, rhythm: rhythm_of(params)? };
        let refractory = Refractory::of(u32::try_from(params.integer("refractory")?).unwrap_or(u32::MAX));
        Ok(Box::new(Evt::fit(pace, refractory, rows)?))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Evt = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
