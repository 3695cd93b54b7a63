//! The southbound task: which commands and alarm bits are under way, and what happens next.

use std::{borrow::Cow, collections::HashSet, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    alarm_levels::{AlarmLevels, Levels},
    alarm_writes::AlarmWrites,
    answer::{Answer, Rejection},
    audit,
    commands::{Commands, Turn},
    lanes::{Lanes, MAX_WAITING_COMMANDS},
    memory::{CommandKey, Recalled, SharedMemory},
    payload::CommandPayload,
    plc::Plc,
    routes::{CommandRoutes, Destination},
    session_clock::SessionClock,
    verdicts::Verdicts,
    writer::TagWriter,
};
use crate::{
    config::effective::{Range, SouthboundMapping},
    domain::{BrokerId, Command, OutboundMessage, RejectReason, StatusCode, TagId, TagName, Timestamp, TopicName},
    supervisor::Board,
    telemetry::Metrics,
};

/// Commands under way at once where the mapping does not say.
pub const WRITES_IN_FLIGHT: usize = 8;

/// The task's name on the board.
const TASK: &str = "southbound";
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);
/// How long a shutdown waits for the PLC's answers, unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(2);
const RESULTS: [&str; 6] = ["succeeded", "rejected", "failed", "unknown", "repeated", "ignored"];

/// What the southbound task is made of.
pub struct SouthboundParts<P, O> {
    /// What may be written.
    pub mappings: Vec<SouthboundMapping>,
    /// Where values, alarms and status messages go; no verdict is ever sent there.
    pub own_topics: HashSet<TopicName>,
    /// The names of all tags, by `TagId`.
    pub tag_names: Vec<TagName>,
    /// Where writes go.
    pub plc: P,
    /// How many commands may be under way at once, and how many alarm bits beside them.
    pub writes_in_flight: usize,
    /// Where commands come from: a channel for `MAX_WAITING_COMMANDS`, which is emptied at once.
    pub commands_rx: mpsc::Receiver<Command>,
    /// Where alarms say what their tags are to be.
    pub alarm_levels: AlarmLevels,
    /// Appends a message to the urgent lane of a broker's spool; must not block.
    pub outbox: O,
    /// `commands_total`, `commands_waiting` and `write_seconds` are ours.
    pub metrics: Arc<Metrics>,
    /// Where progress is shown.
    pub board: Arc<Board>,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// OPC UA's own name of a StatusCode.
    pub symbol: fn(StatusCode) -> Cow<'static, str>,
}

/// Handles the commands of each tag in the order of their arrival, and alarm bits beside them.
pub struct SouthboundTask<P, O> {
    commands: Commands<O>,
    writer: Arc<TagWriter<P>>,
    commands_rx: mpsc::Receiver<Command>,
    levels_rx: watch::Receiver<Levels>,
    alarm_levels: AlarmLevels,
    alarm_writes: AlarmWrites,
    board: Arc<Board>,
    patience: Duration,
}

/// A write whose turn has come.
enum Job {
    Command(Box<Turn>),
    /// An alarm bit with what its mapping allows, if one does.
    AlarmBit {
        level: bool,
        range: Option<Range>,
    },
}

/// A write that has ended.
struct Done {
    tag: TagId,
    job: Job,
    answer: Answer,
}

impl<P: Plc, O: Fn(BrokerId, OutboundMessage) + Send + Sync + 'static> SouthboundTask<P, O> {
    /// Puts the task together; nothing happens before `run`.
    pub fn new(parts: SouthboundParts<P, O>) -> Self {
        let SouthboundParts {
            mappings,
            own_topics,
            tag_names,
            plc,
            writes_in_flight,
            commands_rx,
            alarm_levels,
            outbox,
            metrics,
            board,
            clock,
            symbol,
        } = parts;
        for result in RESULTS {
            metrics.commands.with_label_values(&[result]);
        }
        let writer =
            Arc::new(TagWriter { plc, metrics: Arc::clone(&metrics), symbol, hurry: CancellationToken::new() });
        let routes = CommandRoutes::new(mappings, own_topics);
        let verdicts = Arc::new(Verdicts { routes, tag_names, outbox, metrics, clock, symbol });
        let commands = Commands {
            verdicts,
            memory: SharedMemory::default(),
            lanes: Lanes::new(writes_in_flight),
            session: SessionClock::default(),
        };
        let levels_rx = alarm_levels.subscribe();
        let alarm_writes = AlarmWrites::default();
        Self { commands, writer, commands_rx, levels_rx, alarm_levels, alarm_writes, board, patience: PATIENCE }
    }

    /// Bounds how long a shutdown waits for the PLC's answers to the writes under way.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What to call with a command that cannot be handed over: it gives the verdict and returns.
    pub fn refuse_handler(&self) -> impl Fn(Command, RejectReason) + Send + Sync + use<P, O> {
        let verdicts = Arc::clone(&self.commands.verdicts);
        let memory = self.commands.memory.clone();
        move |command, reason| {
            if is_answered_otherwise(&verdicts, &memory, &command) {
                return;
            }
            let message = match reason {
                RejectReason::Overloaded => {
                    format!("{MAX_WAITING_COMMANDS} commands wait already; send fewer, or send it again later")
                }
                _ => "the adapter is shutting down; send it again once it is back".to_owned(),
            };
            verdicts.refuse(&command, Rejection::new(reason, message));
        }
    }

    /// Runs until `cancel`; then waits a little for the writes under way, turns away the commands that wait, and returns.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut board_changes = self.board.watch();
        self.follow_session();
        self.take_over_levels();
        let mut progress = interval(PROGRESS_PERIOD);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = FuturesUnordered::new();
        while !cancel.is_cancelled() {
            let now = Instant::now();
            self.commands.expire(now);
            while let Some((tag, job)) = self.next_job(now) {
                under_way.push(carry_out(Arc::clone(&self.writer), tag, job));
            }
            self.show_waiting();
            let due = self.next_due(now);
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(done) = under_way.next() => self.conclude(done),
                Some(command) = self.commands_rx.recv() => self.commands.take(command, Instant::now()),
                Ok(()) = self.levels_rx.changed() => self.take_over_levels(),
                Ok(()) = board_changes.changed() => self.follow_session(),
                () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
                _ = progress.tick() => self.board.progress(TASK),
            }
        }
        // Each of them owes a verdict, so none is dropped half done.
        let mut out_of_patience = pin!(sleep(self.patience));
        while !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(done) = under_way.next() => self.conclude(done),
                () = &mut out_of_patience, if !self.writer.hurry.is_cancelled() => self.writer.hurry.cancel(),
                _ = progress.tick() => self.board.progress(TASK),
            }
        }
        self.turn_away_the_rest();
    }

    /// What is to be written next, if there is something and a place for it. Alarm bits go first where both wait for a tag.
    fn next_job(&mut self, now: Instant) -> Option<(TagId, Job)> {
        let lanes = &mut self.commands.lanes;
        if lanes.has_place_for_bit()
            && let Some((tag, level)) = self.alarm_writes.take_due(now, |tag| lanes.is_free(tag))
        {
            lanes.start_bit(tag);
            let range = self.commands.verdicts.routes.for_alarm(tag).map(|mapping| mapping.range);
            return Some((tag, Job::AlarmBit { level, range }));
        }
        self.commands.start(now).map(|(tag, turn)| (tag, Job::Command(Box::new(turn))))
    }

    /// When there is something to do though nothing happens.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let lanes = &self.commands.lanes;
        let bit = lanes.has_place_for_bit().then(|| self.alarm_writes.next_due(|tag| lanes.is_free(tag))).flatten();
        bit.into_iter().chain(self.commands.next_expiry(now)).min()
    }

    fn conclude(&mut self, Done { tag, job, answer }: Done) {
        let now = Instant::now();
        match job {
            Job::Command(turn) => self.commands.conclude(*turn, answer, now),
            Job::AlarmBit { level, .. } => {
                self.commands.lanes.finish(tag);
                let is_news = self.alarm_writes.conclude(tag, &answer, now);
                let verdicts = &self.commands.verdicts;
                if let Some(name) = verdicts.tag_name(tag).filter(|_| is_news) {
                    verdicts.count(answer.outcome.as_str());
                    audit::alarm(name, level, &answer);
                }
            }
        }
    }

    /// A new session may be one with a PLC that has restarted and forgotten its alarm bits.
    fn follow_session(&mut self) {
        if self.commands.session.follow(self.board.is_opcua_connected(), Instant::now()) {
            self.alarm_levels.reassert();
        }
    }

    fn take_over_levels(&mut self) {
        self.alarm_writes.update(&self.levels_rx.borrow_and_update(), Instant::now());
    }

    fn show_waiting(&self) {
        let waiting = i64::try_from(self.commands.lanes.waiting()).unwrap_or(i64::MAX);
        self.writer.metrics.commands_waiting.set(waiting);
    }

    fn turn_away_the_rest(&mut self) {
        self.commands_rx.close();
        let now = Instant::now();
        loop {
            while self.commands.turn_away_one(now) {}
            let Ok(command) = self.commands_rx.try_recv() else { break };
            self.commands.take(command, now);
        }
        self.show_waiting();
        if self.alarm_writes.waiting() > 0 {
            tracing::warn!(count = self.alarm_writes.waiting(), "alarm bits were not written before the shutdown");
        }
    }
}

/// Whether a command that cannot be handed over has a verdict already, which is given again, or gets it with the first.
fn is_answered_otherwise<O: Fn(BrokerId, OutboundMessage)>(
    verdicts: &Verdicts<O>,
    memory: &SharedMemory,
    command: &Command,
) -> bool {
    let Destination::Command(mapping) = verdicts.routes.find(command.broker, &command.topic) else { return false };
    let payload = CommandPayload::read(&command.payload, mapping.value.as_deref());
    match memory.recall(CommandKey::of(command, &payload).as_ref(), Instant::now()) {
        Recalled::Known(first) => verdicts.repeat(command, first),
        Recalled::Pending => verdicts.pass_over_repeat(command),
        Recalled::Unknown | Recalled::Reused => return false,
    }
    true
}

/// One write. How long it may take is the PLC link's own bound.
async fn carry_out<P: Plc>(writer: Arc<TagWriter<P>>, tag: TagId, job: Job) -> Done {
    let answer = match &job {
        Job::Command(turn) => turn.carry_out(&writer).await,
        Job::AlarmBit { level, range: Some(range) } => writer.write(tag, &Value::Bool(*level), *range, None).await,
        Job::AlarmBit { range: None, .. } => {
            let message = "no southbound mapping allows this tag to be written";
            Rejection::new(RejectReason::Unmapped, message).into()
        }
    };
    Done { tag, job, answer }
}

#[cfg(test)]
mod tests;
