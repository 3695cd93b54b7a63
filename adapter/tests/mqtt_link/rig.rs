//! A link with everything around it that a test looks at.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tagwise::{
    config::effective::{BrokerConfig, ProtocolVersion},
    domain::{
        BrokerId, Command, Epoch, Lane, OutboundMessage, Qos, RejectReason, Route, Sequence, TagName, Timestamp,
        TopicFilter, TopicName,
    },
    mqtt::{CommandIntake, LinkParts, LinkShutdown, MqttLink, OfflinePayload, StatusTopic},
    spool::{Spool, SpoolDisks, SpoolOptions},
    supervisor::{Board, Connection},
    telemetry::Metrics,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time,
};
use tokio_util::sync::CancellationToken;

use crate::watcher::PATIENCE;

pub(crate) const STATUS_TOPIC: &str = "tagwise/line1/status";

/// Commands that wait at most.
pub(crate) const COMMAND_CAPACITY: usize = 32;

/// A running link. Aborted when dropped.
pub(crate) struct Rig {
    pub(crate) spool: Arc<Spool>,
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Metrics,
    pub(crate) status_tx: watch::Sender<Bytes>,
    pub(crate) commands_rx: mpsc::Receiver<Command>,
    pub(crate) refused: Arc<Mutex<Vec<(String, RejectReason)>>>,
    pub(crate) intake: CancellationToken,
    pub(crate) drain: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
    pub(crate) task: JoinHandle<()>,
    folder: TempDir,
}

/// A broker at that port, without encryption or credentials.
pub(crate) fn plain(port: u16) -> BrokerConfig {
    BrokerConfig::plain("edge", "127.0.0.1", port)
}

/// The same, spoken to in that version.
pub(crate) fn spoken(version: ProtocolVersion, port: u16) -> BrokerConfig {
    BrokerConfig { protocol_version: version, ..plain(port) }
}

impl Rig {
    pub(crate) fn start(broker: BrokerConfig, filters: &[&str]) -> Self {
        let metrics = Metrics::new("line1");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let disks = SpoolDisks::below(folder.path()).expect("a disk");
        let options = SpoolOptions::default();
        let spool = Spool::open(&broker.name, disks, Epoch(1), options, &metrics).expect("an empty spool");
        let spool = Arc::new(spool);
        let board = Arc::new(Board::new(0));
        let (status_tx, current) = watch::channel(Bytes::from_static(b"online"));
        let (commands_tx, commands_rx) = mpsc::channel(COMMAND_CAPACITY);
        let refused = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&refused);
        let commands = CommandIntake::new(commands_tx, move |command, reason| {
            record.lock().unwrap().push((command.topic, reason));
        });
        let topic = TopicName::parse(STATUS_TOPIC).unwrap();
        let parts = LinkParts {
            id: BrokerId(0),
            task: "mqtt".into(),
            broker,
            spool: Arc::clone(&spool),
            commands,
            filters: filters.iter().map(|filter| TopicFilter::parse(filter).unwrap()).collect(),
            status: StatusTopic { topic, offline: OfflinePayload::new(|_| Bytes::from_static(b"offline")), current },
            board: Arc::clone(&board),
        };
        let (intake, drain) = (CancellationToken::new(), CancellationToken::new());
        let deadline = Arc::new(OnceLock::new());
        let shutdown = LinkShutdown { intake: intake.clone(), drain: drain.clone(), deadline: Arc::clone(&deadline) };
        let task = tokio::spawn(MqttLink::new(parts, &metrics).run(shutdown));
        Self { spool, board, metrics, status_tx, commands_rx, refused, intake, drain, deadline, task, folder }
    }

    /// Waits until the board shows a state of the connection that pleases.
    pub(crate) async fn until_broker(&self, pleases: impl Fn(&Connection) -> bool) -> Connection {
        let mut changes = self.board.watch();
        let wait = async {
            loop {
                let connection = self.board.snapshot().brokers.remove(0).connection;
                if pleases(&connection) {
                    return connection;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = time::timeout(PATIENCE, wait).await;
        found.unwrap_or_else(|_| panic!("the connection stays {:?}", self.board.snapshot().brokers))
    }

    pub(crate) async fn until_connected(&self) {
        self.until_broker(|connection| *connection == Connection::Connected).await;
    }

    /// Waits until the board shows a concern that has these words.
    pub(crate) async fn until_concerned(&self, words: &str) {
        let mut changes = self.board.watch();
        let wait = async {
            while !self.board.snapshot().brokers[0].concerns.iter().any(|concern| concern.contains(words)) {
                changes.changed().await.unwrap();
            }
        };
        let found = time::timeout(PATIENCE, wait).await;
        found.unwrap_or_else(|_| panic!("nobody says {words}: {:?}", self.board.snapshot().brokers));
    }

    /// Waits until the broker has acknowledged everything.
    pub(crate) async fn until_delivered(&self) {
        let wait = async {
            while !self.spool.is_empty() {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(time::timeout(PATIENCE, wait).await.is_ok(), "{} messages are left", self.spool.len());
    }

    /// The graceful end.
    pub(crate) async fn shut_down(&mut self) {
        self.deadline.get_or_init(|| Instant::now() + PATIENCE);
        self.intake.cancel();
        self.drain.cancel();
        time::timeout(PATIENCE, &mut self.task).await.expect("the link should end").unwrap();
    }

    /// The value of the line of `family` on which `label` stands; 0 when there is none.
    pub(crate) fn metric(&self, family: &str, label: &str) -> f64 {
        let text = self.metrics.encode().unwrap();
        let start = format!("tagwise_{family}{{");
        let line = text.lines().find(|line| line.starts_with(&start) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// Checks how many messages ended like that.
    #[track_caller]
    pub(crate) fn check_published(&self, result: &str, expected: u32) {
        let published = self.metric("mqtt_published_total", &format!("result=\"{result}\""));
        assert!((published - f64::from(expected)).abs() < 0.1, "{published} messages are {result}, not {expected}");
    }

    /// The messages that were given up.
    pub(crate) fn dead_letters(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path().join("dead-letters.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn append(&self, route: &Arc<Route>, sequences: std::ops::RangeInclusive<u64>) {
        self.spool.append(Lane::Values, sequences.map(|sequence| message(route, sequence)).collect());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn route(topic: &str) -> Arc<Route> {
    Arc::new(Route {
        topic: TopicName::parse(topic).unwrap(),
        qos: Qos::AtLeastOnce,
        is_retained: false,
        user_properties: Vec::new(),
        message_expiry: None,
        content_type: None,
        tag_name: Some(TagName::new(topic)),
    })
}

pub(crate) fn message(route: &Arc<Route>, sequence: u64) -> OutboundMessage {
    let now = Timestamp::now();
    OutboundMessage {
        route: Arc::clone(route),
        epoch: None,
        payload: Bytes::from(format!("{{\"value\":{}.5,\"sequence\":{sequence}}}", sequence * 7 % 100)),
        sequence: Some(Sequence(sequence)),
        user_properties: Vec::new(),
        correlation_data: None,
        source_timestamp: Some(now),
        created_at: now,
        received_at: None,
    }
}

/// The sequence that `message` has written into a payload.
pub(crate) fn sequence_of(payload: &[u8]) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(payload).unwrap();
    json["sequence"].as_u64().unwrap()
}
