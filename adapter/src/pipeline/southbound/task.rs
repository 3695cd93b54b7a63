//! The southbound task: commands and alarm bits, one write at a time.

use std::{borrow::Cow, collections::HashSet, future::Future, pin::pin, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    alarm_levels::{AlarmLevels, Levels},
    alarm_writes::AlarmWrites,
    answer::{Answer, Rejection},
    audit,
    commands::CommandHandler,
    memory::VerdictMemory,
    routes::CommandRoutes,
    verdicts::Verdicts,
    writer::TagWriter,
};
use crate::{
    config::effective::SouthboundMapping,
    domain::{BrokerId, Command, OutboundMessage, RejectReason, StatusCode, TagId, TagName, Timestamp, TopicName},
    opcua::Plc,
    supervisor::Board,
    telemetry::Metrics,
};

/// Commands that may wait for the one in hand; those beyond it go to `SouthboundTask::refuse_handler`.
pub const MAX_WAITING_COMMANDS: usize = 256;

/// The task's name on the board.
const TASK: &str = "southbound";
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);
/// How long a shutdown waits for the PLC's answer, unless it is told otherwise.
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
    /// Where commands come from: a channel for `MAX_WAITING_COMMANDS`.
    pub commands_rx: mpsc::Receiver<Command>,
    /// Where alarms say what their tags are to be.
    pub alarm_levels: AlarmLevels,
    /// Appends a message to the urgent lane of a broker's spool; must not block.
    pub outbox: O,
    /// `commands_total` and `write_seconds` are ours.
    pub metrics: Arc<Metrics>,
    /// Where progress is shown.
    pub board: Arc<Board>,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// OPC UA's own name of a StatusCode.
    pub symbol: fn(StatusCode) -> Cow<'static, str>,
}

/// Handles commands in the order of their arrival, and writes alarm bits in between.
pub struct SouthboundTask<P, O> {
    handler: CommandHandler<P, O>,
    commands_rx: mpsc::Receiver<Command>,
    levels_rx: watch::Receiver<Levels>,
    alarm_levels: AlarmLevels,
    alarm_writes: AlarmWrites,
    board: Arc<Board>,
    has_session: bool,
    patience: Duration,
    hurry: CancellationToken,
}

impl<P: Plc, O: Fn(BrokerId, OutboundMessage) + Send + Sync + 'static> SouthboundTask<P, O> {
    /// Puts the task together; nothing happens before `run`.
    pub fn new(parts: SouthboundParts<P, O>) -> Self {
        let SouthboundParts {
            mappings,
            own_topics,
            tag_names,
            plc,
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
        let hurry = CancellationToken::new();
        let writer = Arc::new(TagWriter { plc, metrics: Arc::clone(&metrics), symbol, hurry: hurry.clone() });
        let routes = CommandRoutes::new(mappings, own_topics);
        let verdicts = Arc::new(Verdicts { routes, tag_names, outbox, metrics, clock, symbol });
        let handler = CommandHandler { verdicts, writer, memory: VerdictMemory::default() };
        let levels_rx = alarm_levels.subscribe();
        Self {
            handler,
            commands_rx,
            levels_rx,
            alarm_levels,
            alarm_writes: AlarmWrites::default(),
            board,
            has_session: false,
            patience: PATIENCE,
            hurry,
        }
    }

    /// Bounds how long a shutdown waits for the PLC's answer to the write in hand.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What to call with a command that cannot be handed over: it gives the verdict and returns.
    pub fn refuse_handler(&self) -> impl Fn(Command, RejectReason) + Send + Sync + use<P, O> {
        let verdicts = Arc::clone(&self.handler.verdicts);
        move |command, reason| {
            let message = match reason {
                RejectReason::Overloaded => {
                    format!("{MAX_WAITING_COMMANDS} commands wait already; send fewer, or send it again later")
                }
                _ => "the adapter is shutting down; send it again once it is back".to_owned(),
            };
            verdicts.refuse(&command, Rejection::new(reason, message));
        }
    }

    /// Runs until `cancel`; then waits a little for the write in hand, turns away the commands that wait, and returns.
    pub async fn run(mut self, cancel: CancellationToken) {
        self.take_over_levels();
        let mut progress = interval(PROGRESS_PERIOD);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut board_changes = self.board.watch();
        let attendant = Attendant {
            board: Arc::clone(&self.board),
            cancel: cancel.clone(),
            patience: self.patience,
            hurry: self.hurry.clone(),
        };
        while !cancel.is_cancelled() {
            let due = self.alarm_writes.next_due();
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(command) = self.commands_rx.recv() => attendant.attend(self.handler.handle(&command)).await,
                Ok(()) = self.levels_rx.changed() => self.take_over_levels(),
                Ok(()) = board_changes.changed() => self.follow_session(),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    attendant.attend(self.write_alarm_bit()).await;
                }
                _ = progress.tick() => self.board.progress(TASK),
            }
        }
        self.turn_away_the_rest();
    }

    /// A new session may be one with a PLC that has restarted and forgotten its alarm bits.
    fn follow_session(&mut self) {
        let has_session = self.board.is_opcua_connected();
        if has_session && !self.has_session {
            self.alarm_levels.reassert();
        }
        self.has_session = has_session;
    }

    fn take_over_levels(&mut self) {
        self.alarm_writes.update(&self.levels_rx.borrow_and_update(), Instant::now());
    }

    async fn write_alarm_bit(&mut self) {
        let Some((tag, level)) = self.alarm_writes.take_due(Instant::now()) else { return };
        let answer = self.try_alarm_bit(tag, level).await;
        let is_news = self.alarm_writes.conclude(tag, &answer, Instant::now());
        let verdicts = &self.handler.verdicts;
        if let Some(name) = verdicts.tag_name(tag).filter(|_| is_news) {
            verdicts.count(answer.outcome.as_str());
            audit::alarm(name, level, &answer);
        }
    }

    async fn try_alarm_bit(&self, tag: TagId, level: bool) -> Answer {
        let Some(mapping) = self.handler.verdicts.routes.for_alarm(tag) else {
            let message = "no southbound mapping allows this tag to be written";
            return Rejection::new(RejectReason::Unmapped, message).into();
        };
        self.handler.writer.write(tag, &Value::Bool(level), mapping.range).await
    }

    fn turn_away_the_rest(&mut self) {
        self.commands_rx.close();
        while let Ok(command) = self.commands_rx.try_recv() {
            let message = "the adapter is shutting down, nothing was written; send it again later";
            self.handler.turn_away(&command, Rejection::new(RejectReason::ShuttingDown, message));
        }
        if self.alarm_writes.waiting() > 0 {
            tracing::warn!(count = self.alarm_writes.waiting(), "alarm bits were not written before the shutdown");
        }
    }
}

/// Stays by a piece of work that waits for the PLC.
struct Attendant {
    board: Arc<Board>,
    cancel: CancellationToken,
    patience: Duration,
    hurry: CancellationToken,
}

impl Attendant {
    /// Shows progress while the work lasts, which is as long as the PLC link allows a request to take; after `patience`
    /// of a shutdown the work is told to hurry. It is never dropped half done, since it owes a verdict.
    async fn attend(&self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        let mut progress = interval(PROGRESS_PERIOD);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut out_of_patience = pin!(async {
            self.cancel.cancelled().await;
            tokio::time::sleep(self.patience).await;
        });
        loop {
            tokio::select! {
                biased;
                () = &mut work => return self.board.progress(TASK),
                () = &mut out_of_patience, if !self.hurry.is_cancelled() => self.hurry.cancel(),
                _ = progress.tick() => self.board.progress(TASK),
            }
        }
    }
}

#[cfg(test)]
mod tests;
