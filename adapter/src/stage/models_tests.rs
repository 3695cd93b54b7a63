use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use tagwise_model::{
    Detector, DetectorKind, FitError, Label, Parameter, Params, RestoreError, ScalerSpec, State, ThresholdSpec,
};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::{
    domain::TagValue,
    stage::test_support::{self, Scene, normal},
};

const PER_TAG: &str = "
models: { forest: { detector: { kind: isolation_forest }, training: { samples: 20 } } }
tags:
  - { name: a, node: 'ns=3;s=a', topic: m/a, model: forest }
  - { name: b, node: 'ns=3;s=b', topic: m/b, model: forest }
";
const SHARED: &str = "
models:
  forest: { detector: { kind: isolation_forest }, per: model, training: { samples: 20 } }
  ewma: { detector: { kind: ewma_z }, training: { samples: 20 } }
tags:
  - { name: a, node: 'ns=3;s=a', topic: m/a, model: forest }
  - { name: b, node: 'ns=3;s=b', topic: m/b, model: forest }
  - { name: c, node: 'ns=3;s=c' }
northbound_mappings:
  - { tag_name: c, topic: m/c1, model: ewma }
  - { tag_name: c, topic: m/c2, model: ewma }
";
const PATIENCE: Duration = Duration::from_secs(30);

fn scene(mapping: &str) -> (Scene, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Scene::new(mapping, Registry::builtin(), &dir), dir)
}

fn rows(values: &[f64]) -> TrainingRows {
    let mut rows = TrainingRows::new(1);
    for value in values {
        rows.push(&[*value]);
    }
    rows
}

fn update(value: f64, millis: i64) -> TagUpdate {
    test_support::update(TagValue::Double(value), millis)
}

fn choices(stage: &ModelStage, model: &str, tag: Option<&str>) -> Vec<String> {
    match stage.find(model, tag) {
        Err(ModelError::WhichTag { choices, .. }) => choices,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_instance_per_tag_has_to_be_named() {
    let (scene, _dir) = scene(PER_TAG);
    assert_eq!(scene.stage.names(), ["forest"]);
    assert_eq!(choices(&scene.stage, "forest", None), ["a", "b"]);
    assert_eq!(choices(&scene.stage, "forest", Some("c")), ["a", "b"]);
    assert_eq!(scene.stage.find("forest", Some("b")).unwrap().key(), "forest/b@m/b");
    let error = scene.stage.find("florist", None).unwrap_err();
    assert_eq!(error.to_string(), "there is no model `florist`; there are forest");
}

#[test]
fn a_shared_instance_needs_no_tag_and_two_for_one_tag_are_told_apart_by_topic() {
    let (scene, _dir) = scene(SHARED);
    assert_eq!(scene.stage.names(), ["ewma", "forest"]);
    assert_eq!(scene.stage.find("forest", None).unwrap().key(), "forest");
    assert_eq!(choices(&scene.stage, "ewma", Some("c")), ["c@m/c1", "c@m/c2"]);
    assert_eq!(scene.stage.find("ewma", Some("c@m/c2")).unwrap().key(), "ewma/c@m/c2");
}

#[tokio::test]
async fn the_first_samples_train_and_the_next_value_is_scored() {
    let (mut scene, _dir) = scene(PER_TAG);
    let _trainer = scene.run_trainer();
    let instance = Arc::clone(scene.stage.find("forest", Some("a")).unwrap());
    let refused = scene.stage.predict(&instance, &[vec![2.5]], Timestamp::now()).unwrap_err();
    assert!(matches!(refused, ModelError::WarmingUp { missing: 20, .. }), "{refused:?}");
    for (value, millis) in normal(20).into_iter().zip(0..) {
        assert_eq!(scene.stage.assess(0, &update(value, millis)).unwrap().result.unwrap_err(), Unscored::WarmingUp);
    }
    until(|| instance.version() == Some(1)).await;
    let assessed = scene.stage.assess(0, &update(9.0, 100)).unwrap();
    assert_eq!((assessed.result.unwrap().label, assessed.version), (Label::Anomaly, Some(1)));
    let predicted = scene.stage.predict(&instance, &[vec![9.0], vec![2.5]], Timestamp::now()).unwrap();
    assert_eq!((predicted[0].assessment.label, predicted[0].version), (Label::Anomaly, 1));
    assert!(scene.stage.predict(&instance, &[vec![1.0, 2.0]], Timestamp::now()).is_err());
    assert_eq!(scene.trainings("forest", "succeeded"), 1);
    assert_eq!(scene.stage.find("forest", Some("b")).unwrap().version(), None, "the other tag has its own");
}

#[tokio::test]
async fn a_training_that_fails_leaves_the_model_before_it_in_use() {
    let (mut scene, _dir) = scene(PER_TAG);
    let _trainer = scene.run_trainer();
    let instance = Arc::clone(scene.stage.find("forest", Some("a")).unwrap());
    assert_eq!(scene.stage.retrain(&instance, rows(&normal(50))).await.unwrap().version, 1);
    for bad in [rows(&[]), rows(&[1.0; 3]), rows(&[f64::NAN; 50])] {
        let error = scene.stage.retrain(&instance, bad).await.unwrap_err();
        assert!(matches!(error, ModelError::Train(TrainError::Fit(_))), "{error:?}");
    }
    let error = scene.stage.retrain(&instance, ndarray::Array2::zeros((50, 2)).view().into()).await.unwrap_err();
    assert!(matches!(error, ModelError::Train(TrainError::Width { found: 2, expected: 1 })), "{error:?}");
    assert_eq!((instance.version(), scene.trainings("forest", "failed")), (Some(1), 3));
    assert_eq!(
        scene.stage.retrain(&instance, rows(&[5.0; 50])).await.unwrap().version,
        2,
        "constant rows can be learned"
    );
}

#[tokio::test]
async fn versions_go_on_in_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    for expected in [1, 2] {
        let mut scene = Scene::new(PER_TAG, Registry::builtin(), &dir);
        let _trainer = scene.run_trainer();
        let instance = Arc::clone(scene.stage.find("forest", Some("a")).unwrap());
        assert_eq!(scene.stage.retrain(&instance, rows(&normal(50))).await.unwrap().version, expected);
    }
}

#[tokio::test]
async fn an_instances_first_training_does_not_undo_one_that_somebody_asked_for() {
    let (mut scene, _dir) = scene(PER_TAG);
    for (value, millis) in normal(20).into_iter().zip(0..) {
        scene.stage.assess(0, &update(value, millis));
    }
    let instance = Arc::clone(scene.stage.find("forest", Some("a")).unwrap());
    let stage = Arc::clone(&scene.stage);
    let asked = stage.retrain(&instance, rows(&[100.0; 50]));
    tokio::pin!(asked);
    assert!(timeout(Duration::ZERO, &mut asked).await.is_err(), "both trainings wait now");
    let _trainer = scene.run_trainer();
    assert_eq!(asked.await.unwrap().version, 1);
    let other = Arc::clone(scene.stage.find("forest", Some("b")).unwrap());
    scene.stage.retrain(&other, rows(&normal(50))).await.unwrap();
    assert_eq!(instance.version(), Some(1));
    let assessed = scene.stage.assess(0, &update(100.0, 1_000)).unwrap();
    assert_eq!(assessed.result.unwrap().label, Label::Normal, "what was asked for is in use");
}

#[tokio::test]
async fn callers_are_bounded_and_told_so() {
    let (scene, _dir) = scene(PER_TAG);
    let instance = Arc::clone(scene.stage.find("forest", Some("a")).unwrap());
    let ask = || {
        let (stage, instance) = (Arc::clone(&scene.stage), Arc::clone(&instance));
        async move { stage.retrain(&instance, rows(&normal(50))).await }
    };
    for _ in 0..MAX_CALLERS {
        assert!(timeout(Duration::ZERO, ask()).await.is_err(), "a caller that has hung up keeps its place");
    }
    assert!(matches!(ask().await, Err(ModelError::Train(TrainError::Busy))));
    for (value, millis) in normal(20).into_iter().zip(0..) {
        scene.stage.assess(0, &update(value, millis));
    }
    assert_eq!(instance.missing_samples(), 0, "an instance's own first training has a place of its own");
}

/// Learns only once its gate is open.
#[derive(Clone, Debug, Default)]
struct Gated(Arc<(Mutex<bool>, Condvar)>);

impl Gated {
    fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

/// Opens the gate at the end of a test, however it ends; its runtime waits for threads that block.
struct Opener(Gated);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Detector for Gated {
    fn kind(&self) -> &'static str {
        "gated"
    }
    fn width(&self) -> usize {
        1
    }
    fn score(&self, _: &State, _: &[f64], _: Time) -> Option<f64> {
        Some(f64::INFINITY)
    }
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

impl DetectorKind for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }
    fn doc(&self) -> &'static str {
        "Learns only once its gate is open."
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
    fn restore(&self, _: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        Ok(Box::new(self.clone()))
    }
    fn fit(&self, _: &Params, _: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let is_open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open));
        Ok(Box::new(self.clone()))
    }
}

const GATED: &str = "tags: [ { name: a, node: 'ns=3;s=a', topic: m/a, model: gated } ]";

fn gated() -> (Scene, Gated, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let gate = Gated::default();
    (Scene::new(GATED, Registry::builtin().with(gate.clone()), &dir), gate, dir)
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_training_and_all_who_wait_are_told() {
    let (mut scene, gate, _dir) = gated();
    let _opener = Opener(gate);
    let trainer = scene.run_trainer();
    let instance = Arc::clone(scene.stage.find("gated", None).unwrap());
    let ask = || scene.stage.retrain(&instance, rows(&[1.0]));
    let (first, second, ()) = tokio::join!(ask(), ask(), async {
        tokio::task::yield_now().await;
        scene.cancel.cancel();
    });
    for answer in [first, second, ask().await] {
        assert!(matches!(answer, Err(ModelError::Train(TrainError::Stopping))), "{answer:?}");
    }
    timeout(PATIENCE, trainer).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_score_that_json_cannot_say_is_none() {
    let (mut scene, gate, _dir) = gated();
    gate.open();
    let _trainer = scene.run_trainer();
    let instance = Arc::clone(scene.stage.find("gated", None).unwrap());
    scene.stage.retrain(&instance, rows(&[1.0])).await.unwrap();
    assert_eq!(scene.stage.assess(0, &update(1.0, 0)).unwrap().result.unwrap_err(), Unscored::NotNumeric);
}

#[tokio::test(start_paused = true)]
async fn a_long_training_is_no_stuck_task_but_an_endless_one_is() {
    let (mut scene, gate, _dir) = gated();
    let opener = Opener(gate);
    let _trainer = scene.run_trainer();
    let instance = Arc::clone(scene.stage.find("gated", None).unwrap());
    let stage = Arc::clone(&scene.stage);
    let asked = tokio::spawn(async move { stage.retrain(&instance, rows(&[1.0])).await });
    let mut silences = Vec::new();
    for _ in 0..30 {
        // The clock stands still while a thread blocks, unless it is moved.
        for _ in 0..6 {
            tokio::time::advance(Duration::from_secs(5)).await;
            (0..10).for_each(|_| std::thread::yield_now());
            tokio::task::yield_now().await;
        }
        silences.push(scene.board.silence_of_tasks()["trainer"]);
    }
    assert!(silences[..19].iter().all(|silence| *silence <= Duration::from_secs(10)), "{silences:?}");
    assert!(silences[29] > Duration::from_mins(4), "{silences:?}");
    drop(opener);
    asked.await.unwrap().unwrap();
}

async fn until(condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, poll).await.expect("the condition in time");
}
