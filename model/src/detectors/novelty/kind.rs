//! The kind `novelty` and its parameters.

use super::codebook::{Codebook, MOST_CODEWORDS};
use super::fitted::{Novelty, Rules};
use crate::detectors::streams::{Refractory, UTC_OFFSET_PARAMETER, rhythm_of};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "novelty";

const CODEWORDS_END: i64 = MOST_CODEWORDS as i64;

/// The kind `novelty`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoveltyKind;

impl DetectorKind for NoveltyKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Says once when a value comes that was never seen, then knows it; for events in single metrics, blind to flat lines and to what lasts."
    }

    fn parameters(&self) -> &'static [Parameter] {
        // On eleven series of the benchmark the rhythm of the day is worth 7 points, but it costs as much again in time and
        // memory, and most tags have none.
        &[
            Parameter {
                name: "codewords",
                domain: Domain::Integer { min: 1, max: CODEWORDS_END, default: 64 },
                doc: "Values that stand for all those seen of late.",
            },
            Parameter {
                name: "radius",
                domain: Domain::Number { min: 1e-6, max: 0.5, default: 0.03 },
                doc: "How far from all of them a value has to lie to be new, as a share of the range.",
            },
            Parameter {
                name: "forgetting",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 2e-4 },
                doc: "How far the ends of the range move back towards the mean with each row, as a share of the distance.",
            },
            Parameter {
                name: "refractory",
                domain: Domain::Integer { min: 0, max: 1_000_000, default: 100 },
                doc: "Rows after something new in which only what is newer still is told.",
            },
            Parameter {
                name: "warm_up",
                domain: Domain::Integer { min: 1, max: 1_000_000, default: 100 },
                doc: "Rows to see before anything is told, the training rows included; 100 to 600 did about equally well.",
            },
            Parameter {
                name: "rhythm",
                domain: Domain::Choice { options: &["none", "daily"], default: "none" },
                doc: "Whether deviations from the mean of each half-hour of the day are watched as well.",
            },
            UTC_OFFSET_PARAMETER,
            Parameter {
                name: "slot_weight",
                domain: Domain::Number { min: 0.0, max: 1.0, default: 0.5 },
                doc: "What a new deviation from the rhythm counts beside a new value.",
            },
            Parameter {
                name: "range_low",
                domain: Domain::Number { min: -1e300, max: 1e300, default: 0.0 },
                doc: "Lower end of the range that every feature is known to have, in its unit; equal to the upper end for none.",
            },
            Parameter {
                name: "range_high",
                domain: Domain::Number { min: -1e300, max: 1e300, default: 0.0 },
                doc: "Upper end of that range; without one, the range is that of the values seen of late.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        // Whatever is missing for the warm-up is made up live.
        1
    }

    fn default_threshold(&self) -> ThresholdSpec {
        // Useful from .1 to .4. The score has a scale of its own: .3 is 1.43 radii away from all that is known.
        ThresholdSpec::Fixed(0.3)
    }

    fn default_scaler(&self) -> ScalerSpec {
        // Novelty is relative to the range already, and a configured range is in the value's own unit.
        ScalerSpec::None
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let (low, high) = (params.number("range_low")?, params.number("range_high")?);
        if low > high {
            let reason = format!("range_low is {low} and range_high {high}; give the lower end first");
            return Err(FitError::Detector { kind: NAME, reason });
        }
        let deviations = Codebook {
            size: u16::try_from(params.integer("codewords")?).unwrap_or(u16::MAX).clamp(1, MOST_CODEWORDS),
            radius: params.number("radius")?,
            forgetting: params.number("forgetting")?,
            range: 0.0,
        };
        // The range of the values says nothing about that of the deviations.
        let values = Codebook { range: (high - low).min(1e300), ..deviations };
        let rules = Rules {
            values,
            deviations,
            rhythm: rhythm_of(params)?,
            slot_weight: params.number("slot_weight")?,
            refractory: Refractory::of(u32::try_from(params.integer("refractory")?).unwrap_or(u32::MAX)),
            warm_up: u32::try_from(params.integer("warm_up")?).unwrap_or(u32::MAX),
        };
        Ok(Box::new(Novelty::fit(rules, rows)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Novelty = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
