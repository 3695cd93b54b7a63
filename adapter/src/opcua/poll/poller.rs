//! Reads the tags that are polled: those that are read equally often in one round, and no round before the last one is
//! done.

use std::{
    collections::HashSet,
    convert::Infallible,
    ops::Range,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use opcua::types::{NodeId, StatusCode};
use prometheus::IntCounter;
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, Receiver, Sender},
    },
    time::{self, Instant, MissedTickBehavior},
};
use tracing::info;

use crate::opcua::{
    intake::conversion::Intake,
    intake::shared::Shared,
    intake::tag_table::TagTable,
    poll::late::{self, LateReader, SetAside},
    poll::round::{Health, Item, Round, rounds, skipped},
    problem::{Problem, Step},
    service_error::ServiceError,
    session::call_size::CallSize,
    session::failure::Failure,
    session::live::LiveSession,
    status,
    subscribe::percent::{self, Percent},
    subscribe::refused_tags::Refusals,
    value::raw::RawValue,
};
use crate::{
    config::effective::{Deadband, Tag},
    domain::{NodeLocator, TagId},
    supervisor::TagState,
};

/// Reads that may be under way at a time, however many intervals there are.
const CALLS_AT_ONCE: usize = 4;
/// Reads of what is late that may be under way beside them.
const LATE_CALLS_AT_ONCE: usize = 4;

/// Polls for one session.
pub(in crate::opcua) struct Poller<'a> {
    live: &'a LiveSession,
    tags: &'a [Tag],
    table: &'a TagTable,
    intake: &'a Intake,
    state: &'a PollState,
    request_timeout: Duration,
    calls: Semaphore,
    late_calls: Semaphore,
    refusals: Mutex<Refusals>,
    has_heard: AtomicBool,
}

/// What outlives a session.
pub(in crate::opcua) struct PollState {
    /// What was learned about the server stays true.
    call_size: Mutex<CallSize>,
    /// Tags whose nodes were asked for alone and did not come in time.
    late: Mutex<HashSet<TagId>>,
    /// Rounds left out.
    skipped: IntCounter,
}

impl PollState {
    /// Reads of at most `most` nodes.
    pub(in crate::opcua) fn new(most: usize, skipped: IntCounter) -> Self {
        Self { call_size: Mutex::new(CallSize::new(most)), late: Mutex::default(), skipped }
    }
}

impl<'a> Poller<'a> {
    /// For the polled ones among the tags.
    pub(in crate::opcua) fn new(
        live: &'a LiveSession,
        shared: &'a Shared,
        state: &'a PollState,
        request_timeout: Duration,
    ) -> Self {
        let Shared { tags, table, intake, .. } = shared;
        let (calls, late_calls) = (Semaphore::new(CALLS_AT_ONCE), Semaphore::new(LATE_CALLS_AT_ONCE));
        lock(&state.call_size).declare(live.limits.nodes_per_read);
        let (refusals, has_heard) = (Mutex::default(), AtomicBool::new(false));
        Self { live, tags, table, intake, state, request_timeout, calls, late_calls, refusals, has_heard }
    }

    /// Whether the server has answered since this was asked last.
    pub(in crate::opcua) fn take_heard(&self) -> bool {
        self.has_heard.swap(false, Ordering::Relaxed)
    }

    /// Polls for as long as the session's connection lasts. Without a polled tag there is nothing to do.
    pub(in crate::opcua) async fn run(&self) -> Result<Infallible, Problem> {
        let mut rounds = rounds(self.tags);
        if rounds.is_empty() {
            return std::future::pending().await;
        }
        for round in &mut rounds {
            self.resolve(round).await?;
        }
        info!(tags = rounds.iter().map(|round| round.items.len()).sum::<usize>(), intervals = rounds.len(), "polling");
        let mut running: FuturesUnordered<_> = rounds.into_iter().map(|round| self.keep(round)).collect();
        match running.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// One round after the other, and beside them what is late.
    async fn keep(&self, round: Round) -> Result<Infallible, Problem> {
        // Each item is in one place, so that there is always room.
        let most = (round.items.len() + round.missing.len()).max(1);
        let (set_aside, late) = mpsc::channel(most);
        let (give_back, back) = mpsc::channel(most);
        let reader = LateReader { poller: self, interval: round.interval, give_back };
        tokio::select! {
            ended = self.keep_rounds(round, &set_aside, back) => ended,
            ended = reader.run(late) => ended,
        }
    }

    /// A round that was due while the last one was under way is left out.
    async fn keep_rounds(
        &self,
        mut round: Round,
        set_aside: &Sender<SetAside>,
        mut back: Receiver<Vec<Item>>,
    ) -> Result<Infallible, Problem> {
        let mut ticks = time::interval(round.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last: Option<Instant> = None;
        loop {
            let due = ticks.tick().await;
            let missed = last.map_or(0, |last| skipped(last, due, round.interval));
            if missed > 0 {
                self.state.skipped.inc_by(missed);
                round.warn_of_skipped();
            }
            last = Some(due);
            if round.is_time_to_resolve() {
                self.resolve(&mut round).await?;
            }
            while let Ok(items) = back.try_recv() {
                round.items.extend(items);
            }
            // Nobody takes them when the session is over.
            for item in self.known_late(&mut round.items) {
                set_aside.send(SetAside::Known(item)).await.ok();
            }
            let late = self.read_all(&mut round.items).await?;
            for call in late::take_out(&mut round.items, late) {
                set_aside.send(SetAside::Call(call)).await.ok();
            }
        }
    }

    /// Takes out what was late in a session before.
    fn known_late(&self, items: &mut Vec<Item>) -> Vec<Item> {
        let known = lock(&self.state.late);
        if known.is_empty() {
            return Vec::new();
        }
        items.extract_if(.., |item| known.contains(&item.tag)).collect()
    }

    /// Finds the nodes of tags that have none yet; a server may add a namespace while it runs.
    async fn resolve(&self, round: &mut Round) -> Result<(), Problem> {
        let fatal = |step| move |error: ServiceError| Problem::service(step, &error, self.request_timeout);
        if round.has_tried && !round.missing.is_empty() {
            self.live.refresh_namespaces().await.map_err(fatal(Step::ReadServer))?;
        }
        let places: Vec<&NodeLocator> = round.missing.iter().map(|id| &self.tags[id.index()].node).collect();
        let found = self.live.locate(&places).await.map_err(fatal(Step::ResolvePaths))?;
        let (mut states, before) = (Vec::new(), round.items.len());
        for (id, found) in std::mem::take(&mut round.missing).into_iter().zip(found) {
            match found {
                Ok(node) => round.items.push(Item::new(id, node)),
                Err(why) => {
                    round.missing.push(id);
                    states.push((id, lock(&self.refusals).state(&self.tags[id.index()], &why)));
                }
            }
        }
        round.tried();
        self.show(states);
        self.prepare_percent(&round.items[before..]).await;
        Ok(())
    }

    async fn prepare_percent(&self, items: &[Item]) {
        let nodes = items.iter().filter_map(|item| match self.tags[item.tag.index()].subscription.deadband {
            Some(Deadband::Percent(share)) => Some(Percent { tag: item.tag, node: item.node.clone(), share }),
            _ => None,
        });
        for (tag, deadband) in percent::in_units(self.live, self.tags, nodes.collect()).await {
            self.intake.filter_here(tag, deadband);
        }
    }

    /// Reads in calls that the server takes. Returns what was not answered in time.
    async fn read_all(&self, items: &mut [Item]) -> Result<Vec<Range<usize>>, Problem> {
        let (mut left, mut late) = (Vec::new(), Vec::new());
        left.push(0..items.len());
        while let Some(part) = left.pop() {
            if part.is_empty() {
                continue;
            }
            let size = lock(&self.state.call_size).current();
            let call = part.start..part.end.min(part.start.saturating_add(size));
            left.push(call.end..part.end);
            match self.read_in_round(&items[call.clone()]).await {
                Ok(values) if values.len() == call.len() => self.take(&mut items[call], values),
                Ok(_) => self.fail_all(&mut items[call], StatusCode::BadUnknownResponse),
                Err(error) => {
                    self.survive(&error, call.len()).await?;
                    if Failure::of(&error) == Failure::Late {
                        lock(&self.state.call_size).suspected(call.len());
                        late.push(call);
                    } else {
                        self.failed(items, call, &error, &mut left);
                    }
                }
            }
        }
        Ok(late)
    }

    /// An error where a Read of so many nodes failed because the session, or the server, is of no more use.
    pub(super) async fn survive(&self, error: &ServiceError, count: usize) -> Result<(), Problem> {
        if Failure::of(error) == Failure::Session {
            lock(&self.state.call_size).suspected(count);
            return Err(Problem::service(Step::Poll, error, self.request_timeout));
        }
        if *error == ServiceError::Timeout && !self.live.services.is_answering().await {
            return Err(Problem::Unanswered { silence: self.request_timeout });
        }
        Ok(())
    }

    /// Beside the rounds, however many of those calls wait.
    pub(super) async fn read_late(&self, items: &[Item]) -> (Result<Vec<RawValue>, ServiceError>, Duration) {
        let _permit = self.late_calls.acquire().await;
        let begun = Instant::now();
        let read = self.read(items).await;
        (read, begun.elapsed())
    }

    async fn read_in_round(&self, items: &[Item]) -> Result<Vec<RawValue>, ServiceError> {
        let _permit = self.calls.acquire().await;
        self.read(items).await
    }

    async fn read(&self, items: &[Item]) -> Result<Vec<RawValue>, ServiceError> {
        let nodes: Vec<NodeId> = items.iter().map(|item| item.node.clone()).collect();
        let values = self.live.services.read_values(&nodes).await?;
        self.has_heard.store(true, Ordering::Relaxed);
        Ok(values)
    }

    fn failed(&self, items: &mut [Item], call: Range<usize>, error: &ServiceError, left: &mut Vec<Range<usize>>) {
        match Failure::of(error) {
            Failure::Size if lock(&self.state.call_size).refused(call.len()) => left.push(call),
            Failure::Call if call.len() > 1 => {
                let middle = call.start + call.len() / 2;
                left.extend([middle..call.end, call.start..middle]);
            }
            _ => self.fail_all(&mut items[call], error.status()),
        }
    }

    /// One that does not come in time is read beside the rounds in later sessions, too, until it does.
    pub(super) fn note_late(&self, tag: TagId, is_late: bool) {
        let mut late = lock(&self.state.late);
        if is_late {
            late.insert(tag);
        } else {
            late.remove(&tag);
        }
    }

    pub(super) fn take(&self, items: &mut [Item], values: Vec<RawValue>) {
        let mut read = Vec::with_capacity(values.len());
        let mut states = Vec::new();
        for (item, value) in items.iter_mut().zip(values) {
            let status = StatusCode::from(value.status.0);
            if is_no_value(status) {
                let state = self.fail(item, status);
                // Said once: whoever has the last value must learn that the node has gone.
                if state.is_some() && status::is_about_node(value.status) {
                    read.push((item.tag, value));
                }
                states.extend(state);
                continue;
            }
            if item.health != Health::Active {
                item.health = Health::Active;
                states.push((item.tag, TagState::Active));
            }
            read.push((item.tag, value));
        }
        self.show(states);
        self.intake.take_read(read);
    }

    /// Whoever has a value of these learns once that it is good no more.
    pub(super) fn fail_all(&self, items: &mut [Item], status: StatusCode) {
        let states: Vec<_> = items.iter_mut().filter_map(|item| self.fail(item, status)).collect();
        for (tag, _) in &states {
            self.intake.take_refusal(*tag, status::from_library(status));
        }
        self.show(states);
    }

    /// The tag's new state, unless the same was said of it before.
    fn fail(&self, item: &mut Item, status: StatusCode) -> Option<(TagId, TagState)> {
        if item.health == Health::Failed(status) {
            return None;
        }
        item.health = Health::Failed(status);
        self.intake.doubt(item.tag);
        let state = lock(&self.refusals).state_of(&self.tags[item.tag.index()], status);
        Some((item.tag, state))
    }

    fn show(&self, states: Vec<(TagId, TagState)>) {
        if !states.is_empty() {
            self.table.set(states);
        }
    }
}

/// Whether a StatusCode says that there is nothing to be read, rather than how good a value is.
fn is_no_value(status: StatusCode) -> bool {
    status::is_about_node(status::from_library(status)) || status == StatusCode::BadTooManyOperations
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
