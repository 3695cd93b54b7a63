//! Several detectors of one row: their scores are brought to a common scale, then averaged, or the largest counts.
//!
//! Scores are standardised by the mean and the standard deviation that they have on rows which the detector has not seen
//! (PyOD's `average` and `maximization` combinations on standardised scores; Aggarwal and Sathe, 2015): the average finds
//! what many see a little of, the maximum what one sees clearly. The score reads as "so many standard deviations".

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::calibration::{Recipe, out_of_sample_scores};
use crate::scratch::with_scratch;
use crate::{
    Detector, DetectorKind, DetectorSpec, Domain, FitError, ParamError, ParamValue, Parameter, Params, Registry,
    RestoreError, ScalerSpec, State, ThresholdSpec, Time, TrainingRows, decode, encode,
};

const NAME: &str = "ensemble";

/// Blocks for the members' own out-of-sample scores. Mean and deviation need fewer than a quantile does, and a chain that
/// is cross-validated itself repeats all of this ten times.
const FOLDS: usize = 3;

/// The kind `ensemble`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnsembleKind;

impl DetectorKind for EnsembleKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Several detectors at once, their standardised scores averaged or the largest taken; for data whose faults are of many kinds."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "of",
                domain: Domain::Detectors { default: &["isolation_forest", "ewma_z"] },
                doc: "The detectors, as a list of kinds with their parameters; no further ensembles.",
            },
            Parameter {
                name: "combine",
                domain: Domain::Choice { options: &["mean", "max"], default: "mean" },
                doc: "Whether the mean or the largest of the standardised scores counts.",
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
        // Some member may be.
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, registry: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let members = params.detectors("of")?.iter().map(|spec| Member::fit(spec, rows, registry));
        let members = members.collect::<Result<Box<[_]>, _>>()?;
        let takes_largest = params.text("combine")? == "max";
        Ok(Box::new(Ensemble { width: rows.width(), takes_largest, members }))
    }

    fn restore(&self, bytes: &[u8], registry: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let saved: Saved = decode(bytes)?;
        let members = saved.members.into_iter().map(|member| member.restore(registry));
        let members = members.collect::<Result<Box<[_]>, _>>()?;
        let width = members.first().map_or(0, |member| member.detector.width());
        if members.iter().any(|member| member.detector.width() != width) {
            return Err(RestoreError::new("its detectors take rows of different widths"));
        }
        Ok(Box::new(Ensemble { width, takes_largest: saved.takes_largest, members }))
    }
}

/// A fitted ensemble. Its state is those of its members, side by side.
#[derive(Clone, Debug)]
struct Ensemble {
    width: usize,
    takes_largest: bool,
    members: Box<[Member]>,
}

#[derive(Clone, Debug)]
struct Member {
    detector: Box<dyn Detector>,
    mean: f64,
    deviation: f64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    takes_largest: bool,
    members: Vec<SavedMember>,
}

#[derive(Serialize, Deserialize)]
struct SavedMember {
    kind: String,
    detector: ByteBuf,
    mean: f64,
    deviation: f64,
}

impl Member {
    fn fit(spec: &DetectorSpec, rows: &TrainingRows, registry: &Registry) -> Result<Self, FitError> {
        if spec.kind == NAME {
            let found = ParamValue::Detectors(vec![spec.clone()]);
            return Err(ParamError::WrongType {
                name: "of".to_owned(),
                expected: "a list of kinds other than ensemble",
                found,
            }
            .into());
        }
        let kind = registry.get(&spec.kind).ok_or_else(|| FitError::UnknownKind {
            kind: spec.kind.clone(),
            known: registry.names().filter(|name| *name != NAME).map(str::to_owned).collect(),
        })?;
        let params = Params::resolve(kind.parameters(), spec.params.clone()).map_err(FitError::Parameters)?;
        if rows.count() < kind.minimum_samples() {
            return Err(FitError::TooFewRows {
                kind: kind.name(),
                found: rows.count(),
                needed: kind.minimum_samples(),
            });
        }
        let recipe = Recipe { kind: kind.as_ref(), params: &params, scaler: ScalerSpec::None, registry };
        let (_, detector) = recipe.fit(rows)?;
        let folds = recipe.folds(rows.count(), FOLDS);
        let scores =
            out_of_sample_scores(&recipe, rows, folds, &mut || ()).unwrap_or_else(|| detector.training_scores(rows));
        let (mean, deviation) = mean_and_deviation(&scores);
        Ok(Self { detector, mean, deviation })
    }

    fn standardise(&self, score: f64) -> f64 {
        ((score - self.mean) / self.deviation).clamp(f64::MIN, f64::MAX)
    }

    fn save(&self) -> SavedMember {
        SavedMember {
            kind: self.detector.kind().to_owned(),
            detector: ByteBuf::from(self.detector.save()),
            mean: self.mean,
            deviation: self.deviation,
        }
    }
}

impl SavedMember {
    fn restore(self, registry: &Registry) -> Result<Member, RestoreError> {
        // Nesting without end would exhaust the stack.
        let kind = registry.get(&self.kind).filter(|kind| kind.name() != NAME);
        let kind = kind.ok_or_else(|| RestoreError::new(format!("it cannot be made of a {:?}", self.kind)))?;
        if !(self.mean.is_finite() && self.deviation.is_finite() && self.deviation > 0.0) {
            return Err(RestoreError::new("mean and deviation must be finite"));
        }
        let detector = kind.restore(&self.detector, registry)?;
        Ok(Member { detector, mean: self.mean, deviation: self.deviation })
    }
}

/// Of the finite scores; a deviation of 0 counts as 1, since then any difference is as large as any other.
fn mean_and_deviation(scores: &[f64]) -> (f64, f64) {
    let finite = || scores.iter().copied().filter(|score| score.is_finite());
    let count = (finite().count() as f64).max(1.0);
    let mean = finite().sum::<f64>() / count;
    let deviation = f64::sqrt(finite().map(|score| (score - mean) * (score - mean)).sum::<f64>() / count);
    let is_sound = mean.is_finite() && deviation.is_finite() && deviation > 0.0;
    if is_sound { (mean, deviation) } else { (if mean.is_finite() { mean } else { 0.0 }, 1.0) }
}

impl Ensemble {
    /// Mean or largest of the members' scores; none as long as one of them has none.
    fn combine(&self, scores: impl Iterator<Item = Option<f64>>) -> Option<f64> {
        let (mut sum, mut largest) = (0.0, f64::NEG_INFINITY);
        for (member, score) in self.members.iter().zip(scores) {
            let score = member.standardise(score?);
            // Divided before it is added, so that large scores stay finite.
            sum += score / self.members.len() as f64;
            largest = largest.max(score);
        }
        Some(if self.takes_largest { largest } else { sum })
    }
}

impl Detector for Ensemble {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.width
    }

    fn initial_state(&self) -> State {
        State::of_parts(self.members.iter().map(|member| member.detector.initial_state()).collect::<Vec<_>>())
    }

    fn score(&self, state: &State, x: &[f64], t: Time) -> Option<f64> {
        if state.parts().len() != self.members.len() {
            return None;
        }
        self.combine(self.members.iter().zip(state.parts()).map(|(member, part)| member.detector.score(part, x, t)))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        for (member, part) in self.members.iter().zip(state.parts_mut()) {
            member.detector.advance(part, x, t);
        }
    }

    fn observe(&self, state: &mut State, x: &[f64], t: Time) -> Option<f64> {
        if state.parts().len() != self.members.len() {
            *state = self.initial_state();
        }
        let mut is_whole = true;
        let parts = state.parts_mut().iter_mut();
        let scores = self.members.iter().zip(parts).map(|(member, part)| {
            let score = member.detector.observe(part, x, t);
            is_whole &= score.is_some();
            // Every member takes the row in, also behind one that has no score.
            Some(score.unwrap_or(member.mean))
        });
        let combined = self.combine(scores);
        combined.filter(|_| is_whole)
    }

    fn adapts(&self) -> bool {
        self.members.iter().any(|member| member.detector.adapts())
    }

    fn learn(&mut self, x: &[f64], t: Time) {
        self.members.iter_mut().for_each(|member| member.detector.learn(x, t));
    }

    fn attribute(&self, state: &State, x: &[f64], t: Time, shares: &mut [f64]) {
        shares.fill(0.0);
        with_scratch(x.len(), |own| {
            for (member, part) in self.members.iter().zip(state.parts()) {
                // Whoever finds the row normal has nothing to explain.
                let score = member.detector.score(part, x, t).map_or(0.0, |score| member.standardise(score).max(0.0));
                member.detector.attribute(part, x, t, own);
                let sum: f64 = own.iter().sum();
                if sum > 0.0 && sum.is_finite() {
                    shares.iter_mut().zip(&*own).for_each(|(share, part)| *share += score.min(1e6) * part / sum);
                }
            }
        });
    }

    fn save(&self) -> Vec<u8> {
        let members = self.members.iter().map(Member::save).collect();
        encode(&Saved { takes_largest: self.takes_largest, members })
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
#[path = "ensemble_tests.rs"]
mod tests;
