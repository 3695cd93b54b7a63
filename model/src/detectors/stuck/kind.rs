//! The kind `stuck` and its parameters.

use super::fitted::Stuck;
use super::limits::Configured;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "stuck";

const LARGEST: f64 = 1e300;

/// The kind `stuck`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StuckKind;

impl DetectorKind for StuckKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Flat lines, changes that are too fast, and values out of range, by rule; for sensors that are polled, since a flat line only shows in repeated values."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "tolerance",
                domain: Domain::Number { min: 0.0, max: LARGEST, default: 0.0 },
                doc: "The largest change that is none, in the value's unit.",
            },
            Parameter {
                name: "flat_rows",
                domain: Domain::Integer { min: 0, max: 1_000_000_000, default: 0 },
                doc: "Rows without a change beyond which a value is stuck; 0 for the longest in training times the factor, at least 10, unless there is a flat_time.",
            },
            Parameter {
                name: "flat_time",
                domain: Domain::Number { min: 0.0, max: 1e9, default: 0.0 },
                doc: "Seconds without a change beyond which a value is stuck; 0 for no such limit.",
            },
            Parameter {
                name: "rate",
                domain: Domain::Number { min: 0.0, max: LARGEST, default: 0.0 },
                doc: "The fastest change, in the value's unit per second, or per row where the training rows have no times; 0 for the fastest in training times the factor.",
            },
            Parameter {
                name: "low",
                domain: Domain::Number { min: -LARGEST, max: LARGEST, default: 0.0 },
                doc: "Lower end of the range, in the value's unit; equal to the upper end for the range in training, its half width times the factor.",
            },
            Parameter {
                name: "high",
                domain: Domain::Number { min: -LARGEST, max: LARGEST, default: 0.0 },
                doc: "Upper end of the range.",
            },
            Parameter {
                name: "factor",
                domain: Domain::Number { min: 1.0, max: 1000.0, default: 2.0 },
                doc: "How far beyond what was seen in training the limits lie that are not configured.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        // Fewer say nothing about the longest and the fastest, where that is not configured.
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Fixed(1.0)
    }

    fn default_scaler(&self) -> ScalerSpec {
        // Limits are in the value's own unit.
        ScalerSpec::None
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let configured = Configured {
            tolerance: params.number("tolerance")?,
            flat_rows: params.number("flat_rows")?,
            flat_time: params.number("flat_time")?,
            rate: params.number("rate")?,
            low: params.number("low")?,
            high: params.number("high")?,
            factor: params.number("factor")?,
        };
        if configured.low > configured.high {
            let reason = format!("low is {} and high {}; give the lower end first", configured.low, configured.high);
            return Err(FitError::Detector { kind: NAME, reason });
        }
        Ok(Box::new(Stuck::fit(configured, rows)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Stuck = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
