//! The kinds `ecod` and `copod`: parameters, defaults, fit.
//!
//! Li et al. (2022), ECOD: Unsupervised Outlier Detection Using Empirical Cumulative Distribution Functions; Li et al.
//! (2020), COPOD: Copula-Based Outlier Detection. PyOD: `ECOD`, `COPOD`.
//!
//! PyOD's `decision_function` adds all rows that it is asked about to the training rows before it counts, so that what a
//! row scores depends on the others in the call. Live rows come one at a time: a score here is what PyOD says of a row that
//! is asked about alone.

use super::column::Column;
use super::score::{MOST_VALUES, Rule, Tails};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

const PARAMETERS: &[Parameter] = &[Parameter {
    name: "most_rows",
    domain: Domain::Integer { min: 16, max: 1_000_000, default: 16_384 },
    doc: "Training values that are kept per feature, 8 bytes each; of more, as many evenly spaced quantiles.",
}];

/// The fewest training rows: ten values give a tail probability of a tenth, which is little enough.
const FEWEST_ROWS: usize = 10;

/// The kind `ecod`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EcodKind;

/// The kind `copod`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopodKind;

impl DetectorKind for EcodKind {
    fn name(&self) -> &'static str {
        Rule::Ecod.name()
    }

    fn doc(&self) -> &'static str {
        "Tail probabilities of each feature, as PyOD's ECOD has them; finds extreme values without any tuning. Does not \
         tell far from very far, nor see gaps between clusters."
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn minimum_samples(&self) -> usize {
        FEWEST_ROWS
    }

    fn default_threshold(&self) -> ThresholdSpec {
        default_threshold()
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::None
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        fit(Rule::Ecod, params, rows)
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        restore(Rule::Ecod, bytes)
    }
}

impl DetectorKind for CopodKind {
    fn name(&self) -> &'static str {
        Rule::Copod.name()
    }

    fn doc(&self) -> &'static str {
        "Tail probabilities of each feature on the side it is skewed to, as PyOD's COPOD has them; ecod's forerunner."
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn minimum_samples(&self) -> usize {
        FEWEST_ROWS
    }

    fn default_threshold(&self) -> ThresholdSpec {
        default_threshold()
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::None
    }

    fn keeps_training_scores(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        fit(Rule::Copod, params, rows)
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        restore(Rule::Copod, bytes)
    }
}

/// A value outside all of n training values scores ln(n + 1) and no more, however far it lies; a threshold from the tail
/// of the scores, or one with a factor, could lie above that and would never be reached.
const fn default_threshold() -> ThresholdSpec {
    ThresholdSpec::Quantile { quantile: 0.99, factor: 1.0 }
}

fn fit(rule: Rule, params: &Params, rows: &TrainingRows) -> Result<Box<dyn Detector>, FitError> {
    let most = usize::try_from(params.integer("most_rows")?).unwrap_or(usize::MAX).max(2);
    if rows.is_empty() {
        return Err(FitError::TooFewRows { kind: rule.name(), found: 0, needed: FEWEST_ROWS });
    }
    if rows.count() > MOST_VALUES {
        let reason = format!("{} rows are too many; train on {MOST_VALUES} at most", rows.count());
        return Err(FitError::Detector { kind: rule.name(), reason });
    }
    let column = |column| Column::of(rows.column(column).collect(), most).ok_or(FitError::TooLarge { column });
    let columns = (0..rows.width()).map(column).collect::<Result<_, _>>()?;
    Ok(Box::new(Tails { rule, count: rows.count(), columns }))
}

fn restore(rule: Rule, bytes: &[u8]) -> Result<Box<dyn Detector>, RestoreError> {
    let detector: Tails = decode(bytes)?;
    detector.check(rule)?;
    Ok(Box::new(detector))
}
