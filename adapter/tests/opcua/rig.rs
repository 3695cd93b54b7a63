//! A link with its queue, board and metrics, and ways to wait for what they show.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tagwise::{
    config::effective::{ConnectionOptions, OpcUaAuth, OpcUaConfig, QueueSize, Tag},
    domain::{Identifier, Namespace, NodeAddress, TagId, TagUpdate, TagValue},
    opcua::{OpcUaLink, PlcHandle, TagGrants},
    pipeline::ingress::{IngressReceiver, MAX_WAITING_VALUES, ingress},
    supervisor::{Board, TagState, board::Snapshot},
    telemetry::Metrics,
};
use tagwise_simulator::{NAMESPACE_URI, Plc, PlcLimits, PlcOptions};
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

/// Anything that is waited for comes within this time or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) plc: PlcHandle,
    pub(crate) values: IngressReceiver,
    pub(crate) grants: Arc<TagGrants>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    pub(crate) fn start(config: OpcUaConfig, nodes: &[&str]) -> Self {
        Self::start_tags(config, nodes.iter().enumerate().map(|(index, node)| tag(node, index + 10)).collect())
    }

    pub(crate) fn start_tags(config: OpcUaConfig, tags: Vec<Tag>) -> Self {
        let tags: Arc<[Tag]> = tags.into();
        let (sender, values) = ingress(MAX_WAITING_VALUES);
        let (board, metrics) = (Arc::new(Board::new(tags.len())), Arc::new(Metrics::new("test")));
        let (link, plc) = OpcUaLink::new(config, "test", tags, sender, Arc::clone(&board), Arc::clone(&metrics));
        let (cancel, grants) = (CancellationToken::new(), link.grants());
        let task = tokio::spawn(link.run(cancel.clone()));
        Self { board, metrics, plc, values, grants, cancel, task }
    }

    /// Waits until the board shows what is wanted.
    pub(crate) async fn wait_for(&self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.board.watch();
        let wait = async {
            loop {
                let snapshot = self.board.snapshot();
                if is_so(&snapshot) {
                    return snapshot;
                }
                changes.changed().await.expect("the board lives as long as the rig");
            }
        };
        let waited = time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}", self.board.snapshot()))
    }

    pub(crate) async fn wait_for_all_active(&self) {
        let is_active = |state: &TagState| *state == TagState::Active;
        self.wait_for("all tags active", |_| self.board.tags().iter().all(is_active)).await;
    }

    /// Waits until the server's messages have a hole that cannot be repaired.
    pub(crate) async fn wait_for_missing(&mut self) {
        let wait = async {
            while self.metrics.opcua_sequence_gaps.get() == 0 {
                self.values.receive().await.expect("the link lives");
            }
        };
        time::timeout(PATIENCE, wait).await.expect("a hole in time");
    }

    pub(crate) async fn batch(&mut self) -> Vec<TagUpdate> {
        let batch = time::timeout(PATIENCE, self.values.receive()).await.expect("values in time");
        batch.expect("the link lives")
    }

    /// The first update of a tag that is as wanted; what comes before is thrown away.
    pub(crate) async fn update(&mut self, tag: TagId, is_wanted: impl Fn(&TagUpdate) -> bool) -> TagUpdate {
        let find = async {
            loop {
                let batch = self.values.receive().await.expect("the link lives");
                if let Some(update) = batch.into_iter().find(|update| update.tag == tag && is_wanted(update)) {
                    return update;
                }
            }
        };
        time::timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("an update of {tag:?}"))
    }

    pub(crate) async fn value(&mut self, tag: TagId) -> TagValue {
        self.update(tag, |_| true).await.value
    }

    /// Stops the link, and returns the queue and how long that took.
    pub(crate) async fn stop(self) -> (IngressReceiver, Duration) {
        let begun = time::Instant::now();
        self.cancel.cancel();
        time::timeout(PATIENCE, self.task).await.expect("the link ends").expect("the link does not panic");
        (self.values, begun.elapsed())
    }
}

/// A tag by the simulated PLC's namespace URI, named as its identifier.
pub(crate) fn tag(identifier: &str, line: usize) -> Tag {
    let node = NodeAddress {
        namespace: Namespace::Uri(NAMESPACE_URI.to_owned()),
        identifier: Identifier::String(identifier.to_owned()),
    };
    let mut tag = Tag { line, ..Tag::new(identifier, node) };
    tag.subscription.sampling_interval = Duration::ZERO;
    tag.subscription.publishing_interval = Duration::from_millis(50);
    tag.subscription.queue_size = QueueSize::Values(1_000);
    tag
}

/// Quick settings for a server on this machine.
pub(crate) fn config(uri: &str) -> OpcUaConfig {
    OpcUaConfig {
        connection: ConnectionOptions {
            session_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(5),
            keep_alive_interval: Duration::from_millis(500),
            retry_initial: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            ..ConnectionOptions::default()
        },
        ..OpcUaConfig::new(uri)
    }
}

pub(crate) fn user(name: &str, password: &str) -> OpcUaAuth {
    OpcUaAuth::Basic { username: name.to_owned(), password: password.to_owned().into() }
}

pub(crate) async fn plc(options: PlcOptions) -> Plc {
    Plc::start(options).await.expect("a free port")
}

/// A PLC that comes back where the one before it was; its port may take a moment to be free.
pub(crate) async fn plc_at(address: SocketAddr, options: PlcOptions) -> Plc {
    let start = async {
        loop {
            if let Ok(plc) = Plc::start(PlcOptions { listen: address, ..options.clone() }).await {
                return plc;
            }
            tokio::task::yield_now().await;
        }
    };
    time::timeout(PATIENCE, start).await.expect("the port is free again")
}

/// An address where nobody listens.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("it is bound")
}

pub(crate) fn load_tag(number: usize) -> String {
    format!("\"Load\".\"T{number:04}\"")
}

/// The limits of a server that grants no more subscriptions than this.
pub(crate) fn few_subscriptions(count: usize) -> PlcLimits {
    PlcLimits { subscriptions_per_session: count, ..PlcLimits::default() }
}
