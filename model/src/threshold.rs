//! From scores to a threshold: where the line is drawn.

use serde::{Deserialize, Serialize};

use crate::codec::RestoreError;
use crate::pareto::Tail;
use crate::quantile::quantile;

/// How the threshold is found. Scores strictly above it are anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shape", into = "Shape")]
pub enum ThresholdSpec {
    /// PyOD's way: this share of the training rows, above 0 and at most 0.5, is taken to be anomalous. The score becomes
    /// the excess over the quantile that cuts them off, so the threshold is 0 and normal scores are negative (PyOD's
    /// `decision_function` for the isolation forest). It flags that share of *normal* rows too, and it looks at the
    /// training scores themselves, as PyOD does.
    Contamination(f64),
    /// `factor` times the `quantile` of the scores that training rows get from a model that has not seen them. The score
    /// is the detector's own. A factor above 1 always raises the threshold, also where the quantile is negative.
    Quantile {
        /// Share of the training rows below the quantile: above 0, at most 1.
        quantile: f64,
        /// Above 0; larger means fewer false alarms.
        factor: f64,
    },
    /// Peaks over threshold (SPOT): the score that normal rows exceed with this probability, above 0 and at most 0.1,
    /// read off the tail of the scores that training rows get from a model that has not seen them.
    Evt(f64),
    /// The given number; the score is the detector's own.
    Fixed(f64),
}

/// A threshold that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// The contamination is not a share that makes sense.
    #[error("contamination must be above 0 and at most 0.5, not {0}")]
    Contamination(f64),
    /// The quantile is not a share.
    #[error("quantile must be above 0 and at most 1, not {0}")]
    Quantile(f64),
    /// The factor is not a positive number.
    #[error("factor must be a finite number above 0, not {0}")]
    Factor(f64),
    /// The risk is no probability that a tail could be asked for.
    #[error("evt must be above 0 and at most 0.1, not {0}")]
    Evt(f64),
    /// The fixed threshold is NaN or infinite.
    #[error("a fixed threshold must be a finite number, not {0}")]
    Fixed(f64),
    /// The keys do not make up one kind of threshold.
    #[error("a threshold is one of contamination, quantile with factor, evt, or fixed; give exactly one of them")]
    Shape,
}

impl ThresholdSpec {
    /// Checks the numbers against their ranges.
    ///
    /// # Errors
    /// The first number out of its range.
    pub fn validate(&self) -> Result<(), ThresholdError> {
        match *self {
            Self::Contamination(share) if !(share > 0.0 && share <= 0.5) => Err(ThresholdError::Contamination(share)),
            Self::Quantile { quantile, .. } if !(quantile > 0.0 && quantile <= 1.0) => {
                Err(ThresholdError::Quantile(quantile))
            }
            Self::Quantile { factor, .. } if !(factor > 0.0 && factor.is_finite()) => {
                Err(ThresholdError::Factor(factor))
            }
            Self::Evt(risk) if !(risk > 0.0 && risk <= 0.1) => Err(ThresholdError::Evt(risk)),
            Self::Fixed(value) if !value.is_finite() => Err(ThresholdError::Fixed(value)),
            _ => Ok(()),
        }
    }
}

impl ThresholdSpec {
    /// Whether it asks for scores from models that have not seen the rows.
    pub(crate) fn is_out_of_sample(&self) -> bool {
        matches!(self, Self::Quantile { .. } | Self::Evt(_))
    }
}

/// A calibrated threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Threshold {
    offset: f64,
    value: f64,
}

impl Threshold {
    /// Calibrates on the scores of training rows, which must not be empty unless the threshold is fixed.
    pub(crate) fn calibrate(spec: ThresholdSpec, scores: &[f64]) -> Self {
        match spec {
            ThresholdSpec::Contamination(share) => {
                // PyOD hands 100 times the share to a percentile of the negated scores; followed to the last bit.
                let negated = scores.iter().map(|score| -score).collect();
                Self::above(quantile(negated, 100.0 * share / 100.0))
            }
            ThresholdSpec::Quantile { quantile: q, factor } => {
                let level = quantile(scores.to_vec(), q);
                Self::at(level + (factor - 1.0) * level.abs())
            }
            ThresholdSpec::Evt(risk) => Self::at(Tail::fit(scores).level(risk)),
            ThresholdSpec::Fixed(value) => Self::at(value),
        }
    }

    /// At a score.
    fn at(value: f64) -> Self {
        Self { offset: 0.0, value }
    }

    /// At 0, once this offset has been added to the detector's score: scikit-learn's `offset_` the other way round.
    pub(crate) fn above(offset: f64) -> Self {
        Self { offset, value: 0.0 }
    }

    /// At a reported score, once this offset has been added to the detector's: for models that were calibrated elsewhere.
    pub(crate) fn shifted(offset: f64, value: f64) -> Self {
        Self { offset, value }
    }

    /// The score to report for a detector's score.
    pub(crate) fn shift(&self, score: f64) -> f64 {
        score + self.offset
    }

    /// The reported score above which a row is an anomaly.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// Whether the numbers can be worked with; they may come from a file.
    pub(crate) fn check(&self) -> Result<(), RestoreError> {
        let is_sound = self.offset.is_finite() && self.value.is_finite();
        if is_sound { Ok(()) } else { Err(RestoreError::new("the threshold is no finite number")) }
    }
}

/// The form in the mapping: `{ contamination: 0.05 }`, `{ quantile: 0.99, factor: 1.5 }`, `{ evt: 0.001 }`,
/// `{ fixed: 0.6 }`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contamination: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantile: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evt: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed: Option<f64>,
}

impl From<ThresholdSpec> for Shape {
    fn from(spec: ThresholdSpec) -> Self {
        match spec {
            ThresholdSpec::Contamination(share) => Self { contamination: Some(share), ..Self::default() },
            ThresholdSpec::Quantile { quantile, factor } => {
                Self { quantile: Some(quantile), factor: Some(factor), ..Self::default() }
            }
            ThresholdSpec::Evt(risk) => Self { evt: Some(risk), ..Self::default() },
            ThresholdSpec::Fixed(value) => Self { fixed: Some(value), ..Self::default() },
        }
    }
}

impl TryFrom<Shape> for ThresholdSpec {
    type Error = ThresholdError;

    fn try_from(shape: Shape) -> Result<Self, ThresholdError> {
        let spec = match shape {
            Shape { contamination: Some(share), quantile: None, factor: None, evt: None, fixed: None } => {
                Self::Contamination(share)
            }
            Shape { contamination: None, quantile: Some(quantile), factor, evt: None, fixed: None } => {
                Self::Quantile { quantile, factor: factor.unwrap_or(1.0) }
            }
            Shape { contamination: None, quantile: None, factor: None, evt: Some(risk), fixed: None } => {
                Self::Evt(risk)
            }
            Shape { contamination: None, quantile: None, factor: None, evt: None, fixed: Some(value) } => {
                Self::Fixed(value)
            }
            _ => return Err(ThresholdError::Shape),
        };
        spec.validate()?;
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contamination_puts_the_threshold_at_zero_and_flags_its_share() {
        let scores: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let threshold = Threshold::calibrate(ThresholdSpec::Contamination(0.05), &scores);
        let flagged = scores.iter().filter(|&&score| threshold.shift(score) > threshold.value()).count();
        assert_eq!((flagged, threshold.value().to_bits()), (50, 0.0_f64.to_bits()));
        assert!((threshold.shift(0.5) - (0.5 - 0.949_05)).abs() < 1e-12, "{threshold:?}");
    }

    #[test]
    fn equal_scores_are_all_normal_under_contamination() {
        let threshold = Threshold::calibrate(ThresholdSpec::Contamination(0.5), &[0.5; 20]);
        assert!(threshold.shift(0.5) <= threshold.value());
    }

    #[test]
    fn all_others_leave_the_score_alone() {
        let check = |spec: ThresholdSpec, expected: f64| {
            let threshold = Threshold::calibrate(spec, &[1.0, 2.0, 3.0, 4.0, 5.0]);
            assert_eq!((threshold.shift(4.6), threshold.value()), (4.6, expected), "{spec:?}");
        };
        check(ThresholdSpec::Quantile { quantile: 0.5, factor: 1.5 }, 4.5);
        check(ThresholdSpec::Fixed(0.6), 0.6);
        check(ThresholdSpec::Evt(0.1), Tail::fit(&[1.0, 2.0, 3.0, 4.0, 5.0]).level(0.1));
    }

    #[test]
    fn a_larger_factor_never_means_more_alarms() {
        let level = |scores: &[f64], factor| {
            Threshold::calibrate(ThresholdSpec::Quantile { quantile: 0.5, factor }, scores).value()
        };
        let levels = [1.0, 1.5, 0.5].map(|factor| level(&[-4.0; 3], factor).to_bits());
        assert_eq!(levels, [-4.0_f64, -2.0, -6.0].map(f64::to_bits));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let check = |spec: ThresholdSpec, expected: Result<(), ThresholdError>| assert_eq!(spec.validate(), expected);
        check(ThresholdSpec::Contamination(0.5), Ok(()));
        check(ThresholdSpec::Contamination(0.0), Err(ThresholdError::Contamination(0.0)));
        check(ThresholdSpec::Contamination(0.51), Err(ThresholdError::Contamination(0.51)));
        check(ThresholdSpec::Quantile { quantile: 1.5, factor: 1.0 }, Err(ThresholdError::Quantile(1.5)));
        check(ThresholdSpec::Quantile { quantile: 0.9, factor: 0.0 }, Err(ThresholdError::Factor(0.0)));
        check(ThresholdSpec::Evt(0.2), Err(ThresholdError::Evt(0.2)));
        check(ThresholdSpec::Evt(1e-3), Ok(()));
        check(ThresholdSpec::Fixed(f64::INFINITY), Err(ThresholdError::Fixed(f64::INFINITY)));
        assert!(ThresholdSpec::Contamination(f64::NAN).validate().is_err());
    }

    #[test]
    fn the_written_form_is_that_of_the_mapping() {
        let check = |text: &str, spec: ThresholdSpec| {
            assert_eq!(serde_json::from_str::<ThresholdSpec>(text).unwrap(), spec);
            assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        };
        check(r#"{"contamination":0.05}"#, ThresholdSpec::Contamination(0.05));
        check(r#"{"quantile":0.99,"factor":1.5}"#, ThresholdSpec::Quantile { quantile: 0.99, factor: 1.5 });
        check(r#"{"evt":0.001}"#, ThresholdSpec::Evt(0.001));
        check(r#"{"fixed":0.6}"#, ThresholdSpec::Fixed(0.6));
    }

    #[test]
    fn a_mixture_is_no_threshold() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<ThresholdSpec>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{}", "exactly one");
        check(r#"{"fixed":0.6,"evt":0.001}"#, "exactly one");
        check(r#"{"fixed":0.6,"factor":2.0}"#, "exactly one");
        check(r#"{"contamination":0.9}"#, "at most 0.5");
        check(r#"{"contaminatoin":0.1}"#, "unknown field");
    }
}
