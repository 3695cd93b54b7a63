//! The spool in bounded memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus::{Gauge, IntCounter, IntGauge};
use tokio::sync::Notify;

use super::{DropReason, DroppedRange, Position, Tails, dropped::DropLedger, lane::LaneQueue};
use crate::{
    domain::{Lane, OutboundMessage, Timestamp},
    telemetry::Metrics,
};

/// How much a spool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes of accepted messages, both lanes together, by [`OutboundMessage::weight`].
    pub max_bytes: usize,
    /// Bytes of QoS 0 messages.
    pub max_volatile_bytes: usize,
}

impl Default for SpoolLimits {
    /// 64 MiB, some 200,000 messages, and 8 MiB of QoS 0.
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_volatile_bytes: 8 << 20 }
    }
}

/// The messages that wait for one broker. Shared by `Arc`; any task may append, one publisher reads.
#[derive(Debug)]
pub struct Spool {
    state: Mutex<State>,
    changed: Notify,
    limits: SpoolLimits,
    messages: IntGauge,
    bytes: IntGauge,
    oldest_age: Gauge,
    dropped: [IntCounter; DropReason::ALL.len()],
}

#[derive(Debug, Default)]
struct State {
    urgent: LaneQueue,
    values: LaneQueue,
    bytes: usize,
    volatile: VecDeque<OutboundMessage>,
    volatile_bytes: usize,
    is_broker_here: bool,
    ledger: DropLedger,
}

impl Spool {
    /// An empty spool for the broker of that name.
    pub fn new(broker: &str, limits: SpoolLimits, metrics: &Metrics) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            limits,
            messages: metrics.spool_messages.with_label_values(&[broker]),
            bytes: metrics.spool_bytes.with_label_values(&[broker]),
            oldest_age: metrics.spool_oldest_age_seconds.with_label_values(&[broker]),
            dropped: DropReason::ALL.map(|reason| metrics.spool_dropped.with_label_values(&[broker, reason.as_str()])),
        }
    }

    /// Accepts a batch of QoS 1 messages and returns the position of the last one.
    ///
    /// When the spool is full the oldest messages make room: values before urgent ones, and those that are in the
    /// publisher's hands last, because a PUBACK for them may be under way.
    pub fn append(&self, lane: Lane, messages: Vec<OutboundMessage>) -> Position {
        let mut state = self.lock();
        for message in messages {
            state.bytes += message.weight();
            state.lane(lane).push(message);
        }
        while state.bytes > self.limits.max_bytes {
            let Some(message) = state.oldest_to_drop() else { break };
            state.bytes -= message.weight();
            self.note(&mut state, &message, DropReason::Retention);
        }
        let newest = state.lane(lane).newest();
        self.show(&state);
        drop(state);
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
        while state.volatile_bytes > self.limits.max_volatile_bytes {
            let Some(message) = state.pop_volatile() else { break };
            self.note(&mut state, &message, DropReason::Overflow);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Hands out up to `max` messages of `lane`, the next ones in order; returns how many. They stay in the spool until
    /// they are acknowledged. Positions grow; a hole is a message that was dropped.
    pub fn read(&self, lane: Lane, max: usize, taken: &mut Vec<(Position, OutboundMessage)>) -> usize {
        self.lock().lane(lane).take(max, taken)
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
        let freed = state.lane(lane).acknowledge(up_to);
        state.bytes -= freed;
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

    /// What was dropped since the last call, for the pipeline to announce as gaps. Bounded: one range per mapping and
    /// cause.
    pub fn take_dropped(&self) -> Vec<DroppedRange> {
        self.lock().ledger.take()
    }

    /// Wakes when something was appended since the last wake. For one publisher.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Accepted messages that are not acknowledged.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether every accepted message is acknowledged and no QoS 0 message waits.
    pub fn is_empty(&self) -> bool {
        let state = self.lock();
        state.len() == 0 && state.volatile.is_empty()
    }

    /// Bytes of accepted messages that are not acknowledged, by [`OutboundMessage::weight`].
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Brings the age of the oldest message up to date; called now and then, not per message.
    pub fn refresh_age(&self, now: Timestamp) {
        let oldest = {
            let state = self.lock();
            [state.urgent.oldest(), state.values.oldest()].into_iter().flatten().min()
        };
        self.oldest_age.set(oldest.map_or(0.0, |oldest| now.seconds_since(oldest).max(0.0)));
    }

    fn note(&self, state: &mut State, message: &OutboundMessage, reason: DropReason) {
        self.dropped[reason as usize].inc();
        state.ledger.note(message, reason.cause());
    }

    fn show(&self, state: &State) {
        self.messages.set(whole(state.len()));
        self.bytes.set(whole(state.bytes));
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

    fn len(&self) -> usize {
        self.urgent.len() + self.values.len()
    }

    fn oldest_to_drop(&mut self) -> Option<OutboundMessage> {
        self.values
            .drop_oldest_waiting()
            .or_else(|| self.urgent.drop_oldest_waiting())
            .or_else(|| self.values.drop_oldest_in_hand())
            .or_else(|| self.urgent.drop_oldest_in_hand())
    }

    fn pop_volatile(&mut self) -> Option<OutboundMessage> {
        let message = self.volatile.pop_front()?;
        self.volatile_bytes -= message.weight();
        Some(message)
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Sequence, spool::sample::message};

    fn spool(max_messages: usize) -> Spool {
        let weight = message("a", 1).weight();
        let limits = SpoolLimits { max_bytes: weight * max_messages, max_volatile_bytes: weight * max_messages };
        Spool::new("broker", limits, &Metrics::new("test"))
    }

    fn batch(sequences: impl IntoIterator<Item = u64>) -> Vec<OutboundMessage> {
        sequences.into_iter().map(|sequence| message("a", sequence)).collect()
    }

    fn read(spool: &Spool, lane: Lane, max: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        spool.read(lane, max, &mut taken);
        taken.iter().map(|(position, _)| position.0).collect()
    }

    fn dropped_sequences(spool: &Spool) -> Vec<(Sequence, Sequence)> {
        spool.take_dropped().into_iter().filter_map(|range| range.sequences).collect()
    }

    #[test]
    fn messages_are_read_once_and_again_after_the_connection_is_lost() {
        let spool = spool(9);
        assert_eq!(spool.append(Lane::Values, batch(1..=5)), Position(5));
        assert_eq!(read(&spool, Lane::Values, 3), [1, 2, 3]);
        assert_eq!(read(&spool, Lane::Values, 3), [4, 5]);
        spool.acknowledge(Lane::Values, Position(2));
        spool.broker_left();
        assert_eq!(read(&spool, Lane::Values, 9), [3, 4, 5]);
        spool.acknowledge(Lane::Values, Position(5));
        assert!(spool.is_empty());
        assert_eq!(spool.bytes(), 0);
    }

    #[test]
    fn retention_drops_the_oldest_that_is_not_in_flight() {
        let spool = spool(4);
        spool.append(Lane::Values, batch(1..=4));
        assert_eq!(read(&spool, Lane::Values, 2), [1, 2]);
        spool.append(Lane::Values, batch(5..=6));
        assert_eq!(dropped_sequences(&spool), [(Sequence(3), Sequence(4))]);
        assert_eq!(read(&spool, Lane::Values, 9), [5, 6]);
        spool.append(Lane::Urgent, batch(7..=7));
        assert_eq!(dropped_sequences(&spool), [(Sequence(7), Sequence(7))], "all of the rest is in flight");
    }

    #[test]
    fn values_make_room_for_urgent_messages() {
        let spool = spool(3);
        spool.append(Lane::Values, batch(1..=3));
        spool.append(Lane::Urgent, batch(1..=2));
        assert_eq!(spool.len(), 3);
        assert_eq!(read(&spool, Lane::Urgent, 9), [1, 2]);
        assert_eq!(read(&spool, Lane::Values, 9), [3]);
    }

    #[test]
    fn qos_0_is_taken_only_while_the_broker_is_here() {
        let spool = spool(2);
        spool.append_volatile(batch(1..=2));
        assert_eq!(dropped_sequences(&spool), [(Sequence(1), Sequence(2))]);
        spool.broker_arrived();
        spool.append_volatile(batch(3..=5));
        assert_eq!(dropped_sequences(&spool), [(Sequence(3), Sequence(3))], "the freshest stay");
        let mut taken = Vec::new();
        assert_eq!(spool.read_volatile(1, &mut taken), 1);
        assert_eq!(taken[0].sequence, Some(Sequence(4)));
        spool.broker_left();
        assert_eq!(dropped_sequences(&spool), [(Sequence(5), Sequence(5))]);
        assert_eq!(spool.dropped[DropReason::Away as usize].get(), 3);
        assert_eq!(spool.dropped[DropReason::Overflow as usize].get(), 1);
    }

    #[test]
    fn the_tails_say_what_was_there_before_the_connection() {
        let spool = spool(9);
        spool.append(Lane::Values, batch(1..=3));
        assert_eq!(spool.broker_arrived(), Tails { urgent: Position(0), values: Position(3) });
    }

    #[test]
    fn the_gauges_follow() {
        let spool = spool(9);
        spool.append(Lane::Values, batch(1..=3));
        spool.refresh_age(Timestamp::from_unix_millis(1_500));
        assert_eq!(spool.messages.get(), 3);
        assert!((spool.oldest_age.get() - 1.5).abs() < 1e-9);
        spool.acknowledge(Lane::Values, Position(3));
        spool.refresh_age(Timestamp::from_unix_millis(1_500));
        assert_eq!((spool.messages.get(), spool.bytes.get()), (0, 0));
        assert!(spool.oldest_age.get() < 1e-9);
    }

    #[tokio::test]
    async fn an_append_before_the_wait_is_not_missed() {
        let spool = spool(9);
        spool.append(Lane::Values, batch(1..=1));
        spool.changed().await;
    }
}
