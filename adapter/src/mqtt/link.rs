//! The link to one broker: connects, keeps a session running, and comes back after each loss.

use std::{
    borrow::Cow,
    future::Future,
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{
    access::Access,
    commands::CommandIntake,
    connect::{Connected, NotConnected, connect},
    memory::Memory,
    metrics::LinkMetrics,
    packet::{Reason, Will},
    reconnect::{Cause, Reconnect},
    session::{End, Session},
    status::OfflinePayload,
    suspicion::Sending,
    trouble::{Address, Trouble},
    wire::Failure,
};
use crate::{
    config::effective::BrokerConfig,
    domain::{BrokerId, Timestamp, TopicFilter, TopicName},
    spool::Spool,
    supervisor::{Board, Connection},
    telemetry::Metrics,
};

/// How often a link without a connection shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The retained status message.
#[derive(Debug)]
pub struct StatusTopic {
    /// Where it is retained.
    pub topic: TopicName,
    /// What stands there without us: the Last Will, and the last message of a shutdown.
    pub offline: OfflinePayload,
    /// What stands there while we are connected; the newest is published after each CONNACK and after each change.
    pub current: watch::Receiver<Bytes>,
}

/// All that a link needs.
#[derive(Debug)]
pub struct LinkParts {
    /// Which of the mapping's brokers it is.
    pub id: BrokerId,
    /// The link's name among the tasks, on the board.
    pub task: Cow<'static, str>,
    /// Where the broker is and who we are to it.
    pub broker: BrokerConfig,
    /// What is to be published.
    pub spool: Arc<Spool>,
    /// Where commands go.
    pub commands: CommandIntake,
    /// Where commands come from.
    pub filters: Vec<TopicFilter>,
    /// The status message.
    pub status: StatusTopic,
    /// Where the state of the connection is written.
    pub board: Arc<Board>,
}

/// How a link is told to end, in two steps.
#[derive(Clone, Debug)]
pub struct LinkShutdown {
    /// No more commands: filters are unsubscribed, what still comes is refused.
    pub intake: CancellationToken,
    /// Nothing more is appended: flush the spool, publish the offline status, disconnect.
    pub drain: CancellationToken,
    /// By when all must be over. Set before `drain` is cancelled; without it the link ends at once.
    pub deadline: Arc<OnceLock<Instant>>,
}

impl LinkShutdown {
    /// By when all must be over; `None` until the drain has begun.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.drain.is_cancelled().then(|| *self.deadline.get_or_init(Instant::now))
    }
}

/// The link to one broker.
#[derive(Debug)]
pub struct MqttLink {
    parts: LinkParts,
    access: Arc<Access>,
    metrics: Arc<LinkMetrics>,
}

impl MqttLink {
    /// A link that has not yet connected.
    pub fn new(parts: LinkParts, metrics: &Metrics) -> Self {
        let metrics = Arc::new(LinkMetrics::new(metrics, &parts.broker.name));
        Self { parts, access: Arc::default(), metrics }
    }

    /// Publishes what the spool holds and hands on commands, through every loss of the connection, until the shutdown.
    ///
    /// When the future is dropped, the connection closes without DISCONNECT and the broker publishes the Last Will.
    pub async fn run(self, shutdown: LinkShutdown) {
        let mut reconnect = Reconnect::new();
        let mut last_trouble = None;
        let mut memory = Memory::new(&self.parts.filters, self.parts.broker.max_rate);
        loop {
            let attempt = tokio::select! {
                biased;
                () = self.nothing_left_to_do(&shutdown) => break,
                attempt = self.with_heartbeat(self.connect(&mut memory)) => attempt,
            };
            let (trouble, cause) = match attempt {
                Ok(connected) => {
                    let since = Instant::now();
                    last_trouble = None;
                    match self.run_session(connected, &shutdown, &mut memory).await {
                        End::Closed => break,
                        End::Lost { trouble, cause, death } => {
                            let now = Instant::now();
                            reconnect.on_ended(since, now);
                            if let Some(death) = death {
                                memory.suspicion.on_death(death, now);
                            }
                            (trouble, cause)
                        }
                    }
                }
                Err(not_connected) => learn(not_connected, &mut memory),
            };
            let pause = reconnect.pause(cause);
            let trouble = if reconnect.is_contested() { self.contested(&trouble) } else { trouble };
            self.report(&trouble, last_trouble.as_ref(), pause);
            last_trouble = Some(trouble);
            tokio::select! {
                biased;
                () = self.nothing_left_to_do(&shutdown) => break,
                () = self.with_heartbeat(time::sleep(pause)) => {}
            }
        }
        self.parts.board.set_broker(self.parts.id, Connection::Disconnected);
        let undelivered = self.parts.spool.len();
        if undelivered > 0 {
            tracing::warn!(broker = self.parts.broker.name, undelivered, "messages are left in the spool");
        }
    }

    async fn connect(&self, memory: &mut Memory) -> Result<Connected, NotConnected> {
        let payload = self.parts.status.offline.since(Timestamp::now());
        let sending = memory.suspicion.begin(Instant::now());
        let topic = self.parts.status.topic.to_string();
        let will = (sending != Sending::Not).then(|| Will { topic, payload, is_retained: sending == Sending::Whole });
        let connected = connect(&self.parts.broker, &self.access, &self.parts.broker.client_id, will).await;
        let result = match &connected {
            Ok(_) => {
                memory.suspicion.on_let_in(Instant::now());
                &self.metrics.connections
            }
            Err(not_connected) if not_connected.is_refusal() => &self.metrics.connections_refused,
            Err(_) => &self.metrics.connections_failed,
        };
        result.inc();
        connected
    }

    async fn run_session(&self, connected: Connected, shutdown: &LinkShutdown, memory: &mut Memory) -> End {
        let client_id = self.parts.broker.client_id.as_str();
        tracing::info!(broker = %Address(&self.parts.broker), client_id, "connected");
        self.metrics.connected.set(1);
        let end = Session::new(&self.parts, &self.metrics, shutdown, connected, memory).drive().await;
        self.metrics.connected.set(0);
        end
    }

    /// The broker throws us out again and again.
    fn contested(&self, trouble: &Trouble) -> Trouble {
        Trouble::passing(format!(
            "{trouble}; another client may be using the client id `{}`: stop it, or set another `broker.client_id`",
            self.parts.broker.client_id
        ))
    }

    /// Says once what is wrong, and on the board for as long as it is.
    fn report(&self, trouble: &Trouble, last: Option<&Trouble>, pause: Duration) {
        let reason = trouble.sentence.clone();
        if last == Some(trouble) {
            tracing::debug!(?pause, "still: {trouble}");
        } else {
            tracing::warn!(?pause, "{trouble}");
        }
        let connection = if trouble.needs_person {
            Connection::Error { reason }
        } else {
            Connection::Connecting { reason: Some(reason) }
        };
        self.parts.board.set_broker(self.parts.id, connection);
    }

    /// Without a connection a shutdown waits for one only as long as there is something to deliver.
    async fn nothing_left_to_do(&self, shutdown: &LinkShutdown) {
        shutdown.drain.cancelled().await;
        let Some(deadline) = shutdown.deadline() else { return };
        if !self.parts.spool.is_empty() {
            time::sleep_until(deadline.into()).await;
        }
    }

    async fn with_heartbeat<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            self.parts.board.progress(&self.parts.task);
            if let Ok(output) = time::timeout(HEARTBEAT, &mut work).await {
                return output;
            }
        }
    }
}

/// What a connection that did not come up shows.
fn learn(not_connected: NotConnected, memory: &mut Memory) -> (Trouble, Cause) {
    let NotConnected { trouble, failure } = not_connected;
    let cause = match &failure {
        Some(failure) if failure.is_free() => Cause::Free,
        Some(Failure::Refused(Reason::BANNED, _)) => Cause::Banned,
        Some(Failure::Refused(Reason::BAD_USER_NAME_OR_PASSWORD | Reason::NOT_AUTHORIZED, _)) => Cause::BadCredentials,
        _ if trouble.needs_person => Cause::NeedsPerson,
        _ => Cause::Failed,
    };
    match &failure {
        Some(Failure::Refused(reason, _)) => memory.suspicion.on_connect_failed(Some(*reason)),
        Some(failure) if failure.is_hang_up() => memory.suspicion.on_connect_failed(None),
        _ => {}
    }
    (trouble, cause)
}
