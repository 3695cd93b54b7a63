//! The link to the OPC UA server: gets a session, keeps it, and gets a new one when anything is wrong with it.
//!
//! Nothing survives a session but what was learned about the server: client, channel, Subscriptions and items are
//! thrown away together and made anew, so that there is one way into the working state, and it is always taken.

use std::{convert::Infallible, sync::Arc, time::Duration};

use opcua::client::Session;
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    backoff::Backoff,
    call_size::CallSize,
    client::{self, OpenSession, SessionFactory},
    handle::{CurrentSession, PlcHandle},
    intake::Intake,
    items::Subscriber,
    live::LiveSession,
    problem::Problem,
    publish::Publisher,
    subscription::Subscriptions,
    tag_table::TagTable,
};
use crate::{
    config::effective::{OpcUaConfig, Tag},
    pipeline::ingress::IngressSender,
    supervisor::{Board, Connection},
    telemetry::Metrics,
};

const TASK: &str = "opcua";
const TICK: Duration = Duration::from_secs(1);
/// How long taking leave of the server may last, unless it is told otherwise.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// Items in one call at first, where the server declares no less.
const MAX_ITEMS_PER_CALL: usize = 1_000;
/// A server that refuses us is not asked more often than this, so that no account gets locked.
const POLITE_PAUSE: Duration = Duration::from_secs(15);

/// The link; [`OpcUaLink::run`] is its task.
pub struct OpcUaLink {
    config: OpcUaConfig,
    factory: SessionFactory,
    tags: Arc<[Tag]>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    current: CurrentSession,
    intake: Intake,
    table: TagTable,
    call_size: CallSize,
    backoff: Backoff,
    sessions: u64,
    last_problem: Option<Problem>,
    close_time: Duration,
}

/// What has to be deleted on the server at the end of a session.
struct Leave {
    live: Arc<LiveSession>,
    subscriptions: Subscriptions,
}

/// How a session came to its end.
enum End {
    Cancelled,
    Problem(Problem),
}

impl OpcUaLink {
    /// A link that has not yet tried to connect, and the handle through which commands reach the PLC.
    pub fn new(
        config: OpcUaConfig,
        adapter_id: &str,
        tags: Arc<[Tag]>,
        ingress: IngressSender,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
    ) -> (Self, PlcHandle) {
        let current = CurrentSession::default();
        let handle = PlcHandle::new(Arc::clone(&current), Arc::clone(&tags));
        let link = Self {
            factory: SessionFactory::new(config.clone(), adapter_id),
            intake: Intake::new(ingress, Arc::clone(&tags), &metrics),
            table: TagTable::new(tags.len(), Arc::clone(&board), Arc::clone(&metrics)),
            call_size: CallSize::new(MAX_ITEMS_PER_CALL),
            backoff: Backoff::new(config.connection.retry_initial, config.connection.retry_max),
            sessions: 0,
            last_problem: None,
            close_time: CLOSE_TIME,
            config,
            tags,
            board,
            metrics,
            current,
        };
        (link, handle)
    }

    /// Bounds how long taking leave of the server may last; two seconds are more than any server needs.
    #[must_use]
    pub fn closing_within(self, limit: Duration) -> Self {
        Self { close_time: limit.min(CLOSE_TIME), ..self }
    }

    /// Runs until cancelled, whatever happens to the connection; then takes leave of the server in bounded time.
    /// The ingress queue ends with it.
    pub async fn run(mut self, cancel: CancellationToken) {
        let board = Arc::clone(&self.board);
        board.set_opcua(Connection::Connecting { reason: None });
        tokio::select! {
            () = Box::pin(self.keep_up(&cancel)) => {}
            never = show_progress(&board) => match never {},
        }
        board.set_opcua(Connection::Disconnected);
    }

    async fn keep_up(&mut self, cancel: &CancellationToken) {
        loop {
            let opened = tokio::select! {
                () = cancel.cancelled() => return,
                opened = Box::pin(self.factory.open()) => opened,
            };
            let problem = match opened {
                Err(problem) => problem,
                Ok(open) => match Box::pin(self.serve(open, cancel)).await {
                    End::Cancelled => return,
                    End::Problem(problem) => problem,
                },
            };
            let pause = self.give_up(problem);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = time::sleep(pause) => {}
            }
        }
    }

    /// Says what is wrong, and returns how long to wait before the next attempt.
    fn give_up(&mut self, problem: Problem) -> Duration {
        let mut pause = self.backoff.pause();
        if problem.needs_a_person() {
            pause = pause.max(POLITE_PAUSE.min(self.config.connection.retry_max));
        }
        if self.last_problem.as_ref() == Some(&problem) {
            debug!(uri = self.config.uri, ?pause, "still: {problem}");
        } else {
            warn!(uri = self.config.uri, ?pause, "{problem}");
        }
        self.board.set_opcua(problem.connection());
        self.last_problem = Some(problem);
        pause
    }

    /// Makes use of a session until it ends, and leaves nothing of it behind.
    async fn serve(&mut self, mut open: OpenSession, cancel: &CancellationToken) -> End {
        let mut leave = None;
        let end = tokio::select! {
            // The work knows better than the end of the library's task what went wrong.
            biased;
            () = cancel.cancelled() => End::Cancelled,
            problem = self.work(&open.session, &mut leave) => End::Problem(problem),
            ended = &mut open.event_loop => End::Problem(client::end_of(ended)),
        };
        self.current.store(None);
        self.metrics.opcua_connected.set(0);
        self.metrics.opcua_session_age_seconds.set(0.0);
        if let End::Problem(problem) = &end {
            self.board.set_opcua(problem.connection());
        }
        self.table.reset();
        if !open.event_loop.is_finished() && time::timeout(self.close_time, close(&open.session, leave)).await.is_err()
        {
            debug!("the server did not answer the end of the session");
        }
        end
    }

    /// Subscribes and publishes. What has to be deleted at the end is left in `leave`.
    async fn work(&mut self, session: &Arc<Session>, leave: &mut Option<Leave>) -> Problem {
        let request_timeout = self.config.connection.request_timeout;
        let live = match LiveSession::begin(Arc::clone(session), request_timeout).await {
            Ok(live) => Arc::new(live),
            Err(problem) => return problem,
        };
        let subscriptions = match Subscriptions::create(&live, &self.config, self.tags.len()).await {
            Ok(subscriptions) => subscriptions,
            Err(problem) => return problem,
        };
        *leave = Some(Leave { live: Arc::clone(&live), subscriptions: subscriptions.clone() });
        self.stand(&live, &subscriptions);

        let Self { config, tags, metrics, intake, table, call_size, .. } = self;
        intake.begin_session();
        call_size.declare(live.limits.monitored_items_per_call);
        let gaps = metrics.opcua_sequence_gaps.clone();
        let mut publisher = Publisher::new(Arc::clone(session), subscriptions.all(), config, intake, gaps);
        let mut subscriber =
            Subscriber { live: &live, tags, subscriptions: &subscriptions, call_size, table, request_timeout };
        let problem = tokio::select! {
            problem = publisher.run() => problem,
            never = subscriber.run() => match never { Err(problem) => problem },
            never = show_age(metrics) => match never {},
        };
        if publisher.has_heard() {
            self.backoff.reset();
        }
        problem
    }

    fn stand(&mut self, live: &Arc<LiveSession>, subscriptions: &Subscriptions) {
        self.current.store(Some(Arc::clone(live)));
        self.board.set_opcua(Connection::Connected);
        self.metrics.opcua_connected.set(1);
        if self.sessions > 0 {
            self.metrics.opcua_reconnects.inc();
        }
        self.sessions += 1;
        self.last_problem = None;
        info!(
            uri = self.config.uri,
            session = self.sessions,
            subscriptions = subscriptions.all().len(),
            limits = ?live.limits,
            "connected"
        );
    }
}

/// In good order: Subscriptions, session, channel. The server forgets at once what it would keep until a timeout.
async fn close(session: &Session, leave: Option<Leave>) {
    if let Some(Leave { live, subscriptions }) = leave {
        subscriptions.delete(&live).await;
    }
    if let Err(error) = session.disconnect().await {
        debug!(%error, "the session was not closed in good order");
    }
}

async fn show_progress(board: &Board) -> Infallible {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        board.progress(TASK);
    }
}

async fn show_age(metrics: &Metrics) -> Infallible {
    let since = Instant::now();
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        metrics.opcua_session_age_seconds.set(since.elapsed().as_secs_f64());
    }
}

fn ticks() -> time::Interval {
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
