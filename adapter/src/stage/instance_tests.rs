use proptest::prelude::*;
use tagwise_model::{Detector, DetectorKind, FitError, Label, Parameter, Params, Registry, ScalerSpec, ThresholdSpec};

use super::*;
use crate::domain::{StatusCode, TagId, TagValue, UpdateFlags};

fn update(value: TagValue, millis: i64) -> TagUpdate {
    TagUpdate {
        tag: TagId(0),
        value,
        status: StatusCode::GOOD,
        source_timestamp: Some(Timestamp::from_unix_millis(millis)),
        server_timestamp: None,
        received_at: Timestamp::from_unix_millis(millis),
        flags: UpdateFlags::default(),
    }
}

fn number(value: f64, millis: i64) -> TagUpdate {
    update(TagValue::Double(value), millis)
}

fn spec(kind: &str) -> ModelSpec {
    ModelSpec::defaults_of(Registry::builtin().get(kind).unwrap().as_ref())
}

fn instance(samples: usize) -> Instance {
    let owner = Owner { tag: TagName::new("line1/vibration"), topic: TopicName::parse("machine/vib").unwrap() };
    Instance::new("vibration".into(), Some(owner), spec("isolation_forest"), samples)
}

/// Values that look like a healthy machine's, without any randomness.
fn normal(count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(|index| 2.5 + 0.4 * ((index * 37 % 100) as f64 / 50.0 - 1.0))
}

fn trained(samples: usize) -> Instance {
    let instance = instance(samples);
    let mut rows = None;
    for (value, millis) in normal(samples).zip(0..) {
        rows = rows.or(instance.observe(&number(value, millis)).training_rows);
    }
    let chain = instance.spec().fit(&Registry::builtin(), rows.unwrap().view()).unwrap();
    instance.install(Arc::new(chain), 1);
    instance
}

fn status(outcome: &Outcome) -> Option<Unscored> {
    outcome.assessed.result.as_ref().err().copied()
}

#[test]
fn the_first_samples_warm_up_and_then_ask_for_one_training() {
    let instance = instance(100);
    for (value, millis) in normal(100).zip(0..) {
        let outcome = instance.observe(&number(value, millis));
        assert_eq!(status(&outcome), Some(Unscored::WarmingUp));
        assert_eq!(outcome.assessed.version, None);
        assert_eq!(outcome.training_rows.map(|rows| rows.nrows()), (millis == 99).then_some(100));
    }
    assert!(instance.observe(&number(2.5, 200)).training_rows.is_none(), "one training is under way already");
    instance.training_failed();
    assert_eq!(instance.missing_samples(), 100);
}

#[test]
fn a_trained_instance_labels_and_names_its_version() {
    let instance = trained(300);
    let normal = instance.observe(&number(2.5, 1_000)).assessed;
    assert_eq!((normal.version, normal.result.unwrap().label), (Some(1), Label::Normal));
    let broken = instance.observe(&number(9.0, 1_001)).assessed;
    assert_eq!(broken.result.unwrap().label, Label::Anomaly);
}

#[test]
fn what_cannot_be_scored_says_why_and_teaches_nothing() {
    let instance = trained(300);
    let seen = instance.recent_rows().nrows();
    let mut bad = number(2.5, 1_000);
    bad.status = StatusCode(0x808C_0000);
    assert_eq!(status(&instance.observe(&bad)), Some(Unscored::BadQuality));
    bad.status = StatusCode(0x4090_0000);
    assert_eq!(status(&instance.observe(&bad)), Some(Unscored::BadQuality));
    for value in [TagValue::Null, TagValue::Boolean(true), TagValue::String("2.5".into()), TagValue::Double(f64::NAN)] {
        assert_eq!(status(&instance.observe(&update(value, 1_000))), Some(Unscored::NotNumeric));
    }
    assert_eq!(instance.recent_rows().nrows(), seen);
}

#[test]
fn an_initial_value_is_a_repeat_only_when_it_was_seen_before() {
    let instance = trained(300);
    let mut initial = number(2.5, 1_000);
    initial.flags.is_initial = true;
    assert_eq!(status(&instance.observe(&initial)), None);
    assert_eq!(status(&instance.observe(&initial)), Some(Unscored::Repeated));
    initial.source_timestamp = Some(Timestamp::from_unix_millis(1_001));
    assert_eq!(status(&instance.observe(&initial)), None);
}

/// Panics on every score.
#[derive(Debug)]
struct Broken;

impl Detector for Broken {
    fn kind(&self) -> &'static str {
        "broken"
    }
    fn width(&self) -> usize {
        1
    }
    fn initial_state(&self) -> State {
        State::default()
    }
    fn score(&self, _: &State, x: &[f64], _: Time) -> f64 {
        assert!(x[0] < 100.0, "cannot stand large numbers");
        0.0
    }
    fn advance(&self, _: &mut State, _: &[f64], _: Time) {}
    fn learn(&mut self, _: &[f64], _: Time) {}
}

#[derive(Debug)]
struct BrokenKind;

impl DetectorKind for BrokenKind {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn doc(&self) -> &'static str {
        "Panics on large numbers."
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[]
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
    fn fit(&self, _: &Params, _: ndarray::ArrayView2<'_, f64>) -> Result<Box<dyn Detector>, FitError> {
        Ok(Box::new(Broken))
    }
}

#[test]
fn a_panicking_detector_costs_the_score_and_nothing_else_until_it_is_retrained() {
    let registry = Registry::builtin().with(BrokenKind);
    let spec = ModelSpec::defaults_of(&BrokenKind);
    let instance = Instance::new("broken".into(), None, spec, 0);
    let chain = Arc::new(instance.spec().fit(&registry, ndarray::arr2(&[[1.0]]).view()).unwrap());
    instance.install(Arc::clone(&chain), 1);
    assert_eq!(status(&instance.observe(&number(1.0, 0))), None);
    assert_eq!(status(&instance.observe(&number(1e3, 1))), Some(Unscored::Faulted));
    assert_eq!(status(&instance.observe(&number(1.0, 2))), Some(Unscored::Faulted));
    instance.install(chain, 2);
    assert_eq!(status(&instance.observe(&number(1.0, 3))), None);
}

proptest! {
    #[test]
    fn no_value_whatever_makes_an_instance_panic(values in prop::collection::vec(any::<f64>(), 0..200)) {
        let instance = instance(50);
        for (value, millis) in values.into_iter().zip(0..) {
            if let Some(rows) = instance.observe(&number(value, millis)).training_rows
                && let Ok(chain) = instance.spec().fit(&Registry::builtin(), rows.view())
            {
                instance.install(Arc::new(chain), 1);
            }
        }
    }
}
