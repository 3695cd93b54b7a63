use serde_json::{Value, json};
use tagwise_model::Registry;
use tempfile::TempDir;

use super::*;
use crate::{
    domain::{StatusCode, TagId, TagValue, UpdateFlags},
    pipeline::ingress::{IngressSender, ingress},
    spool::{SpoolDisks, SpoolOptions},
    stage::test_support::{self, normal},
};

const BAD: StatusCode = StatusCode(0x808C_0000);
const UNCERTAIN: StatusCode = StatusCode(0x4090_0000);
const TWO_TAGS: &str = "
tags:
  - { name: a, node: 'ns=3;s=a' }
  - { name: b, node: 'ns=3;s=b' }
northbound_mappings:
  - { tag_name: a, topic: m/a1 }
  - { tag_name: a, topic: m/a2, quality: { bad: drop, uncertain: drop } }
  - { tag_name: b, topic: m/b, max_qos: 0 }
";

/// A northbound task between an ingress queue and a spool; it has all that is offered when it is run.
struct Scene {
    ingress: IngressSender,
    task: NorthboundTask,
    spool: Arc<Spool>,
    /// Those of all brokers, the first one included.
    spools: Vec<Arc<Spool>>,
    metrics: Arc<Metrics>,
    stage: test_support::Scene,
    levels: AlarmLevels,
    _state_dir: TempDir,
}

impl Scene {
    fn new(mapping: &str, capacity: usize, options: SpoolOptions) -> Self {
        let state_dir = tempfile::tempdir().unwrap();
        let stage = test_support::Scene::new(mapping, Registry::builtin(), &state_dir);
        let (sender, receiver) = ingress(capacity);
        let metrics = Arc::clone(&stage.metrics);
        let open = |name: &str| {
            let disks = SpoolDisks::below(&state_dir.path().join("spool").join(name)).unwrap();
            Arc::new(Spool::open(name, disks, Epoch(7), options, &metrics).unwrap())
        };
        let spools: Vec<Arc<Spool>> = stage.config.brokers.iter().map(|broker| open(&broker.name)).collect();
        let spool = Arc::clone(&spools[0]);
        let levels = AlarmLevels::default();
        let parts = NorthboundParts {
            ingress: receiver,
            stage: Arc::clone(&stage.stage),
            spools: spools.clone(),
            alarm_levels: levels.clone(),
            board: Arc::clone(&stage.board),
            metrics: Arc::clone(&metrics),
        };
        let task = NorthboundTask::new(&stage.config, Epoch(7), parts);
        Self { ingress: sender, task, spool, spools, metrics, stage, levels, _state_dir: state_dir }
    }

    fn of(mapping: &str) -> Self {
        Self::new(mapping, 1000, SpoolOptions::default())
    }

    fn offer(&self, batch: impl IntoIterator<Item = (u32, f64, StatusCode)>) {
        self.ingress.offer(batch.into_iter().map(|(tag, value, status)| update(tag, value, status)).collect());
    }

    /// Runs the task to the end of the queue and returns what has come of it.
    async fn run(self) -> Outcome {
        drop(self.ingress);
        self.task.run().await;
        let read = |lane| {
            let mut taken = Vec::new();
            self.spool.read(lane, 10_000, &mut taken);
            taken.into_iter().map(|(_, message)| message).collect()
        };
        let (urgent, values) = (read(Lane::Urgent), read(Lane::Values));
        let mut volatile = Vec::new();
        self.spool.read_volatile(10_000, &mut volatile);
        Outcome { urgent, values, volatile, metrics: self.metrics }
    }
}

struct Outcome {
    urgent: Vec<OutboundMessage>,
    values: Vec<OutboundMessage>,
    volatile: Vec<OutboundMessage>,
    metrics: Arc<Metrics>,
}

fn update(tag: u32, value: f64, status: StatusCode) -> TagUpdate {
    TagUpdate {
        tag: TagId(tag),
        value: TagValue::Double(value),
        status,
        source_timestamp: Some(Timestamp::from_unix_millis(1_000)),
        server_timestamp: None,
        received_at: Timestamp::from_unix_millis(1_000),
        flags: UpdateFlags::default(),
    }
}

fn json_of(message: &OutboundMessage) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

/// Value and sequence of each message to a topic, in the order in which they stand.
fn to(topic: &str, messages: &[OutboundMessage]) -> Vec<(f64, u64)> {
    let of_topic = messages.iter().filter(|message| message.route.topic.as_str() == topic);
    let pair = |message: &OutboundMessage| {
        let json = json_of(message);
        assert_eq!((json["epoch"].as_u64(), json["sequence"].as_u64()), (Some(7), message.sequence.map(|s| s.0)));
        (json["value"].as_f64().unwrap(), message.sequence.unwrap().0)
    };
    of_topic.map(pair).collect()
}

#[tokio::test]
async fn each_mapping_counts_for_itself_in_the_order_of_arrival() {
    let scene = Scene::of(TWO_TAGS);
    scene.offer([(0, 1.0, StatusCode::GOOD), (0, 2.0, StatusCode::GOOD)]);
    scene.offer([(0, 3.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    for topic in ["m/a1", "m/a2"] {
        assert_eq!(to(topic, &outcome.values), [(1.0, 1), (2.0, 2), (3.0, 3)], "{topic}");
    }
    let topics: Vec<_> = outcome.values.iter().map(|message| message.route.topic.as_str()).collect();
    assert_eq!(topics, ["m/a1", "m/a2", "m/a1", "m/a2", "m/a1", "m/a2"]);
    assert_eq!(outcome.values[0].source_timestamp, Some(Timestamp::from_unix_millis(1_000)));
    assert!(outcome.urgent.is_empty());
}

#[tokio::test]
async fn what_quality_keeps_back_takes_no_number_and_is_counted() {
    let scene = Scene::of(TWO_TAGS);
    scene.offer([(0, 1.0, StatusCode::GOOD), (0, 2.0, BAD), (0, 3.0, UNCERTAIN), (0, 4.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    assert_eq!(to("m/a1", &outcome.values), [(1.0, 1), (2.0, 2), (3.0, 3), (4.0, 4)]);
    assert_eq!(to("m/a2", &outcome.values), [(1.0, 1), (4.0, 2)]);
    assert_eq!(outcome.metrics.ingress_dropped.with_label_values(&["quality"]).get(), 2);
}

#[tokio::test]
async fn a_held_value_stands_in_for_what_is_not_good_once_there_is_one() {
    let scene = Scene::of(
        "
tags: [ { name: a, node: 'ns=3;s=a', topic: a, quality: { bad: hold }, include_metadata: true } ]
northbound_mappings: [ { tag_name: a, topic: b, quality: { uncertain: hold, bad: drop } } ]
",
    );
    let mut empty = update(0, 0.0, BAD);
    empty.value = TagValue::Null;
    scene.offer([(0, 9.0, BAD), (0, 1.0, StatusCode::GOOD)]);
    scene.ingress.offer(vec![empty]);
    scene.offer([(0, 5.0, UNCERTAIN), (0, 8.0, BAD), (0, 2.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    assert_eq!(to("a", &outcome.values), [(1.0, 1), (1.0, 2), (5.0, 3), (1.0, 4), (2.0, 5)]);
    assert_eq!(to("b", &outcome.values), [(1.0, 1), (1.0, 2), (2.0, 3)]);
    let of_a = outcome.values.iter().filter(|message| message.route.topic.as_str() == "a").nth(1).unwrap();
    let metadata = &json_of(of_a)["metadata"];
    assert_eq!((&metadata["statusCode"]["symbol"], &metadata["flags"]), (&json!("BadSensorFailure"), &json!(["held"])));
    assert_eq!(outcome.metrics.ingress_dropped.with_label_values(&["quality"]).get(), 4);
}

#[tokio::test]
async fn qos_0_goes_apart_and_is_announced_when_nobody_is_there_to_take_it() {
    let scene = Scene::of(TWO_TAGS);
    scene.spool.broker_arrived();
    scene.offer([(1, 1.0, StatusCode::GOOD), (0, 2.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    assert_eq!(to("m/b", &outcome.volatile), [(1.0, 1)]);
    assert!(to("m/b", &outcome.values).is_empty());

    let scene = Scene::of(TWO_TAGS);
    scene.offer([(1, 1.0, StatusCode::GOOD), (1, 2.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    assert!(outcome.volatile.is_empty());
    let [gap] = outcome.urgent.as_slice() else { panic!("one gap, not {}", outcome.urgent.len()) };
    assert_eq!(gap.route.topic.as_str(), "tagwise/line1/gap");
    let expected = json!({
        "scope": "spool", "tagName": "b", "topic": "m/b", "epoch": 7, "fromSequence": 1, "toSequence": 2,
        "fromTime": 1000, "toTime": 1000, "count": 2, "cause": "overflow"
    });
    assert_eq!(json_of(gap), expected);
}

#[tokio::test]
async fn messages_of_the_server_that_never_came_are_announced() {
    let scene = Scene::of(TWO_TAGS);
    let time = Timestamp::from_unix_millis;
    scene.ingress.note_missing(3, time(1_000), time(2_000));
    let outcome = scene.run().await;
    let [gap] = outcome.urgent.as_slice() else { panic!("one gap, not {}", outcome.urgent.len()) };
    let expected = json!({
        "scope": "subscription", "epoch": 7, "fromTime": 1000, "toTime": 2000, "count": 3, "cause": "sequence"
    });
    assert_eq!(json_of(gap), expected);
}

#[tokio::test]
async fn what_did_not_fit_the_ingress_queue_is_announced() {
    let scene = Scene::new(TWO_TAGS, 2, SpoolOptions::default());
    scene.offer([(0, 1.0, StatusCode::GOOD)]);
    scene.offer([(0, 2.0, StatusCode::GOOD), (0, 3.0, StatusCode::GOOD)]);
    let outcome = scene.run().await;
    assert_eq!(to("m/a1", &outcome.values), [(1.0, 1)], "what was never numbered leaves no hole");
    let expected = json!({
        "scope": "subscription", "epoch": 7, "fromTime": 1000, "toTime": 1000, "count": 2, "cause": "overflow"
    });
    assert_eq!(outcome.urgent.iter().map(json_of).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn what_retention_takes_is_announced_with_its_numbers() {
    let options = SpoolOptions { max_bytes: 8_000, ..SpoolOptions::default() };
    let scene = Scene::new("tags: [ { name: a, node: 'ns=3;s=a', topic: m/a } ]", 1000, options);
    for value in 0..100 {
        scene.offer([(0, f64::from(value), StatusCode::GOOD)]);
    }
    let outcome = scene.run().await;
    let kept = to("m/a", &outcome.values);
    let first_kept = kept[0].1;
    assert!(kept.iter().map(|(_, sequence)| *sequence).eq(first_kept..=100), "{kept:?}");
    let lost: u64 = outcome.urgent.iter().map(|gap| json_of(gap)["count"].as_u64().unwrap()).sum();
    let gap = json_of(&outcome.urgent[0]);
    assert_eq!((gap["cause"].as_str(), gap["fromSequence"].as_u64()), (Some("retention"), Some(1)));
    // The announcement itself makes messages give way, which the next one would announce.
    assert!((lost..=lost + 2).contains(&(first_kept - 1)), "{lost} announced, {first_kept} kept");
}

const TWO_BROKERS: &str = "
brokers: { edge: { url: mqtt://edge }, cloud: { url: mqtt://cloud }, commands: { url: mqtt://commands } }
tags: [ { name: a, node: 'ns=3;s=a' }, { name: b, node: 'ns=3;s=b', topic: m/b, broker: edge } ]
northbound_mappings:
  - { tag_name: a, topic: m/a, broker: edge, max_qos: 0 }
  - { tag_name: a, topic: m/a, broker: cloud }
southbound_mappings: [ { tag_name: a, topic_filter: a/set, broker: commands } ]
";

#[tokio::test]
async fn each_mapping_goes_to_its_broker_and_each_spool_s_loss_to_its_own() {
    let scene = Scene::of(TWO_BROKERS);
    let spools = scene.spools.clone();
    // `edge` is away, so QoS 0 is dropped there, and nowhere else.
    spools[1].broker_arrived();
    scene.offer([(0, 1.0, StatusCode::GOOD), (1, 2.0, StatusCode::GOOD), (0, 3.0, StatusCode::GOOD)]);
    scene.ingress.note_missing(3, Timestamp::from_unix_millis(1_000), Timestamp::from_unix_millis(2_000));
    let edge = scene.run().await;
    let read = |broker: usize, lane| {
        let mut taken = Vec::new();
        spools[broker].read(lane, 100, &mut taken);
        taken.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    let (cloud, commands) = (read(1, Lane::Values), read(2, Lane::Values));
    assert_eq!((to("m/b", &edge.values), edge.values.len()), (vec![(2.0, 1)], 1));
    assert_eq!((to("m/a", &cloud), cloud.len()), (vec![(1.0, 1), (3.0, 2)], 2));
    assert!(commands.is_empty());
    let causes = |gaps: &[OutboundMessage]| {
        gaps.iter().map(|gap| json_of(gap)["cause"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(causes(&edge.urgent), ["sequence", "overflow"]);
    assert_eq!(causes(&read(1, Lane::Urgent)), ["sequence"]);
    assert!(read(2, Lane::Urgent).is_empty(), "no values go there, so none were lost");
}

#[tokio::test]
async fn what_waits_for_one_broker_keeps_nothing_of_another_in_memory() {
    let scene = Scene::of(TWO_BROKERS);
    let spools = scene.spools.clone();
    scene.offer((0..200_i32).map(|index| (u32::from(index > 0), f64::from(index), StatusCode::GOOD)));
    drop(scene.run().await);
    let mut taken = Vec::new();
    spools[1].read(Lane::Values, 10, &mut taken);
    let [(_, alone)] = taken.as_slice() else { panic!("one message, not {}", taken.len()) };
    drop(spools);
    let payload = alone.payload.clone();
    drop(taken);
    let buffer: Vec<u8> = payload.into();
    assert!(buffer.capacity() < 1_000, "{} bytes are kept for one message", buffer.capacity());
}

const ALARM: &str = "
models: { ewma: { detector: { kind: ewma_z }, training: { samples: 20 } } }
tags:
  - { name: a, node: 'ns=3;s=a' }
  - { name: bit, node: 'ns=3;s=bit' }
southbound_mappings: [ { tag_name: bit } ]
northbound_mappings:
  - { tag_name: a, topic: m/never, model: ewma, anomaly_user_properties: never }
  - { tag_name: a, topic: m/always, model: ewma, anomaly_user_properties: always }
  - tag_name: a
    topic: m/default
    model: ewma
    alarm: { topic: m/alarm, raise_after: 2, clear_after: 2, severity: major, write_tag: bit }
";

#[tokio::test]
async fn anomalies_show_in_properties_as_asked_for_and_raise_the_alarm() {
    let mut scene = Scene::of(ALARM);
    let trainer = scene.stage.run_trainer();
    for instance in scene.stage.stage.instances() {
        let rows = ndarray::Array2::from_shape_vec((200, 1), normal(200)).unwrap();
        scene.stage.stage.retrain(instance, rows.view().into()).await.unwrap();
    }
    drop(trainer);
    scene.offer([2.5, 500.0, 500.0, f64::NAN].map(|value| (0, value, StatusCode::GOOD)));
    let levels = scene.levels.subscribe();
    let outcome = scene.run().await;
    let properties = |topic: &str| -> Vec<Vec<String>> {
        let of_topic = outcome.values.iter().filter(|message| message.route.topic.as_str() == topic);
        let texts = |message: &OutboundMessage| {
            let texts = message.user_properties.iter().filter(|(name, _)| *name != "anomaly-score");
            texts.map(|(name, value)| format!("{name}={value}")).collect()
        };
        of_topic.map(texts).collect()
    };
    let scored = |label: u8| {
        ["anomaly-label=".to_owned() + &label.to_string(), "anomaly-model=ewma".into(), "anomaly-status=scored".into()]
    };
    let unscored = ["anomaly-model=ewma".to_owned(), "anomaly-status=not_numeric".into()];
    let always = properties("m/always");
    assert_eq!(always[..3], [scored(0), scored(1), scored(1)]);
    assert_eq!(always[3], unscored);
    assert_eq!(properties("m/default"), [vec![], scored(1).to_vec(), scored(1).to_vec(), vec![]]);
    assert!(properties("m/never").iter().all(Vec::is_empty));

    let [alarm] = outcome.urgent.as_slice() else { panic!("one alarm, not {}", outcome.urgent.len()) };
    assert_eq!((alarm.route.topic.as_str(), alarm.route.is_retained), ("m/alarm", true));
    assert_eq!((&json_of(alarm)["state"], &json_of(alarm)["tagName"]), (&json!("active"), &json!("a")));
    assert_eq!(levels.borrow().iter().collect::<Vec<_>>(), [(TagId(1), true)]);
}
