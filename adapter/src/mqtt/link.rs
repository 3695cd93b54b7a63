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
    backoff::Backoff,
    client::Will,
    commands::CommandIntake,
    connect::{Connected, connect},
    metrics::LinkMetrics,
    publisher::{CHANNEL_CAPACITY, Caution},
    session::{End, Session},
    status::OfflinePayload,
    suspect::Suspect,
    trouble::{Address, Trouble},
};
use crate::{
    config::effective::BrokerConfig,
    domain::{BrokerId, Timestamp, TopicFilter, TopicName},
    spool::Spool,
    supervisor::{Board, Connection},
    telemetry::Metrics,
};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A broker that is back is found within this time and its jitter; what waits for it is worth more than a few attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The least pause when only a person can help.
const LASTING_PAUSE: Duration = Duration::from_secs(5);
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
    /// Names this process; the client id is `<adapter id>-<broker name>`.
    pub adapter_id: String,
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
    client_id: String,
    access: Arc<Access>,
    metrics: Arc<LinkMetrics>,
}

impl MqttLink {
    /// A link that has not yet connected.
    pub fn new(parts: LinkParts, metrics: &Metrics) -> Self {
        let client_id = format!("{}-{}", parts.adapter_id, parts.broker.name);
        let metrics = Arc::new(LinkMetrics::new(metrics, &parts.broker.name));
        Self { parts, client_id, access: Arc::default(), metrics }
    }

    /// Publishes what the spool holds and hands on commands, through every loss of the connection, until the shutdown.
    ///
    /// When the future is dropped, the connection closes without DISCONNECT and the broker publishes the Last Will.
    pub async fn run(self, shutdown: LinkShutdown) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut last_trouble = None;
        let mut suspect = Suspect::default();
        loop {
            let attempt = tokio::select! {
                biased;
                () = self.nothing_left_to_do(&shutdown) => break,
                attempt = self.with_heartbeat(self.connect()) => attempt,
            };
            let trouble = match attempt {
                Ok(connected) => match self.run_session(connected, &shutdown, caution(&mut suspect)).await {
                    End::Closed => break,
                    End::Lost { trouble, has_delivered, death } => {
                        suspect.on_death(death);
                        last_trouble = None;
                        if has_delivered {
                            backoff.reset();
                        }
                        trouble
                    }
                },
                Err(trouble) => trouble,
            };
            let pause = backoff.pause().max(if trouble.needs_person { LASTING_PAUSE } else { Duration::ZERO });
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

    async fn connect(&self) -> Result<Connected, Trouble> {
        let payload = self.parts.status.offline.since(Timestamp::now());
        let will = Will { topic: self.parts.status.topic.to_string(), payload };
        connect(&self.parts.broker, &self.access, &self.client_id, Some(will), CHANNEL_CAPACITY)
            .await
            .map_err(|failure| failure.trouble)
    }

    async fn run_session(&self, connected: Connected, shutdown: &LinkShutdown, caution: Caution) -> End {
        let Connected { requests, mut events, connack } = connected;
        tracing::info!(broker = %Address(&self.parts.broker), client_id = self.client_id, "connected");
        self.metrics.connected.set(1);
        let session = Session::new(&self.parts, &self.metrics, shutdown, requests, connack, caution);
        session.show();
        let end = session.drive(&mut events).await;
        events.close().await;
        self.metrics.connected.set(0);
        end
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

fn caution(suspect: &mut Suspect) -> Caution {
    let guilty = suspect.take_guilty();
    Caution { is_probing: suspect.is_probing(), guilty }
}
