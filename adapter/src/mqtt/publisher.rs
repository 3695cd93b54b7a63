//! Feeds one connection from the spool, and tells the spool what the broker has acknowledged.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    ahead::{Ahead, CHUNK},
    backoff::Backoff,
    client::{Properties, Publication, Requests},
    metrics::LinkMetrics,
    outgoing::{BrokerLimits, Fate, fate},
    refusal_log::RefusalLog,
    suspect::Death,
    window::{Answer, Answered, UnexpectedPacket, Window},
};
use crate::{
    domain::{Lane, OutboundMessage, Qos, Timestamp, TopicFilter},
    spool::{DropReason, Position, Spool, Tails},
};

/// Requests that may stand before the socket. Few, so that an urgent message has few values before it.
const DEPTH: usize = 64;
/// Requests that rumqttc's channel takes: messages of both kinds and the link's own packets, so it is never full.
pub(super) const CHANNEL_CAPACITY: usize = 4 * DEPTH;

/// Times in a row that the broker may refuse a message for now: about eight minutes.
const MAX_ROUNDS: u32 = 20;
/// A broker that hangs up on a message does so within this time after it was written.
const PROMPTLY: Duration = Duration::from_secs(10);
/// Messages that are sent one at a time after connections have died without an answer.
const PROBES: u32 = 64;
const REFUSED_AGAIN: &str = "the broker refuses it for now again and again";
const HUNG_UP: &str = "the broker hung up on it five times in a row";

/// Bytes of messages that wait for their PUBACK; one larger than that goes alone.
const MAX_BYTES_IN_FLIGHT: usize = 8 << 20;

/// What a packet in the window was for.
#[derive(Debug)]
pub(super) enum Sent {
    /// A message of the spool.
    Message(OutboundMessage),
    /// The status, retained.
    Status,
    /// The last status, before DISCONNECT.
    Offline,
    /// A SUBSCRIBE for these filters.
    Subscription(Vec<TopicFilter>),
    /// An UNSUBSCRIBE.
    Unsubscription,
}

/// The publishing half of one connection.
pub(super) struct Publisher {
    requests: Requests,
    spool: Arc<Spool>,
    metrics: Arc<LinkMetrics>,
    limits: BrokerLimits,
    window: Window<Sent>,
    bytes_in_flight: usize,
    /// What was accepted before the connection came up is marked as a replay.
    replay_until: Tails,
    urgent: Ahead,
    values: Ahead,
    volatile: VecDeque<OutboundMessage>,
    volatile_may_have_more: bool,
    last_answer_at: Instant,
    progress: Progress,
    refusals: RefusalLog,
    backoff: Backoff,
    resume_at: Option<Instant>,
    /// One packet is sent at a time, until so many messages of the spool are answered.
    probes_left: u32,
    /// A message that is given up when its turn comes, and why.
    guilty: Option<Guilty>,
    /// The message that was refused for now, and how often in a row.
    held_back: Option<((Lane, Position), u32)>,
}

/// What the broker has said to messages of the spool on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    None,
    /// Refusals only.
    Answered,
    Delivered,
}

/// A message that is given up.
#[derive(Clone, Copy, Debug)]
struct Guilty {
    place: (Lane, Position),
    reason: &'static str,
}

/// What connections before have shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caution {
    /// Whether one packet is to be sent at a time, until some messages of the spool are answered.
    pub(super) is_probing: bool,
    /// A message on which connections die.
    pub(super) guilty: Option<(Lane, Position)>,
}

impl Publisher {
    pub(super) fn new(
        requests: Requests,
        spool: Arc<Spool>,
        metrics: Arc<LinkMetrics>,
        limits: BrokerLimits,
        inflight_maximum: u16,
        caution: Caution,
    ) -> Self {
        let replay_until = spool.broker_arrived();
        Self {
            requests,
            spool,
            metrics,
            limits,
            window: Window::new(inflight_maximum),
            bytes_in_flight: 0,
            replay_until,
            urgent: Ahead::new(Lane::Urgent),
            values: Ahead::new(Lane::Values),
            volatile: VecDeque::new(),
            volatile_may_have_more: true,
            last_answer_at: Instant::now(),
            progress: Progress::None,
            refusals: RefusalLog::default(),
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(30)),
            resume_at: None,
            probes_left: if caution.is_probing { PROBES } else { 0 },
            guilty: caution.guilty.map(|place| Guilty { place, reason: HUNG_UP }),
            held_back: None,
        }
    }

    /// The spool may have more.
    pub(super) const fn nudge(&mut self) {
        self.urgent.nudge();
        self.values.nudge();
        self.volatile_may_have_more = true;
    }

    /// The spool may have more urgent messages.
    pub(super) const fn nudge_urgent(&mut self) {
        self.urgent.nudge();
    }

    /// Hands messages to the client as far as the window allows, urgent ones first. Never waits.
    pub(super) fn feed(&mut self) {
        let is_supplied = self.window.requested() > DEPTH / 2 || self.window.room() == 0;
        if is_supplied && self.volatile.is_empty() && !self.volatile_may_have_more {
            return;
        }
        let now = Timestamp::now();
        while self.may_offer() {
            let next = match self.urgent.next(&self.spool) {
                Some((position, message)) => Some((Lane::Urgent, position, message)),
                None => self.values.next(&self.spool).map(|(position, message)| (Lane::Values, position, message)),
            };
            let Some((lane, position, message)) = next else {
                // All is answered and nothing is left that could be at fault.
                if self.window.is_idle() {
                    self.probes_left = 0;
                }
                break;
            };
            if let Err(message) = self.offer(lane, position, message, now) {
                let ahead = if lane == Lane::Urgent { &mut self.urgent } else { &mut self.values };
                ahead.put_back(position, message);
                break;
            }
        }
        if self.probes_left == 0 {
            self.feed_volatile(now);
        }
    }

    fn may_offer(&self) -> bool {
        !self.window.is_rewinding()
            && self.room() > 0
            && self.window.requested() < DEPTH
            && self.bytes_in_flight < MAX_BYTES_IN_FLIGHT
    }

    /// How many packets with an id may be requested now.
    fn room(&self) -> usize {
        if self.probes_left > 0 { usize::from(self.window.is_idle()) } else { self.window.room() }
    }

    /// Gives the message back when the client's channel is full.
    fn offer(
        &mut self,
        lane: Lane,
        position: Position,
        message: OutboundMessage,
        now: Timestamp,
    ) -> Result<(), OutboundMessage> {
        if let Some(Guilty { reason, .. }) = self.guilty.take_if(|guilty| guilty.place == (lane, position)) {
            self.refuse(&message, reason);
            self.window.skip(lane, position);
            return Ok(());
        }
        let is_replay = position <= self.replay_until.of(lane);
        match fate(&message, is_replay, now, self.limits) {
            Fate::Send(properties) => {
                if !self.publish(&message, Qos::AtLeastOnce, properties) {
                    return Err(message);
                }
                self.bytes_in_flight += message.weight();
                self.window.request(Some((lane, position)), Sent::Message(message));
            }
            Fate::Expired => {
                self.spool.report_dropped(&message, DropReason::Expired);
                self.window.skip(lane, position);
            }
            Fate::Unsendable(reason) => {
                self.refuse(&message, &reason);
                self.window.skip(lane, position);
            }
        }
        Ok(())
    }

    fn feed_volatile(&mut self, now: Timestamp) {
        while self.window.volatile_requested() < DEPTH {
            if self.volatile.is_empty() && self.volatile_may_have_more {
                let mut taken = Vec::new();
                self.volatile_may_have_more = self.spool.read_volatile(CHUNK, &mut taken) == CHUNK;
                self.volatile = taken.into();
            }
            let Some(message) = self.volatile.pop_front() else { break };
            match fate(&message, false, now, self.limits) {
                Fate::Send(properties) => {
                    if !self.publish(&message, Qos::AtMostOnce, properties) {
                        self.volatile.push_front(message);
                        break;
                    }
                    self.window.request_volatile();
                }
                Fate::Expired => self.spool.report_dropped(&message, DropReason::Expired),
                Fate::Unsendable(reason) => self.refuse(&message, &reason),
            }
        }
    }

    fn publish(&self, message: &OutboundMessage, qos: Qos, properties: Option<Properties>) -> bool {
        let topic = message.route.topic.as_str();
        let is_retained = message.route.is_retained && self.limits.keeps_retained;
        let payload = message.payload.clone();
        // A topic name is valid and the client lives as long as we do, so a full channel is the only error.
        self.requests.publish(Publication { topic, qos, is_retained, payload, properties })
    }

    /// Sends a packet of the link's own, when the window has room for it. Returns whether it was sent.
    pub(super) fn send_own(&mut self, sent: Sent, request: impl FnOnce(&Requests) -> bool) -> bool {
        let is_sent = self.room() > 0 && request(&self.requests);
        if is_sent {
            self.window.request(None, sent);
        }
        is_sent
    }

    /// Asks the client for a DISCONNECT. Nothing else is asked of it by then, so its channel has room.
    pub(super) fn disconnect(&self) {
        if !self.requests.disconnect() {
            tracing::debug!("the client takes no DISCONNECT; the connection ends with the time to shut down");
        }
    }

    /// The client has written a packet under this id.
    pub(super) fn on_sent(&mut self, id: u16, now: Instant) -> Result<(), UnexpectedPacket> {
        if id == 0 {
            self.metrics.sent.inc();
        } else if self.window.in_flight() == 0 {
            self.last_answer_at = now;
        }
        self.window.on_sent(id, now)
    }

    /// The broker has answered a PUBLISH, with `words` for people. Returns what it was for when it was one of the link's
    /// own.
    pub(super) fn on_puback(&mut self, id: u16, answer: Answer, words: &'static str, now: Instant) -> Option<Sent> {
        let answered = self.on_answer(id, answer, now)?;
        let Sent::Message(message) = answered.content else {
            if answer != Answer::Accepted {
                tracing::warn!(
                    reason = words,
                    "the broker refuses the status message; allow its topic or choose another"
                );
            }
            return Some(answered.content);
        };
        self.bytes_in_flight -= message.weight();
        self.progress = self.progress.max(Progress::Answered);
        self.probes_left = self.probes_left.saturating_sub(1);
        match answer {
            Answer::Accepted => {
                self.progress = Progress::Delivered;
                self.metrics.acknowledged.inc();
                self.metrics.ack_seconds.observe((now - answered.sent_at).as_secs_f64());
                if let Some(source) = message.source_timestamp {
                    // A clock ahead of ours must not make the sum go down.
                    self.metrics.delay_seconds.observe(Timestamp::now().seconds_since(source).max(0.0));
                }
                if !self.window.is_rewinding() {
                    self.backoff.reset();
                }
            }
            Answer::RefusedForNow | Answer::Postponed => {
                let topic = message.route.topic.as_str();
                self.refusals.warn(now, topic, words, "refused for now; it will be sent again");
            }
            Answer::RefusedForGood => self.refuse(&message, words),
        }
        None
    }

    /// The broker has answered a packet of the link's own other than a PUBLISH.
    pub(super) fn on_own_answer(&mut self, id: u16, now: Instant) -> Option<Sent> {
        self.on_answer(id, Answer::Accepted, now).map(|answered| answered.content)
    }

    fn on_answer(&mut self, id: u16, answer: Answer, now: Instant) -> Option<Answered<Sent>> {
        self.last_answer_at = now;
        let answered = self.window.on_answer(id, answer);
        if answered.is_none() {
            tracing::debug!(id, "the broker answered a packet that does not wait for an answer");
        }
        answered
    }

    fn refuse(&mut self, message: &OutboundMessage, reason: &str) {
        self.metrics.refused.inc();
        self.spool.bury(message, reason, Timestamp::now());
        let topic = message.route.topic.as_str();
        self.refusals.warn(Instant::now(), topic, reason, "refused for good; the message is among the dead letters");
    }

    /// Lets the spool go of what is settled. Called once per bunch of answers.
    pub(super) fn settle(&mut self) {
        for lane in [Lane::Urgent, Lane::Values] {
            if let Some(position) = self.window.take_watermark(lane) {
                self.spool.acknowledge(lane, position);
            }
        }
    }

    /// What is due from time to time: gauges, and the next round for what was refused for now.
    pub(super) fn tick(&mut self, now: Instant) {
        self.settle();
        self.nudge();
        self.metrics.inflight.set(i64::try_from(self.window.in_flight()).unwrap_or(i64::MAX));
        if !self.window.can_rewind() {
            return;
        }
        // All that followed the refused message is sent again after it: whoever keeps the last value, or looks for holes
        // in the sequence, finds every message in order in the last round.
        let resume_at = *self.resume_at.get_or_insert_with(|| now + self.backoff.pause());
        if now >= resume_at {
            self.resume_at = None;
            self.judge_held_back();
            self.window.rewind();
            self.urgent.clear();
            self.values.clear();
            self.spool.rewind();
        }
    }

    /// A message that is refused for now again and again blocks all others: it is given up in the end, unless the broker
    /// says that the reason is not the message.
    fn judge_held_back(&mut self) {
        let Some((place, answer)) = self.window.held_back() else { return };
        let rounds = match self.held_back {
            _ if answer == Answer::Postponed => 0,
            Some((known, rounds)) if known == place => rounds + 1,
            _ => 1,
        };
        self.held_back = Some((place, rounds));
        if rounds >= MAX_ROUNDS {
            self.guilty = Some(Guilty { place, reason: REFUSED_AGAIN });
        }
    }

    /// What there is to learn from the end of this connection.
    pub(super) fn death(&self, is_hang_up: bool) -> Death {
        Death {
            has_answered: self.progress >= Progress::Answered,
            is_hang_up,
            alone: Instant::now().checked_sub(PROMPTLY).and_then(|since| self.window.alone(since)),
            had_messages: self.window.has_messages(),
        }
    }

    /// For how long the broker has left packets unanswered.
    pub(super) fn unanswered_for(&self, now: Instant) -> Duration {
        if self.window.in_flight() == 0 { Duration::ZERO } else { now.saturating_duration_since(self.last_answer_at) }
    }

    /// Whether everything that was accepted is delivered and nothing is on its way.
    pub(super) fn is_drained(&self) -> bool {
        self.window.is_idle() && self.volatile.is_empty() && self.spool.is_empty()
    }

    /// Whether the broker has taken at least one message of the spool on this connection.
    pub(super) const fn has_delivered(&self) -> bool {
        matches!(self.progress, Progress::Delivered)
    }
}

impl Drop for Publisher {
    /// The connection is gone: what is not acknowledged is read again, and QoS 0 is dropped and counted.
    fn drop(&mut self) {
        self.settle();
        for message in self.volatile.drain(..) {
            self.spool.report_dropped(&message, DropReason::Away);
        }
        self.spool.broker_left();
        self.metrics.inflight.set(0);
    }
}
