//! The kind `pca`: parameters, defaults, fit.
//!
//! Four statistics, since "PCA" means different things in different fields:
//!
//! - `pyod`: Shyu et al. (2003) by name, in truth what PyOD's `PCA` computes: the distances of the scaled row from the ends
//!   of the components, each divided by the share of the variance that its component accounts for. PyOD's
//!   `standardization` is the chain's scaler here, standard or none.
//! - `t2`: Hotelling's (1947) T² of the leading components: unusual size of usual patterns.
//! - `q`: squared prediction error (Jackson and Mudholkar, 1979): patterns that training did not have.
//! - `combined`: both, each divided by its .99 quantile in training, and added (Yue and Qin, 2001, who divide by limits
//!   computed from eigenvalues for normally distributed rows; process values seldom are).

use super::components::Components;
use super::score::{NAME, Pca, Statistic};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

/// Share of the variance that the leading components account for when their number is not given.
const ACCOUNTED_FOR: f64 = 0.95;

/// The kind `pca`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PcaKind;

impl DetectorKind for PcaKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Principal components, with PyOD's score or with the T² and Q of process monitoring; the latter find features that \
         no longer go together as they did in training."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "statistic",
                // The name is PyOD's, and whoever compares with PyOD must get its figures without asking for them.
                domain: Domain::Choice { options: &["pyod", "t2", "q", "combined"], default: "pyod" },
                doc: "What the score is: PyOD's weighted distances, Hotelling's T², the squared residual Q, or both.",
            },
            Parameter {
                name: "components",
                domain: Domain::Integer { min: 0, max: 1000, default: 0 },
                doc: "Leading components to keep (PyOD: n_components); 0 keeps all with pyod, otherwise 95 % of the variance.",
            },
            Parameter {
                name: "selected",
                domain: Domain::Integer { min: 0, max: 1000, default: 0 },
                doc: "With pyod, how many of the kept ones to score by, the least variable ones (PyOD: n_selected_components); \
                      0 is all.",
            },
            Parameter {
                name: "weights",
                domain: Domain::Choice { options: &["variance", "equal"], default: "variance" },
                doc: "With pyod, whether components of little variance weigh more (PyOD: weighted).",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Evt(1e-3)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let number = |name| params.integer(name).map(|number| usize::try_from(number).unwrap_or(0));
        let all_if_zero = |number| if number == 0 { usize::MAX } else { number };
        let (kept, selected) = (number("components")?, number("selected")?);
        let by_variance = params.text("weights")? != "equal";
        let statistic = match params.text("statistic")? {
            "t2" => Statistic::T2,
            "q" => Statistic::Q,
            "combined" => Statistic::Combined,
            _ => Statistic::Pyod,
        };
        if rows.is_empty() {
            return Err(FitError::TooFewRows { kind: NAME, found: 0, needed: self.minimum_samples() });
        }
        let components = Components::of(rows).map_err(|column| FitError::TooLarge { column })?;
        let pca = if statistic == Statistic::Pyod {
            Pca::pyod(components, all_if_zero(kept), all_if_zero(selected), by_variance)
        } else {
            let kept = if kept == 0 { components.accounting_for(ACCOUNTED_FOR) } else { kept };
            Pca::split(statistic, components, kept, rows)
        };
        Ok(Box::new(pca))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: Pca = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
