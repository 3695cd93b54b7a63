//! The link to the OPC UA server: gets a session, keeps it, and gets a new one when anything is wrong with it.
//!
//! While the server may still have the session, only the connection below it is made anew, since the server has queued
//! what changed meanwhile. Otherwise nothing survives but what was learned about the server: client, channel,
//! Subscriptions and items are thrown away together and made anew.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    lessons::Lessons,
    life::{self, End, Life},
    standing::Standing,
};
use crate::opcua::{
    intake::{conversion::Intake, grants::TagGrants, shared::Shared, tag_table::TagTable},
    pki::expiry::ExpiryWatch,
    poll::poller::PollState,
    problem::Problem,
    session::{
        namespaces::NamespaceMemory,
        open::{OpenSession, SessionFactory},
    },
    write::{CurrentSession, PlcHandle},
};
use crate::{
    config::effective::{OpcUaConfig, Tag},
    domain::Timestamp,
    pipeline::ingress::IngressSender,
    supervisor::{Board, Connection},
    telemetry::Metrics,
};

const TASK: &str = "opcua";
const TICK: Duration = Duration::from_secs(1);
/// Repeats that fall due within this time go out together.
const REPEAT_GRAIN: Duration = Duration::from_millis(20);
/// How often the log names tags whose queues run over.
const OVERFLOW_REPORTS: Duration = Duration::from_mins(1);
/// How long taking leave of the server may last, unless it is told otherwise.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// Nodes in one Read at first, where the server declares no less.
const MAX_NODES_PER_READ: usize = 1_000;

/// The link; [`OpcUaLink::run`] is its task.
pub struct OpcUaLink {
    config: OpcUaConfig,
    factory: SessionFactory,
    expiry: Arc<ExpiryWatch>,
    board: Arc<Board>,
    current: CurrentSession,
    shared: Arc<Shared>,
    polls: PollState,
    lessons: Lessons,
    standing: Standing,
    /// When the server was last heard of, where what it said afterwards is lost.
    lost_since: Option<Timestamp>,
    close_time: Duration,
    memory: Arc<NamespaceMemory>,
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
        let expiry = Arc::new(ExpiryWatch::new(Arc::clone(&board), Arc::clone(&metrics)));
        let grants = Arc::new(TagGrants::new(tags.len()));
        let table = Arc::new(TagTable::new(tags.len(), Arc::clone(&board), Arc::clone(&metrics)));
        let intake = Intake::new(ingress, Arc::clone(&tags), Arc::clone(&table), Arc::clone(&grants), &metrics);
        let polls = PollState::new(MAX_NODES_PER_READ, metrics.opcua_polls_skipped.clone());
        let memory = Arc::new(NamespaceMemory::new(&config.uri, &tags));
        let link = Self {
            factory: SessionFactory::new(config.clone(), adapter_id).watched_by(Arc::clone(&expiry)),
            expiry,
            shared: Arc::new(Shared { tags, intake, table, grants }),
            polls,
            lessons: Lessons::new(),
            standing: Standing::new(&config, Arc::clone(&board), metrics),
            lost_since: None,
            close_time: CLOSE_TIME,
            memory,
            config,
            board,
            current,
        };
        (link, handle)
    }

    /// What the server grants each tag.
    pub fn grants(&self) -> Arc<TagGrants> {
        Arc::clone(&self.shared.grants)
    }

    /// Bounds how long taking leave of the server may last; two seconds are more than any server needs.
    #[must_use]
    pub fn closing_within(self, limit: Duration) -> Self {
        Self { close_time: limit.min(CLOSE_TIME), ..self }
    }

    /// Takes what an earlier process has learned of the namespaces.
    #[must_use]
    pub fn remembering(self, memory: NamespaceMemory) -> Self {
        Self { memory: Arc::new(memory), ..self }
    }

    /// Runs until cancelled, whatever happens to the connection; then takes leave of the server in bounded time.
    /// The ingress queue ends with it.
    pub async fn run(mut self, cancel: CancellationToken) {
        let (board, expiry, shared) = (Arc::clone(&self.board), Arc::clone(&self.expiry), Arc::clone(&self.shared));
        board.set_opcua(Connection::Connecting { reason: None });
        tokio::select! {
            () = Box::pin(self.keep_up(&cancel)) => {}
            never = show_progress(&board) => match never {},
            never = expiry.run() => match never {},
            never = repeat_values(&shared.intake) => match never {},
            never = report_overflows(&shared.intake) => match never {},
        }
        board.set_opcua(Connection::Disconnected);
    }

    async fn keep_up(&mut self, cancel: &CancellationToken) {
        loop {
            let problem = match self.open(cancel).await {
                None => return,
                Some(Err(problem)) => problem,
                Some(Ok(open)) => match Box::pin(self.serve(open, cancel)).await {
                    None => return,
                    Some(problem) => problem,
                },
            };
            let pause = self.standing.trouble(problem);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = time::sleep(pause) => {}
            }
        }
    }

    /// A session, or why there is none; `None` when the link is to end.
    async fn open(&self, cancel: &CancellationToken) -> Option<Result<OpenSession, Problem>> {
        let mut opening = Box::pin(self.factory.open());
        tokio::select! {
            () = cancel.cancelled() => {}
            opened = &mut opening => return Some(opened),
        }
        // The server may have made the session by now, and would keep it for minutes.
        if let Ok(Ok(open)) = time::timeout(self.close_time, opening).await {
            life::close(&open, None, self.close_time).await;
        }
        None
    }

    /// Makes use of a session until it ends, and leaves nothing of it behind. `None` when the link is to end.
    async fn serve(&mut self, mut open: OpenSession, cancel: &CancellationToken) -> Option<Problem> {
        let (end, leave) = loop {
            let mut leave = None;
            let Self { config, current, shared, polls, lessons, standing, lost_since, memory, .. } = self;
            let mut life = Life { config, memory, current, shared, polls, lessons, standing, lost_since, cancel };
            let end = life.live(&mut open, &mut leave).await;
            self.current.store(None);
            self.shared.end_session();
            if !matches!(end, End::Renewed) {
                break (end, leave);
            }
        };
        let problem = match end {
            End::Problem(problem) => Some(problem),
            End::Cancelled | End::Renewed => None,
        };
        self.standing.disconnected(problem.as_ref());
        self.standing.metrics.opcua_session_age_seconds.set(0.0);
        life::close(&open, leave, self.close_time).await;
        problem
    }
}

async fn show_progress(board: &Board) -> Infallible {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        board.progress(TASK);
    }
}

/// Heartbeats and stale tags go on without a session, too.
async fn repeat_values(intake: &Intake) -> Infallible {
    loop {
        let Some(next) = intake.take_due() else { return std::future::pending().await };
        time::sleep_until(next.max(Instant::now() + REPEAT_GRAIN)).await;
    }
}

async fn report_overflows(intake: &Intake) -> Infallible {
    let mut ticks = time::interval(OVERFLOW_REPORTS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        intake.report_overflows();
    }
}

/// Shows how old the session is that began at `since`.
pub(in crate::opcua) async fn show_age(metrics: &Metrics, since: Instant) -> Infallible {
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
