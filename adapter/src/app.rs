//! The composition root: the only file that names every concrete part and wires them.
//!
//! A program of your own can add detector kinds: build a [`Registry`] with them and give it to [`App::new`].

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::Context;
use tagwise_model::Registry;
use tokio::sync::mpsc;

use crate::{
    config::{Config, effective::BrokerConfig},
    domain::{BrokerId, Epoch, Lane, Timestamp, TopicName},
    http::{HttpServer, HttpState},
    mqtt::{CommandIntake, LinkParts, LinkShutdown, MqttLink, OfflinePayload, StatusTopic},
    opcua::{NamespaceMemory, OpcUaLink, status_symbol},
    pipeline::{
        ingress::{self, ingress},
        northbound::{NorthboundParts, NorthboundTask},
        southbound::{AlarmLevels, MAX_WAITING_COMMANDS, SouthboundParts, SouthboundTask, WRITES_IN_FLIGHT},
    },
    spool::{LeftBehind, Spool, SpoolDisks, SpoolTask, left_behind},
    stage::{ModelStage, Versions},
    supervisor::{Board, Phase, StateDir, StatusTask, Supervisor, part_of_broker, status::offline_payload},
    telemetry::Metrics,
};

/// One adapter, ready to run.
#[derive(Debug)]
pub struct App {
    config: Arc<Config>,
    registry: Arc<Registry>,
}

/// What is known once every task has started.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The number of this start.
    pub epoch: Epoch,
    /// Where HTTP listens, when the mapping asks for it.
    pub http: Option<SocketAddr>,
}

impl App {
    /// An adapter for a mapping that has been resolved with the same `registry`.
    pub fn new(config: Config, registry: Registry) -> Self {
        Self { config: Arc::new(config), registry: Arc::new(registry) }
    }

    /// Runs until `stop` is ready, then drains; `on_start` is called once every task has started.
    ///
    /// # Errors
    ///
    /// What keeps the adapter from starting (state directory, training files, HTTP port), the task that failed while it
    /// ran, or a drain that took longer than `adapter.drain_timeout`.
    pub async fn run(self, stop: impl Future<Output = ()>, on_start: impl FnOnce(Started)) -> anyhow::Result<()> {
        let Self { config, registry } = self;
        let state_dir = StateDir::open(&config.adapter.state_dir)?;
        let epoch = state_dir.next_epoch()?;
        let metrics = Arc::new(Metrics::new(&config.adapter.id));
        metrics.config_last_reload_successful.set(1);
        metrics.config_last_reload_success_timestamp_seconds.set(Timestamp::now().unix_millis() as f64 / 1e3);
        let brokers = config.brokers.iter().map(|broker| broker.name.as_str());
        let board = Arc::new(Board::with_brokers(config.tags.len(), brokers));
        let spools = open_spools(&config, &state_dir, epoch, &metrics)?;
        let versions = Versions::open(state_dir.path())?;
        let (stage, trainer) = ModelStage::new(&config, registry, versions, Arc::clone(&board), Arc::clone(&metrics))?;
        let stage = Arc::new(stage);
        let mut supervisor = Supervisor::default();

        let http = match &config.http {
            Some(http) => {
                let state =
                    HttpState::new(Arc::clone(&board), Arc::clone(&metrics), Arc::clone(&stage), Arc::clone(&config));
                let server = HttpServer::bind(http.listen, Arc::new(state)).await?;
                let address = server.local_addr().context("the HTTP socket has no address")?;
                let token = supervisor.token(Phase::Watching);
                supervisor.spawn("http", Phase::Watching, server.run(token));
                Some(address)
            }
            None => None,
        };

        let (status, current_statuses) = StatusTask::new(Arc::clone(&board), Arc::clone(&metrics), epoch);
        let token = supervisor.token(Phase::Watching);
        supervisor.spawn("status", Phase::Watching, status.run(token));
        let token = supervisor.token(Phase::Watching);
        supervisor.spawn("trainer", Phase::Watching, trainer.run(token));
        for (id, (broker, spool)) in (0..).map(BrokerId).zip(config.brokers.iter().zip(&spools)) {
            let name = part_of_broker("spool", &broker.name, spools.len());
            let task = SpoolTask::new(Arc::clone(spool), id, name.clone(), Arc::clone(&board));
            let token = supervisor.token(Phase::Watching);
            supervisor.spawn(name, Phase::Watching, task.run(token));
        }

        let namespaces = NamespaceMemory::open(state_dir.path(), &config.opcua.uri, &config.tags)?;
        let limit = config.adapter.drain_timeout;
        let share = share_of_a_peer(limit);
        let (ingress_tx, ingress_rx) = ingress(ingress::MAX_WAITING_VALUES);
        let (opcua, plc) = OpcUaLink::new(
            config.opcua.clone(),
            &config.adapter.id,
            config.tags.as_slice().into(),
            ingress_tx,
            Arc::clone(&board),
            Arc::clone(&metrics),
        );
        let token = supervisor.token(Phase::Intake);
        supervisor.spawn("opcua", Phase::Intake, opcua.remembering(namespaces).closing_within(share).run(token));

        let alarm_levels = AlarmLevels::default();
        let parts = NorthboundParts {
            ingress: ingress_rx,
            stage,
            spools: spools.clone(),
            alarm_levels: alarm_levels.clone(),
            board: Arc::clone(&board),
            metrics: Arc::clone(&metrics),
        };
        supervisor.spawn("northbound", Phase::Pipeline, NorthboundTask::new(&config, epoch, parts).run());

        let (commands_tx, commands_rx) = mpsc::channel(MAX_WAITING_COMMANDS);
        let outboxes = spools.clone();
        let writes_in_flight = config.opcua.limits.writes_in_flight;
        let southbound = SouthboundTask::new(SouthboundParts {
            mappings: config.southbound_mappings.clone(),
            own_topics: config.own_topics(),
            tag_names: config.tags.iter().map(|tag| tag.name.clone()).collect(),
            plc,
            writes_in_flight: writes_in_flight.map_or(WRITES_IN_FLIGHT, |writes| writes as usize),
            commands_rx,
            alarm_levels,
            outbox: move |broker: BrokerId, message| {
                outboxes[broker.index()].append(Lane::Urgent, vec![message]);
            },
            metrics: Arc::clone(&metrics),
            board: Arc::clone(&board),
            clock: Timestamp::now,
            symbol: status_symbol,
        });
        let commands: Vec<CommandIntake> =
            spools.iter().map(|_| CommandIntake::new(commands_tx.clone(), southbound.refuse_handler())).collect();
        drop(commands_tx);
        let token = supervisor.token(Phase::Commands);
        supervisor.spawn("southbound", Phase::Commands, southbound.patient_for(share).run(token));

        let status_topic = TopicName::parse(&format!("{}/status", config.adapter.status_topic))
            .context("`adapter.status_topic` leaves no room for `/status`")?;
        let deadline = Arc::new(OnceLock::new());
        let links = commands.into_iter().zip(current_statuses).zip(&spools);
        for (id, ((commands, current), spool)) in (0..).map(BrokerId).zip(links) {
            let broker = config.brokers[id.index()].clone();
            let of_broker = config.southbound_mappings.iter().filter(|mapping| mapping.broker == id);
            let task = part_of_broker("mqtt", &broker.name, spools.len());
            let parts = LinkParts {
                id,
                task: task.clone(),
                broker,
                spool: Arc::clone(spool),
                commands,
                filters: of_broker.filter_map(|mapping| mapping.topic_filter.clone()).collect(),
                status: StatusTopic {
                    topic: status_topic.clone(),
                    offline: OfflinePayload::new(move |since| offline_payload(since, epoch)),
                    current,
                },
                board: Arc::clone(&board),
            };
            let shutdown = LinkShutdown {
                intake: supervisor.token(Phase::Commands),
                drain: supervisor.token(Phase::Delivery),
                deadline: Arc::clone(&deadline),
            };
            supervisor.spawn(task, Phase::Delivery, MqttLink::new(parts, &metrics).run(shutdown));
        }

        // A task that gets stuck before its first sign of life is to be noticed, too.
        supervisor.names().for_each(|task| board.progress(task));
        let listens = http.map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(
            adapter = config.adapter.id,
            epoch = epoch.0,
            tags = config.tags.len(),
            http = listens,
            "started"
        );
        on_start(Started { epoch, http });
        let on_stop = || {
            board.set_stopping();
            deadline.get_or_init(|| Instant::now() + limit.saturating_sub(time_to_leave(limit)));
        };
        let ended = supervisor.run(stop, limit, on_stop).await;
        for (broker, spool) in config.brokers.iter().zip(&spools).filter(|(_, spool)| !spool.is_empty()) {
            tracing::info!(
                broker = broker.name,
                messages = spool.len(),
                "undelivered messages wait in the spool for the next start"
            );
        }
        ended?;
        tracing::info!(adapter = config.adapter.id, "stopped");
        Ok(())
    }
}

/// The spools of all brokers; says which others there are.
fn open_spools(
    config: &Config,
    state_dir: &StateDir,
    epoch: Epoch,
    metrics: &Metrics,
) -> anyhow::Result<Vec<Arc<Spool>>> {
    let root = state_dir.path().join("spool");
    let names = config.brokers.iter().map(|broker| broker.name.as_str()).collect();
    let others = left_behind(&root, &names).with_context(|| format!("cannot read {}", root.display()))?;
    for LeftBehind { broker, messages } in others {
        let directory = root.join(&broker);
        match messages {
            Ok(messages) => tracing::warn!(
                broker,
                messages,
                directory = %directory.display(),
                "the mapping does not name this broker any more, so these messages are not delivered; name it again, or \
                 stop the adapter and rename the directory like the broker that is to have them, or delete it"
            ),
            Err(error) => tracing::warn!(
                broker,
                %error,
                directory = %directory.display(),
                "the mapping does not name this broker any more, and its spool cannot be read; look at the directory"
            ),
        }
    }
    let open = |broker: &BrokerConfig| {
        let path = root.join(&broker.name);
        let disks = SpoolDisks::below(&path).with_context(|| format!("cannot use {}", path.display()))?;
        let spool = Spool::open(&broker.name, disks, epoch, broker.spool, metrics);
        spool.map(Arc::new).with_context(|| format!("cannot read the spool in {}", path.display()))
    };
    config.brokers.iter().map(open).collect()
}

/// How long a shutdown waits for a PLC that hangs: once for the write in hand, once for the end of the session. What is
/// left of the time belongs to the spool.
fn share_of_a_peer(limit: Duration) -> Duration {
    (limit / 5).min(Duration::from_secs(2))
}

/// What the tasks that end after the delivery need of the time that a shutdown has.
fn time_to_leave(limit: Duration) -> Duration {
    (limit / 5).min(Duration::from_secs(1))
}
