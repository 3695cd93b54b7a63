//! A detector kind from outside the crate, from trait to label, through the public interface alone.

use ndarray::arr2;
use serde::{Deserialize, Serialize};
use tagwise_model::{
    Detector, DetectorKind, Domain, FitError, Label, ModelSpec, ParamValue, Parameter, Params, Registry, RestoreError,
    ScalerSpec, State, ThresholdSpec, Time, TrainingRows, decode, encode,
};

/// Scores how far a value lies above the highest one in training, in multiples of a step.
struct AboveHighestKind;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct AboveHighest {
    highest: f64,
    step: f64,
}

impl DetectorKind for AboveHighestKind {
    fn name(&self) -> &'static str {
        "above_highest"
    }

    fn doc(&self) -> &'static str {
        "Distance above the highest training value."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "step",
            domain: Domain::Number { min: 0.1, max: 10.0, default: 1.0 },
            doc: "Unit of the score.",
        }]
    }

    fn minimum_samples(&self) -> usize {
        1
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Fixed(1.0)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::None
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        if rows.width() != 1 {
            return Err(FitError::Detector { kind: self.name(), reason: "it takes one feature".to_owned() });
        }
        let highest = rows.column(0).fold(f64::MIN, f64::max);
        Ok(Box::new(AboveHighest { highest, step: params.number("step")? }))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        Ok(Box::new(decode::<AboveHighest>(bytes)?))
    }
}

impl Detector for AboveHighest {
    fn kind(&self) -> &'static str {
        "above_highest"
    }

    fn width(&self) -> usize {
        1
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        Some((x[0] - self.highest) / self.step)
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

#[test]
fn a_kind_of_ones_own_is_named_fitted_and_run_like_a_builtin_one() {
    let registry = Registry::builtin().with(AboveHighestKind);
    assert!(registry.names().any(|name| name == "above_highest"));

    let kind = registry.get("above_highest").unwrap();
    let params = [("step".to_owned(), ParamValue::Integer(2))].into_iter().collect();
    let spec = ModelSpec { params, guard: None, ..ModelSpec::defaults_of(kind.as_ref()) };
    let model = spec.fit(&registry, arr2(&[[3.0], [7.0], [5.0]]).view()).unwrap();

    let check = |value: f64, expected: Label| {
        assert_eq!(model.assess(&model.initial_state(), &[value], Time(0)).unwrap().label, expected, "{value}");
    };
    check(6.0, Label::Normal);
    check(9.0, Label::Normal);
    check(9.5, Label::Anomaly);
}

#[test]
fn what_a_kind_of_ones_own_refuses_reaches_the_caller() {
    let registry = Registry::builtin().with(AboveHighestKind);
    let spec = ModelSpec::defaults_of(registry.get("above_highest").unwrap().as_ref());
    let error = spec.fit(&registry, arr2(&[[3.0, 4.0]]).view()).unwrap_err();
    assert_eq!(error.to_string(), "above_highest cannot be fitted: it takes one feature");
}
