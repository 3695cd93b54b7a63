//! The adapter's spool and MQTT link by themselves.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use tagwise::{
    config::{self, ProcessEnvironment},
    domain::{BrokerId, Epoch, TopicName},
    mqtt::{CommandIntake, LinkParts, LinkShutdown, MqttLink, OfflinePayload, StatusTopic},
    spool::{Spool, SpoolDisks, SpoolOptions, SpoolTask},
    supervisor::Board,
    telemetry::Metrics,
};
use tagwise_model::Registry;
use tagwise_tests::{PATIENCE, wait_until};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// The name of the broker in the metrics.
const BROKER: &str = "broker";

/// A spool with its task, and the link that empties it, once there is one.
pub(crate) struct Delivery {
    pub(crate) spool: Arc<Spool>,
    metrics: Metrics,
    board: Arc<Board>,
    cancel: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    shutdown: LinkShutdown,
    // Kept, since the link follows it.
    status: watch::Sender<Bytes>,
}

impl Delivery {
    /// Opens the spool in a folder.
    pub(crate) fn open(folder: &Path, epoch: u64, options: SpoolOptions) -> Result<Self> {
        let metrics = Metrics::new("bench");
        let spool = Arc::new(Spool::open(BROKER, SpoolDisks::below(folder)?, Epoch(epoch), options, &metrics)?);
        let (board, cancel) = (Arc::new(Board::new(0)), CancellationToken::new());
        let upkeep = SpoolTask::new(Arc::clone(&spool), BrokerId::default(), "spool".into(), Arc::clone(&board))
            .run(cancel.clone());
        let shutdown = LinkShutdown {
            intake: CancellationToken::new(),
            drain: CancellationToken::new(),
            deadline: Arc::new(OnceLock::new()),
        };
        let status = watch::Sender::new(Bytes::from_static(b"{}"));
        Ok(Self { spool, metrics, board, cancel, tasks: vec![tokio::spawn(upkeep)], shutdown, status })
    }

    /// Starts the link, and returns once it is connected.
    pub(crate) async fn connect(&mut self, port: u16) -> Result<()> {
        let text = format!(
            "version: 1\nopcua: {{ uri: opc.tcp://plc, security: {{ policy: none }} }}\n\
             broker: {{ url: 'mqtt://127.0.0.1:{port}' }}\n\
             tags:\n  - {{ name: t, node: 'ns=3;s=t', topic: t }}\n"
        );
        let config = config::parse(&text, Path::new("bench.yaml"), &ProcessEnvironment, &Registry::builtin())?.config;
        let (commands_tx, _) = mpsc::channel(1);
        let parts = LinkParts {
            id: BrokerId::default(),
            task: "mqtt".into(),
            broker: config.brokers.into_iter().next().context("the mapping has one broker")?,
            spool: Arc::clone(&self.spool),
            commands: CommandIntake::new(commands_tx, |_, _| {}),
            filters: Vec::new(),
            status: StatusTopic {
                topic: TopicName::parse("status/bench")?,
                offline: OfflinePayload::new(|_| Bytes::from_static(b"{}")),
                current: self.status.subscribe(),
            },
            board: Arc::clone(&self.board),
        };
        let link = MqttLink::new(parts, &self.metrics);
        self.tasks.push(tokio::spawn(link.run(self.shutdown.clone())));
        let connected = self.metrics.mqtt_connected.with_label_values(&[BROKER]);
        wait_until("the link is connected", PATIENCE, async || Ok((connected.get() == 1).then_some(()))).await
    }

    /// Asks how many messages the broker has acknowledged.
    pub(crate) fn acknowledged(&self) -> impl Fn() -> u64 + Clone + Send + 'static {
        let counter = self.metrics.mqtt_published.with_label_values(&[BROKER, "acknowledged"]);
        move || counter.get()
    }

    /// Bytes in the spool.
    pub(crate) fn spooled_bytes(&self) -> u64 {
        u64::try_from(self.metrics.spool_bytes.with_label_values(&[BROKER]).get()).unwrap_or_default()
    }

    /// Ends everything in order.
    pub(crate) async fn close(self) -> Result<()> {
        let deadline = self.shutdown.deadline.set(Instant::now() + Duration::from_secs(10));
        debug_assert!(deadline.is_ok(), "nobody else sets it");
        self.shutdown.intake.cancel();
        self.shutdown.drain.cancel();
        let mut tasks = self.tasks.into_iter();
        let upkeep = tasks.next();
        for link in tasks {
            link.await?;
        }
        self.cancel.cancel();
        if let Some(upkeep) = upkeep {
            upkeep.await?;
        }
        Ok(())
    }
}
