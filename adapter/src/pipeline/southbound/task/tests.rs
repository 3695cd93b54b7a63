//! The whole way of a command and of an alarm bit, against a PLC that follows a script.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
};

use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{advance, timeout},
};

use super::*;
use crate::{
    config::effective::Range,
    domain::{DataType, NodeDescription, Qos, TagValue, TopicFilter},
    pipeline::southbound::{AlarmWrite, PlcError},
    supervisor::Connection,
};

mod alarm_bits;
mod commands;
mod lanes;
mod property;
mod refusals;

/// What the clock of all tests shows.
const NOW: i64 = 1_767_225_600_000;
/// Writes that the PLC takes unless a test holds it back.
const PERMITS: usize = 1000;
/// Where all commands come from, and not the first one.
const BROKER: BrokerId = BrokerId(1);
/// How long a command may wait.
const MAX_WAIT: Duration = Duration::from_secs(10);
const SPEED: TagId = TagId(0);
const ALARM: TagId = TagId(1);

/// A PLC that does what the test wants next.
struct ScriptedPlc {
    node: Mutex<Result<NodeDescription, PlcError>>,
    /// What the node is where nothing is remembered, if that is another.
    node_anew: Mutex<Option<NodeDescription>>,
    /// Answers to the next writes; Good when there are none.
    answers: Mutex<VecDeque<Result<StatusCode, PlcError>>>,
    written: Mutex<Vec<(TagId, TagValue)>>,
    /// A write takes one permit.
    gate: Semaphore,
    /// How long a tag's node takes to answer.
    late: Mutex<HashMap<TagId, Duration>>,
    /// When each write was sent.
    sent_at: Mutex<Vec<(TagId, Instant)>>,
}

impl ScriptedPlc {
    fn node(&self) -> MutexGuard<'_, Result<NodeDescription, PlcError>> {
        self.node.lock().unwrap()
    }

    fn answer_next(&self, answer: Result<StatusCode, PlcError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    fn written(&self) -> Vec<(TagId, TagValue)> {
        self.written.lock().unwrap().clone()
    }
}

impl Plc for Arc<ScriptedPlc> {
    async fn describe(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        let node = self.node().clone()?;
        Ok(if tag == ALARM { NodeDescription { data_type: Some(DataType::Boolean), ..node } } else { node })
    }

    async fn describe_anew(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        let anew = self.node_anew.lock().unwrap().clone();
        if let Some(anew) = anew { Ok(anew) } else { self.describe(tag).await }
    }

    async fn write(&self, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        self.sent_at.lock().unwrap().push((tag, Instant::now()));
        let late = self.late.lock().unwrap().get(&tag).copied();
        if let Some(late) = late {
            sleep(late).await;
        }
        self.gate.acquire().await.unwrap().forget();
        self.written.lock().unwrap().push((tag, value));
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(StatusCode::GOOD))
    }
}

/// The running task and everything around it.
struct Scene {
    plc: Arc<ScriptedPlc>,
    commands_tx: mpsc::Sender<Command>,
    sent_rx: mpsc::Receiver<OutboundMessage>,
    levels: AlarmLevels,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    refuse_handler: Box<dyn Fn(Command, RejectReason) + Send + Sync>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Scene {
    /// One Int16 under `line1/speed/set`, from 0 to 3000, and an alarm's bit.
    fn start() -> Self {
        Self::with_mappings(vec![mapping(Some("line1/speed/set"), SPEED), mapping(None, ALARM)])
    }

    fn with_mappings(mappings: Vec<SouthboundMapping>) -> Self {
        Self::with_plc(mappings, |plc| plc)
    }

    /// What is written goes to what `around` puts around the scripted PLC.
    fn with_plc<P: Plc>(mappings: Vec<SouthboundMapping>, around: impl FnOnce(Arc<ScriptedPlc>) -> P) -> Self {
        let node = NodeDescription { data_type: Some(DataType::Int16), value_rank: -1, is_writable: true };
        let plc = Arc::new(ScriptedPlc {
            node: Mutex::new(Ok(node)),
            node_anew: Mutex::default(),
            answers: Mutex::default(),
            written: Mutex::default(),
            gate: Semaphore::new(PERMITS),
            late: Mutex::default(),
            sent_at: Mutex::default(),
        });
        let (commands_tx, commands_rx) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (sent_tx, sent_rx) = mpsc::channel(1000);
        let levels = AlarmLevels::default();
        let metrics = Arc::new(Metrics::new("test"));
        let board = Arc::new(Board::new(2));
        let task = SouthboundTask::new(SouthboundParts {
            mappings,
            own_topics: HashSet::new(),
            tag_names: ["line1/speed", "line1/alarm"].into_iter().map(TagName::new).collect(),
            writes_in_flight: WRITES_IN_FLIGHT,
            plc: around(Arc::clone(&plc)),
            commands_rx,
            alarm_levels: levels.clone(),
            outbox: move |broker, message| {
                assert_eq!(broker, BROKER, "a verdict goes where the command came from");
                sent_tx.try_send(message).unwrap();
            },
            metrics: Arc::clone(&metrics),
            board: Arc::clone(&board),
            clock: || Timestamp::from_unix_millis(NOW),
            symbol: |status| match status.0 {
                0 => "Good".into(),
                0x8074_0000 => "BadTypeMismatch".into(),
                _ => "BadTimeout".into(),
            },
        });
        let refuse_handler = Box::new(task.refuse_handler());
        let cancel = CancellationToken::new();
        let task = tokio::spawn(task.run(cancel.clone()));
        Self { plc, commands_tx, sent_rx, levels, metrics, board, refuse_handler, cancel, task }
    }

    fn send(&self, command: Command) {
        self.commands_tx.try_send(command).unwrap();
    }

    async fn sent(&mut self) -> OutboundMessage {
        timeout(Duration::from_secs(100), self.sent_rx.recv()).await.expect("a verdict in time").unwrap()
    }

    async fn verdict(&mut self) -> Value {
        serde_json::from_slice(&self.sent().await.payload).unwrap()
    }

    /// Sends a command and waits for its verdict.
    async fn ask(&mut self, command: Command) -> Value {
        self.send(command);
        self.verdict().await
    }

    /// Ends the task and returns what was still sent.
    async fn stop(mut self) -> Vec<OutboundMessage> {
        self.cancel.cancel();
        self.task.await.unwrap();
        let mut rest = Vec::new();
        while let Ok(message) = self.sent_rx.try_recv() {
            rest.push(message);
        }
        rest
    }

    fn count(&self, result: &str) -> u64 {
        self.metrics.commands.with_label_values(&[result]).get()
    }

    /// Lets the task run until `condition` holds.
    async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let poll = async {
            while !condition(self) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(1000), poll).await.expect("the condition in time");
    }
}

fn mapping(filter: Option<&str>, tag: TagId) -> SouthboundMapping {
    SouthboundMapping {
        topic_filter: filter.map(|filter| TopicFilter::parse(filter).unwrap()),
        broker: BROKER,
        tag,
        value: None,
        range: if tag == SPEED { Range { min: Some(0.0), max: Some(3000.0) } } else { Range::default() },
        max_age: None,
        max_wait: MAX_WAIT,
        accepts_retained: false,
        line: 1,
    }
}

fn command(payload: &str) -> Command {
    Command {
        broker: BROKER,
        topic: "line1/speed/set".into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        is_retained: false,
        is_duplicate: false,
        response_topic: None,
        correlation_data: None,
        message_expiry_seconds: None,
        received_at: Instant::now().into_std(),
    }
}

fn speed(value: i16) -> (TagId, TagValue) {
    (SPEED, TagValue::Int16(value))
}
