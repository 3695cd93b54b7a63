//! The messages that wait for one broker: both lanes on the disk, QoS 0 in memory.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus::{Gauge, IntCounter, IntGauge};
use tokio::sync::Notify;

use super::{
    DeadLetters, DropReason, DroppedRange, Position, SpoolOptions, SyncPolicy, Tails,
    disk::{Directory, Disk},
    dropped::DropLedger,
    lane::LaneQueue,
    log::Log,
    probe::probe,
};
use crate::{
    domain::{Epoch, Lane, OutboundMessage, Timestamp},
    telemetry::Metrics,
};

/// The disks of the two lanes, and the place for what a broker never takes.
#[derive(Debug)]
pub struct SpoolDisks {
    /// Of [`Lane::Urgent`].
    pub urgent: Arc<dyn Disk>,
    /// Of [`Lane::Values`].
    pub values: Arc<dyn Disk>,
    /// Where messages go that are given up; `None` where they are only counted.
    pub dead_letters: Option<DeadLetters>,
}

impl SpoolDisks {
    /// Two directories below `path`, made where they are missing.
    ///
    /// # Errors
    ///
    /// When they cannot be made.
    pub fn below(path: &Path) -> io::Result<Self> {
        let open = |lane: &str| Directory::open(path.join(lane)).map(|directory| Arc::new(directory) as Arc<dyn Disk>);
        Ok(Self { urgent: open("urgent")?, values: open("values")?, dead_letters: Some(DeadLetters::below(path)) })
    }
}

/// The messages that wait for one broker. Shared by `Arc`; any task may append, one publisher reads.
#[derive(Debug)]
pub struct Spool {
    state: Mutex<State>,
    changed: Notify,
    to_sync: Notify,
    options: SpoolOptions,
    epoch: Epoch,
    dead_letters: Option<DeadLetters>,
    messages: IntGauge,
    bytes: IntGauge,
    oldest_age: Gauge,
    degraded: IntGauge,
    dropped: [IntCounter; DropReason::ALL.len()],
}

#[derive(Debug)]
struct State {
    urgent: LaneQueue,
    values: LaneQueue,
    volatile: VecDeque<OutboundMessage>,
    volatile_bytes: usize,
    is_broker_here: bool,
    ledger: DropLedger,
    /// Why the disk takes nothing, while it does not.
    trouble: Option<String>,
}

impl Spool {
    /// What the disks hold is taken up again. `epoch` is of this process.
    ///
    /// # Errors
    ///
    /// When a disk cannot be read.
    pub fn open(
        broker: &str,
        disks: SpoolDisks,
        epoch: Epoch,
        options: SpoolOptions,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let open = |disk, name: &str| {
            let (mut log, recovery) = Log::open(disk, epoch, options.segment_bytes())?;
            let waiting = log.waiting()?;
            if recovery.torn_bytes > 0 {
                tracing::warn!(
                    broker,
                    lane = name,
                    bytes = recovery.torn_bytes,
                    "the end of the spool was half written and is cut off"
                );
            }
            if waiting > 0 {
                tracing::info!(broker, lane = name, messages = waiting, "messages wait in the spool");
            }
            Ok::<_, io::Error>(LaneQueue::new(log, waiting))
        };
        let state = State {
            urgent: open(disks.urgent, "urgent")?,
            values: open(disks.values, "values")?,
            volatile: VecDeque::new(),
            volatile_bytes: 0,
            is_broker_here: false,
            ledger: DropLedger::default(),
            trouble: None,
        };
        let spool = Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            to_sync: Notify::new(),
            options,
            epoch,
            dead_letters: disks.dead_letters,
            messages: metrics.spool_messages.with_label_values(&[broker]),
            bytes: metrics.spool_bytes.with_label_values(&[broker]),
            oldest_age: metrics.spool_oldest_age_seconds.with_label_values(&[broker]),
            degraded: metrics.spool_degraded.with_label_values(&[broker]),
            dropped: DropReason::ALL.map(|reason| metrics.spool_dropped.with_label_values(&[broker, reason.as_str()])),
        };
        spool.show(&spool.lock());
        Ok(spool)
    }

    /// Accepts a batch of QoS 1 messages and returns the position of the last one. It is on the disk when this returns,
    /// unless the disk refuses it; then it waits in memory, and `trouble` says so.
    pub fn append(&self, lane: Lane, messages: Vec<OutboundMessage>) -> Position {
        let mut state = self.lock();
        let queue = state.lane(lane);
        for message in messages {
            queue.push(message);
        }
        // While the disk refuses, it is asked again once a second and not with every batch.
        if state.trouble.is_none()
            && let Err(error) = state.save()
        {
            state.suffer("write", &error);
        }
        self.make_room(&mut state);
        let newest = state.lane(lane).newest();
        self.show(&state);
        drop(state);
        if self.options.sync == SyncPolicy::Always {
            self.to_sync.notify_one();
        }
        self.changed.notify_one();
        newest
    }

    /// Queues QoS 0 messages. Without a connection they are dropped; when the queue is full, the oldest are, since the
    /// freshest value is worth most.
    pub fn append_volatile(&self, messages: Vec<OutboundMessage>) {
        let mut state = self.lock();
        if !state.is_broker_here {
            for message in &messages {
                self.note(&mut state, message, DropReason::Away);
            }
            return;
        }
        for message in messages {
            state.volatile_bytes += message.weight();
            state.volatile.push_back(message);
        }
        while state.volatile_bytes > self.options.max_volatile_bytes {
            let Some(message) = state.pop_volatile() else { break };
            self.note(&mut state, &message, DropReason::Overflow);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Hands out up to `max` messages of `lane`, the next ones in order; returns how many. They stay in the spool until
    /// they are acknowledged. Positions grow; a hole is a message that was dropped.
    pub fn read(&self, lane: Lane, max: usize, taken: &mut Vec<(Position, OutboundMessage)>) -> usize {
        let mut state = self.lock();
        let waits_for_sync = self.options.sync == SyncPolicy::Always && state.trouble.is_none();
        let queue = state.lane(lane);
        let limit = if waits_for_sync { queue.synced() } else { queue.newest() };
        let mut damaged = Vec::new();
        let count = queue.take(max, limit, taken, &mut damaged);
        for range in damaged {
            tracing::error!(
                topic = range.topic.as_str(),
                messages = range.count,
                "messages in the spool are damaged and lost; check the disk"
            );
            self.note_range(&mut state, range, DropReason::Disk);
        }
        count.unwrap_or_else(|error| {
            state.suffer("read", &error);
            0
        })
    }

    /// Hands over up to `max` QoS 0 messages, the oldest first; returns how many.
    pub fn read_volatile(&self, max: usize, taken: &mut Vec<OutboundMessage>) -> usize {
        let mut state = self.lock();
        let before = taken.len();
        while taken.len() - before < max {
            let Some(message) = state.pop_volatile() else { break };
            taken.push(message);
        }
        taken.len() - before
    }

    /// Lets go of the messages of `lane` up to and including `up_to`.
    pub fn acknowledge(&self, lane: Lane, up_to: Position) {
        let mut state = self.lock();
        state.lane(lane).acknowledge(up_to);
        self.show(&state);
    }

    /// A connection is up: QoS 0 is taken from now on. What the lanes hold up to the returned positions was appended
    /// before.
    pub fn broker_arrived(&self) -> Tails {
        let mut state = self.lock();
        state.is_broker_here = true;
        Tails { urgent: state.urgent.newest(), values: state.values.newest() }
    }

    /// The connection is gone: reading starts again at the oldest message not acknowledged, and QoS 0 is dropped.
    pub fn broker_left(&self) {
        let mut state = self.lock();
        state.is_broker_here = false;
        state.urgent.put_back();
        state.values.put_back();
        while let Some(message) = state.pop_volatile() {
            self.note(&mut state, &message, DropReason::Away);
        }
    }

    /// Reading starts again at the oldest message not acknowledged, with the connection still up.
    pub fn rewind(&self) {
        let mut state = self.lock();
        state.urgent.put_back();
        state.values.put_back();
    }

    /// The publisher has let go of a message that it could not deliver.
    pub fn report_dropped(&self, message: &OutboundMessage, reason: DropReason) {
        self.note(&mut self.lock(), message, reason);
    }

    /// The broker will never take this message: it goes to the dead letters with the reason, and is announced.
    pub fn bury(&self, message: &OutboundMessage, reason: &str, now: Timestamp) {
        let letters = self.dead_letters.as_ref();
        if let Some(Err(error)) = letters.map(|letters| letters.add(message, self.epoch, reason, now)) {
            tracing::error!(topic = message.route.topic.as_str(), %error, "a dead letter was not written");
        }
        self.report_dropped(message, DropReason::Refused);
    }

    /// What was dropped since the last call, for the pipeline to announce as gaps. Bounded: one range per mapping and
    /// cause.
    pub fn take_dropped(&self) -> Vec<DroppedRange> {
        self.lock().ledger.take()
    }

    /// Wakes when something was appended since the last wake. For one publisher.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Wakes when something waits for a sync before it is published. For one task that calls `sync`.
    pub async fn wants_sync(&self) {
        self.to_sync.notified().await;
    }

    /// Syncs what was written. Blocks on the disk, and holds nobody up meanwhile.
    pub fn sync(&self) {
        let mut has_synced = false;
        for lane in [Lane::Urgent, Lane::Values] {
            if !self.rescue(lane) {
                continue;
            }
            loop {
                let Some(asked) = self.lock().lane(lane).to_sync() else { break };
                let synced = asked.file.sync();
                let mut state = self.lock();
                state.lane(lane).note_sync(&asked, synced.is_ok());
                has_synced = true;
                if let Err(error) = synced {
                    state.suffer("sync", &error);
                    break;
                }
                if !asked.is_closed {
                    // More may have been written to it meanwhile, for the next time.
                    break;
                }
            }
        }
        // Only `always` lets the publisher wait for this.
        if has_synced && self.options.sync == SyncPolicy::Always {
            self.changed.notify_one();
        }
    }

    /// Writes once more what the disk did not keep. Whether there is no such segment left.
    fn rescue(&self, lane: Lane) -> bool {
        loop {
            let Some(rescue) = self.lock().lane(lane).to_rescue() else { return true };
            let copied = rescue.copy();
            let mut state = self.lock();
            if let Err(error) = copied.and_then(|()| state.lane(lane).finish(&rescue)) {
                state.suffer("sync", &error);
                return false;
            }
        }
    }

    /// What is due from time to time: the disk is asked again after it has refused, cursors are written, what is too
    /// old is dropped, and the age of the oldest message is shown. Blocks on the disk.
    pub fn tick(&self, now: Timestamp) {
        let disks = self.lock().disks_to_probe();
        let takes_again = disks.is_some_and(|disks| disks.iter().all(|disk| probe(disk.as_ref()).is_ok()));
        let mut state = self.lock();
        if takes_again && state.save().is_ok() && !state.needs_rescue() {
            state.trouble = None;
            tracing::info!("the spool's disk takes messages again, those that waited in memory with them");
        }
        let written = state.urgent.write_cursor().and_then(|()| state.values.write_cursor());
        if let Err(error) = written {
            state.suffer("write", &error);
        }
        self.drop_old(&mut state, now);
        self.make_room(&mut state);
        let oldest = [state.urgent.oldest(), state.values.oldest()].into_iter().flatten().min();
        self.oldest_age.set(oldest.map_or(0.0, |oldest| now.seconds_since(oldest).max(0.0)));
        self.show(&state);
    }

    /// Nothing more is appended: what is on the disk is given its end, so that damage to it can be told. Blocks on the disk.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.trouble.is_some() {
            return;
        }
        let closed = state.urgent.close().and_then(|()| state.values.close());
        if let Err(error) = closed {
            state.suffer("write", &error);
        }
    }

    /// When what was written is synced.
    pub const fn sync_policy(&self) -> SyncPolicy {
        self.options.sync
    }

    /// Why the disk takes nothing, while it does not: a plain sentence.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Accepted messages that are not acknowledged; where some were damaged on the disk, about so many.
    pub fn len(&self) -> u64 {
        self.lock().len()
    }

    /// Whether every accepted message is acknowledged and no QoS 0 message waits.
    pub fn is_empty(&self) -> bool {
        let state = self.lock();
        state.urgent.is_empty() && state.values.is_empty() && state.volatile.is_empty()
    }

    /// Whether what waits is in memory only and goes with the process.
    pub fn is_degraded(&self) -> bool {
        self.lock().trouble.is_some()
    }

    fn make_room(&self, state: &mut State) {
        while state.bytes() > self.options.max_bytes && self.drop_segment(state, DropReason::Retention) {}
        let is_in_trouble = state.trouble.is_some();
        let mut lost = Vec::new();
        state.urgent.trim(self.options.max_memory_bytes, is_in_trouble, &mut lost);
        state.values.trim(self.options.max_memory_bytes, is_in_trouble, &mut lost);
        for message in lost {
            self.note(state, &message, DropReason::Disk);
        }
    }

    fn drop_old(&self, state: &mut State, now: Timestamp) {
        let begun_before = now.minus(self.options.segment_age());
        for lane in [Lane::Values, Lane::Urgent] {
            if state.trouble.is_none()
                && let Err(error) = state.lane(lane).close_when_begun_before(begun_before)
            {
                state.suffer("write", &error);
            }
            let is_old = |time: Timestamp| time.plus(self.options.max_age) < now;
            while state.lane(lane).droppable_time().is_some_and(is_old)
                && self.drop_segment_of(state, lane, DropReason::Age)
            {}
        }
    }

    /// Drops the oldest segment, of values before urgent messages. Whether there was one.
    fn drop_segment(&self, state: &mut State, reason: DropReason) -> bool {
        self.drop_segment_of(state, Lane::Values, reason) || self.drop_segment_of(state, Lane::Urgent, reason)
    }

    fn drop_segment_of(&self, state: &mut State, lane: Lane, reason: DropReason) -> bool {
        let mut ranges = Vec::new();
        let dropped = state.lane(lane).drop_oldest(reason.cause(), &mut ranges);
        for range in ranges {
            self.note_range(state, range, reason);
        }
        dropped.unwrap_or_else(|error| {
            state.suffer("read", &error);
            false
        })
    }

    fn note(&self, state: &mut State, message: &OutboundMessage, reason: DropReason) {
        let range = DroppedRange::new(message, message.epoch.unwrap_or(self.epoch), reason.cause());
        self.note_range(state, range, reason);
    }

    fn note_range(&self, state: &mut State, range: DroppedRange, reason: DropReason) {
        self.dropped[reason as usize].inc_by(range.count);
        state.ledger.note(range);
    }

    fn show(&self, state: &State) {
        self.messages.set(whole(state.len()));
        self.bytes.set(whole(state.bytes()));
        self.degraded.set(i64::from(state.trouble.is_some()));
    }

    /// Entries are pushed and popped whole, so a lock poisoned by a panic elsewhere can be used.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn lane(&mut self, lane: Lane) -> &mut LaneQueue {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Values => &mut self.values,
        }
    }

    /// Writes what is in memory only.
    fn save(&mut self) -> io::Result<()> {
        self.urgent.save().and_then(|()| self.values.save())
    }

    /// The disk has refused something.
    fn suffer(&mut self, what: &str, error: &io::Error) {
        if self.trouble.is_none() {
            let sentence = format!(
                "the spool's disk refuses to {what} ({error}): messages wait in memory only, and are lost with the process; \
                 free or mend the disk"
            );
            tracing::error!("{sentence}");
            self.trouble = Some(sentence);
        }
    }

    /// The disks, while they refuse.
    fn disks_to_probe(&self) -> Option<[Arc<dyn Disk>; 2]> {
        self.trouble.as_ref().map(|_| [self.urgent.disk(), self.values.disk()])
    }

    fn needs_rescue(&self) -> bool {
        self.urgent.to_rescue().is_some() || self.values.to_rescue().is_some()
    }

    fn len(&self) -> u64 {
        self.urgent.len() + self.values.len()
    }

    fn bytes(&self) -> u64 {
        self.urgent.bytes() + self.values.bytes()
    }

    fn pop_volatile(&mut self) -> Option<OutboundMessage> {
        let message = self.volatile.pop_front()?;
        self.volatile_bytes -= message.weight();
        Some(message)
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
