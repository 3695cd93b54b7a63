//! Whatever comes, and however late the PLC answers: each command has one verdict, each tag keeps its order, and nothing is
//! written late.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;

const TAGS: u32 = 12;

/// One message on a command topic.
#[derive(Clone, Debug)]
struct Step {
    /// Time since the one before, in milliseconds.
    pause: u64,
    tag: u32,
    /// How long the node takes to answer this write, in milliseconds.
    late: u64,
    has_answer: bool,
    /// Sent once more, so long after, in milliseconds.
    again: Option<u64>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop_oneof![Just(0_u64), 0..3_000_u64],
        0..TAGS,
        prop_oneof![Just(0_u64), 0..500_u64, 5_000..15_000_u64],
        any::<bool>(),
        proptest::option::weighted(0.2, 0..20_000_u64),
    );
    let step = step.prop_map(|(pause, tag, late, has_answer, again)| Step { pause, tag, late, has_answer, again });
    vec(step, 1..120)
}

/// A PLC that does with the n-th command, which writes n, what the n-th step says.
struct Script {
    steps: Vec<Step>,
    /// When each command was written, in the order of being sent, and to which tag.
    writes: Mutex<Vec<(usize, TagId, Instant)>>,
    under_way: Mutex<Vec<TagId>>,
}

impl Plc for Arc<Script> {
    async fn describe(&self, _: TagId) -> Result<NodeDescription, PlcError> {
        Ok(NodeDescription { data_type: Some(DataType::Int16), value_rank: -1, is_writable: true })
    }

    async fn write(&self, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        let TagValue::Int16(number) = value else { panic!("{value:?}") };
        let number = usize::try_from(number).unwrap();
        self.writes.lock().unwrap().push((number, tag, Instant::now()));
        {
            let mut under_way = self.under_way.lock().unwrap();
            assert!(!under_way.contains(&tag), "two writes to one tag at once");
            under_way.push(tag);
            assert!(under_way.len() <= WRITES_IN_FLIGHT);
        }
        sleep(Duration::from_millis(self.steps[number].late)).await;
        self.under_way.lock().unwrap().retain(|other| *other != tag);
        let silence = || PlcError::NoAnswer { reason: "BadTimeout".into() };
        if self.steps[number].has_answer { Ok(StatusCode::GOOD) } else { Err(silence()) }
    }
}

async fn run(steps: Vec<Step>) {
    let plc = Arc::new(Script { steps: steps.clone(), writes: Mutex::default(), under_way: Mutex::default() });
    let mappings = (0..TAGS).map(|tag| mapping(Some(&format!("t{tag}/set")), TagId(tag)));
    let mappings = mappings.map(|mapping| SouthboundMapping { range: Range::default(), ..mapping }).collect();
    let mut scene = Scene::with_plc(mappings, |_| Arc::clone(&plc));
    scene.board.set_opcua(Connection::Connected);
    let start = Instant::now();
    let mut messages = BTreeMap::<Duration, Vec<usize>>::new();
    let mut at = Duration::ZERO;
    for (number, step) in steps.iter().enumerate() {
        at += Duration::from_millis(step.pause);
        messages.entry(at).or_default().push(number);
        if let Some(again) = step.again {
            messages.entry(at + Duration::from_millis(again)).or_default().push(number);
        }
    }
    let mut first_sent = BTreeMap::new();
    let mut sent = 0;
    for (at, numbers) in messages {
        sleep_until(start + at).await;
        for number in numbers {
            let payload = format!(r#"{{"value":{number},"id":{number}}}"#);
            scene.send(Command { topic: format!("t{}/set", steps[number].tag), ..command(&payload) });
            first_sent.entry(number).or_insert_with(Instant::now);
            sent += 1;
        }
    }
    let mut verdicts = BTreeMap::<usize, Vec<OutboundMessage>>::new();
    for _ in 0..sent {
        let verdict = scene.sent().await;
        let json: Value = serde_json::from_slice(&verdict.payload).unwrap();
        verdicts.entry(json["id"].as_u64().unwrap().try_into().unwrap()).or_default().push(verdict);
    }
    assert!(scene.stop().await.is_empty(), "more verdicts than commands");

    let writes = plc.writes.lock().unwrap().clone();
    for (number, step) in steps.iter().enumerate() {
        let given = &verdicts[&number];
        assert_eq!(given.len(), 1 + usize::from(step.again.is_some()));
        assert!(given.iter().all(|verdict| verdict.payload == given[0].payload), "the first verdict is the verdict");
        let json: Value = serde_json::from_slice(&given[0].payload).unwrap();
        let times: Vec<Instant> = writes.iter().filter(|(of, ..)| *of == number).map(|(.., at)| *at).collect();
        match json["outcome"].as_str().unwrap() {
            "rejected" => {
                assert_eq!(json["reason"], "expired");
                assert!(times.is_empty(), "written after all");
            }
            outcome => {
                assert_eq!(outcome, if step.has_answer { "succeeded" } else { "unknown" });
                assert_eq!(times.len(), 1);
                assert!(times[0] < first_sent[&number] + MAX_WAIT, "written late");
            }
        }
    }
    for tag in 0..TAGS {
        let order: Vec<usize> =
            writes.iter().filter(|(_, of, _)| *of == TagId(tag)).map(|(number, ..)| *number).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn order_one_verdict_and_nothing_late(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(steps));
    }
}
