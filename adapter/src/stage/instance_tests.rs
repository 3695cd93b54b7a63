use proptest::prelude::*;
use tagwise_model::{
    Detector, DetectorKind, FeatureSpec, Features, FitError, Label, Parameter, Params, Registry, RestoreError,
    ScalerSpec, State, Statistic, ThresholdSpec,
};

use super::*;
use crate::{
    domain::{StatusCode, TagValue},
    stage::test_support::update,
};

fn number(value: f64, millis: i64) -> TagUpdate {
    update(TagValue::Double(value), millis)
}

fn spec(kind: &str) -> ModelSpec {
    ModelSpec::defaults_of(Registry::builtin().get(kind).unwrap().as_ref())
}

fn instance_of(spec: ModelSpec, samples: usize) -> Instance {
    let tag = TagName::new("line1/vibration");
    let owner = Owner { tag: tag.clone(), topic: TopicName::parse("machine/vib").unwrap() };
    Instance::new(InstanceSpec {
        model: "vibration".into(),
        owner: Some(owner),
        spec: Arc::new(spec),
        sampling: Sampling::Rows,
        inputs: [tag].into(),
        warm_up_samples: samples,
        explain: 2,
    })
}

fn instance(samples: usize) -> Instance {
    instance_of(spec("isolation_forest"), samples)
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
    install(&instance, &rows.unwrap());
    instance
}

fn install(instance: &Instance, rows: &TrainingRows) {
    let chain = instance.spec().fit_features(&Registry::builtin(), rows, &mut |_| ()).unwrap();
    instance.install(Arc::new(chain), 1);
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
        assert_eq!(outcome.training_rows.map(|rows| rows.count()), (millis == 99).then_some(100));
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
    let seen = instance.recent_rows().count();
    let mut bad = number(2.5, 1_000);
    bad.status = StatusCode(0x808C_0000);
    assert_eq!(status(&instance.observe(&bad)), Some(Unscored::BadQuality));
    bad.status = StatusCode(0x4090_0000);
    assert_eq!(status(&instance.observe(&bad)), Some(Unscored::BadQuality));
    for value in [TagValue::Null, TagValue::Boolean(true), TagValue::String("2.5".into()), TagValue::Double(f64::NAN)] {
        assert_eq!(status(&instance.observe(&update(value, 1_000))), Some(Unscored::NotNumeric));
    }
    assert_eq!(instance.recent_rows().count(), seen);
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

#[test]
fn heartbeats_and_stale_values_are_told_apart_and_move_no_memory() {
    let instance = trained(300);
    let seen = instance.recent_rows().count();
    let mut again = number(9.0, 1_000);
    again.flags.is_heartbeat = true;
    assert_eq!(status(&instance.observe(&again)), Some(Unscored::Repeated));
    again.flags.is_stale = true;
    assert_eq!(status(&instance.observe(&again)), Some(Unscored::Stale));
    assert_eq!(instance.recent_rows().count(), seen);
    let mut initial = number(9.0, 1_000);
    initial.flags.is_initial = true;
    assert_eq!(status(&instance.observe(&initial)), None, "neither counts as a value that was seen");

    let warming = self::instance(2);
    let mut rest = number(2.5, 1);
    rest.flags.is_heartbeat = true;
    warming.observe(&number(2.5, 0));
    assert!(warming.observe(&rest).training_rows.is_none());
    assert_eq!(warming.missing_samples(), 1);
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
    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        assert!(x[0] < 100.0, "cannot stand large numbers");
        Some(0.0)
    }
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(Self)
    }
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
    fn fit(&self, _: &Params, _: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        Ok(Box::new(Broken))
    }
    fn restore(&self, _: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        Ok(Box::new(Broken))
    }
}

#[test]
fn a_panicking_detector_costs_the_score_and_nothing_else_until_it_is_retrained() {
    let registry = Registry::builtin().with(BrokenKind);
    let instance = instance_of(ModelSpec::defaults_of(&BrokenKind), 0);
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
                && let Ok(chain) = instance.spec().fit_features(&Registry::builtin(), &rows, &mut |_| ())
            {
                instance.install(Arc::new(chain), 1);
            }
        }
    }
}

#[test]
fn an_anomaly_says_which_features_made_it_and_a_normal_value_does_not() {
    let instance = trained(300);
    assert_eq!(instance.observe(&number(2.5, 1_000)).assessed.contributions, []);
    let contributions = instance.observe(&number(9.0, 1_001)).assessed.contributions;
    assert_eq!(contributions.len(), 1);
    assert_eq!((&*contributions[0].feature, contributions[0].share), ("line1/vibration", 1.0));
}

fn windowed() -> ModelSpec {
    let window = FeatureSpec::Window { input: 0, size: 5, statistics: vec![Statistic::Mean, Statistic::PeakToPeak] };
    ModelSpec { features: Features::new(vec![window]).unwrap(), ..spec("isolation_forest") }
}

#[test]
fn windows_fill_before_the_warm_up_counts_and_outlive_a_retraining() {
    let instance = instance_of(windowed(), 50);
    let mut rows = None;
    for (value, millis) in normal(54).zip(0..) {
        rows = rows.or(instance.observe(&number(value, millis)).training_rows);
    }
    let rows = rows.expect("fifty rows of features from fifty-four values");
    assert_eq!((rows.count(), rows.width()), (50, 2));
    install(&instance, &rows);
    assert_eq!(status(&instance.observe(&number(2.5, 100))), None, "the window is still full");
    install(&instance, &rows);
    assert_eq!(status(&instance.observe(&number(2.5, 101))), None, "and again after a retraining");
    assert_eq!(instance.recent_rows().width(), 2);
}

#[test]
fn a_question_takes_a_value_or_a_row_of_features_and_changes_nothing() {
    let instance = instance_of(windowed(), 50);
    assert!(instance.snapshot().is_none());
    let mut rows = None;
    for (value, millis) in normal(54).zip(0..) {
        rows = rows.or(instance.observe(&number(value, millis)).training_rows);
    }
    install(&instance, &rows.unwrap());
    let snapshot = instance.snapshot().unwrap();
    let (by_value, by_features) =
        (snapshot.predict(&[2.5], Time(0)).unwrap(), snapshot.predict(&[2.5, 0.5], Time(0)).unwrap());
    assert_eq!((by_value.scaled.len(), by_features.scaled.len()), (2, 2));
    assert_eq!(snapshot.predict(&[2.5], Time(0)).unwrap().assessment, by_value.assessment);
    assert!(snapshot.predict(&[1.0, 2.0, 3.0], Time(0)).unwrap_err().to_string().contains("give 1"));
}

#[test]
fn a_model_that_adapts_follows_normal_values_and_leaves_earlier_snapshots_alone() {
    let instance = instance_of(spec("ewma_z"), 100);
    let mut rows = None;
    for (value, millis) in normal(100).zip(0..) {
        rows = rows.or(instance.observe(&number(value, millis)).training_rows);
    }
    install(&instance, &rows.unwrap());
    let before = instance.snapshot().unwrap();
    let scaled = |snapshot: &Snapshot| snapshot.predict(&[2.5], Time(0)).unwrap().assessment.score;
    let first = scaled(&before);
    for millis in 200..400 {
        instance.observe(&number(2.6, millis));
    }
    assert_eq!(scaled(&before).to_bits(), first.to_bits());
    assert_ne!(format!("{:?}", instance.snapshot().unwrap().chain), format!("{:?}", before.chain));
}
