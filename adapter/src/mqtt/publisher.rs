//! Writes messages of the spool on one connection, and tells the spool what the broker has taken.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;

use super::{
    ahead::{Ahead, AheadVolatile},
    answer::Answer,
    liveness::Waiting,
    memory::Memory,
    metrics::LinkMetrics,
    outgoing::{BrokerLimits, Fate, fate, publication},
    pacing::{Gathering, Pacing},
    packet::{Codec, Reason, TooLong},
    probing::Probing,
    refusal_log::RefusalLog,
    sent::{Sent, culprit, size, weight},
    suspicion::Death,
    transport::FULL,
    unwritten::Unwritten,
    window::{Outcome, Place, Window},
};
use crate::{
    domain::{Lane, OutboundMessage, Qos, Timestamp, TopicName},
    spool::{DropReason, Spool, Tails},
};

/// A broker that hangs up on a packet does so within this time after it was written.
const PROMPTLY: Duration = Duration::from_secs(10);
/// Messages looked at in a row: a whole spool may be too old.
const MAX_OFFERS: usize = 10_000;
/// Of messages that wait for their PUBACK; one larger than that goes alone.
const MAX_BYTES_IN_FLIGHT: usize = 8 << 20;
const REFUSED_AGAIN: &str = "the broker takes others and refuses it for now again and again";

/// The publishing half of one connection.
pub(super) struct Publisher<'a> {
    codec: Codec,
    spool: Arc<Spool>,
    metrics: Arc<LinkMetrics>,
    memory: &'a mut Memory,
    limits: BrokerLimits,
    window: Window<Sent>,
    gathering: Gathering,
    pacing: Pacing,
    bytes_in_flight: usize,
    /// What was accepted before the connection came up is marked as a replay.
    replay_until: Tails,
    urgent: Ahead,
    values: Ahead,
    volatile: AheadVolatile,
    unwritten: Unwritten,
    probing: Probing,
    log: RefusalLog,
    slowest_answer: Duration,
    /// Whether the broker has taken at least one message of the spool on this connection.
    has_delivered: bool,
}

impl<'a> Publisher<'a> {
    pub(super) fn new(
        codec: Codec,
        spool: Arc<Spool>,
        metrics: Arc<LinkMetrics>,
        limits: BrokerLimits,
        window: u16,
        memory: &'a mut Memory,
        now: Instant,
    ) -> Self {
        let replay_until = spool.broker_arrived();
        let pacing = Pacing::new(usize::from(window));
        memory.rate.begin(now);
        memory.refusals.begin();
        Self {
            codec,
            spool,
            metrics,
            limits,
            window: Window::new(window),
            gathering: Gathering::new(pacing),
            pacing,
            bytes_in_flight: 0,
            replay_until,
            urgent: Ahead::new(Lane::Urgent),
            values: Ahead::new(Lane::Values),
            volatile: AheadVolatile::new(),
            unwritten: Unwritten::default(),
            probing: Probing::new(memory.suspicion.is_probing()),
            memory,
            log: RefusalLog::default(),
            slowest_answer: Duration::ZERO,
            has_delivered: false,
        }
    }

    /// The spool may have more.
    pub(super) const fn nudge(&mut self) {
        self.urgent.nudge();
        self.values.nudge();
        self.volatile.nudge();
    }

    /// Writes messages into `out` as far as window, rate and buffer allow, urgent ones first. Never waits.
    pub(super) fn feed(&mut self, out: &mut BytesMut, now: Instant) {
        self.rewind();
        if self.probing == Probing::Own {
            return;
        }
        let time = Timestamp::now();
        self.feed_lane(Lane::Urgent, out, now, time);
        let (room, in_flight) = (self.window.room(), self.window.in_flight());
        if self.urgent.is_exhausted() && (self.is_probing() || self.gathering.may_write(now, room, in_flight)) {
            let before = out.len();
            self.feed_lane(Lane::Values, out, now, time);
            if self.probing == Probing::No {
                self.feed_volatile(out, time);
            }
            if out.len() > before {
                self.gathering.on_written(now);
            }
        }
        if self.window.in_flight() == 0 {
            self.probing.on_idle(self.values.is_exhausted() && self.urgent.is_exhausted());
        }
    }

    fn feed_lane(&mut self, lane: Lane, out: &mut BytesMut, now: Instant, time: Timestamp) {
        for _ in 0..MAX_OFFERS {
            if !self.may_offer(out, now) {
                return;
            }
            let ahead = if lane == Lane::Urgent { &mut self.urgent } else { &mut self.values };
            let Some((position, message)) = ahead.next(&self.spool) else { return };
            self.offer((lane, position), message, out, now, time);
        }
    }

    fn may_offer(&mut self, out: &BytesMut, now: Instant) -> bool {
        !self.memory.refusals.is_due()
            && self.room() > 0
            && out.len() < FULL
            && self.bytes_in_flight < MAX_BYTES_IN_FLIGHT
            && self.memory.rate.room(now) > 0
    }

    /// How many messages may be written now.
    fn room(&self) -> usize {
        self.probing.room(self.window.room(), self.window.in_flight())
    }

    fn offer(&mut self, place: Place, message: OutboundMessage, out: &mut BytesMut, now: Instant, time: Timestamp) {
        if !self.memory.replay.is_needed(place, &message.route.topic) {
            self.window.skip(place);
            return;
        }
        let is_replay = place.1 <= self.replay_until.of(place.0);
        let properties = match fate(&message, is_replay, time, self.limits) {
            Fate::Send(properties) => properties,
            Fate::Expired => {
                self.spool.report_dropped(&message, DropReason::Expired);
                self.window.skip(place);
                return;
            }
            Fate::Unsendable(reason) => {
                self.bury(&message, &reason);
                self.window.skip(place);
                return;
            }
            Fate::TooLarge(reason) => {
                self.memory.refusals.on_refused(&reason, now);
                self.window.refuse(place, Sent::Message(message), reason);
                return;
            }
        };
        if let Some(reason) = self.memory.suspicion.verdict(place, &message.route.topic, size(&message), now) {
            // While one is searched for, that none was taken yet says nothing about all.
            if !self.is_probing() {
                self.memory.refusals.on_refused(&reason, now);
            }
            self.window.refuse(place, Sent::Message(message), reason);
            return;
        }
        if self.memory.refusals.must_wait(&message.route.topic, now) {
            self.window.hold(place);
            return;
        }
        let received_at = message.received_at;
        let publication = publication(&message, Qos::AtLeastOnce, properties, self.limits);
        let id = self.window.next_id();
        if let Err(error) = self.codec.publish(out, id, &publication) {
            self.bury(&message, &error.to_string());
            self.window.skip(place);
            return;
        }
        self.bytes_in_flight += message.weight();
        self.window.send(id, Some(place), Sent::Message(message), now);
        self.memory.rate.on_sent();
        self.unwritten.push(out.len(), None, received_at);
    }

    fn feed_volatile(&mut self, out: &mut BytesMut, time: Timestamp) {
        while out.len() < FULL {
            let Some(message) = self.volatile.next(&self.spool) else { break };
            self.offer_volatile(message, out, time);
        }
    }

    fn offer_volatile(&mut self, message: OutboundMessage, out: &mut BytesMut, time: Timestamp) {
        let properties = match fate(&message, false, time, self.limits) {
            Fate::Send(properties) => properties,
            Fate::Expired => return self.spool.report_dropped(&message, DropReason::Expired),
            Fate::Unsendable(reason) | Fate::TooLarge(reason) => return self.bury(&message, &reason),
        };
        let publication = publication(&message, Qos::AtMostOnce, properties, self.limits);
        let written = self.codec.publish(out, 0, &publication);
        match written {
            Ok(()) => {
                let received_at = message.received_at;
                self.unwritten.push(out.len(), Some(message), received_at);
            }
            Err(error) => self.bury(&message, &error.to_string()),
        }
    }

    /// The stream has taken so many bytes of what was written.
    pub(super) fn on_written(&mut self, bytes: usize) {
        let (metrics, now) = (&self.metrics, Timestamp::now());
        self.unwritten.advance(bytes, |is_volatile, received_at| metrics.on_written(is_volatile, received_at, now));
    }

    /// Writes a packet of the link's own, when the window has room for it. Returns whether it was written.
    ///
    /// # Errors
    /// It can never be written.
    pub(super) fn send_own(
        &mut self,
        sent: Sent,
        now: Instant,
        write: impl FnOnce(u16) -> Result<(), TooLong>,
    ) -> Result<bool, TooLong> {
        if self.probing.room_for_own(self.window.room_for_own(), self.window.in_flight()) == 0 {
            return Ok(false);
        }
        let id = self.window.next_id();
        write(id)?;
        self.window.send(id, None, sent, now);
        Ok(true)
    }

    /// Nothing of the link's own is left to be sent: whatever was suspected is answered.
    pub(super) fn end_probing(&mut self) {
        if self.probing == Probing::Own && self.window.in_flight() == 0 {
            self.probing = Probing::No;
            self.memory.suspicion.clear();
        }
    }

    /// Whether messages are sent one at a time, since one of them or of the link's own is suspected.
    pub(super) fn is_probing(&self) -> bool {
        self.probing != Probing::No
    }

    /// The broker has answered a PUBLISH. Returns what it was for when it was one of the link's own.
    pub(super) fn on_puback(&mut self, id: u16, reason: Reason, words: Option<String>, now: Instant) -> Option<Sent> {
        let answer = Answer::of(reason);
        let words = words.map_or_else(|| reason.to_string(), |words| format!("{reason}: {words}"));
        let outcome = match answer {
            Answer::Accepted => Outcome::Done,
            Answer::RefusedForNow | Answer::Postponed => Outcome::HeldBack,
            Answer::RefusedForGood => Outcome::Refused(words.clone()),
        };
        let Some(answered) = self.window.on_answer(id, outcome) else {
            tracing::debug!(id, "the broker answered a packet that does not wait for an answer");
            return None;
        };
        self.memory.rate.on_answer(now);
        self.probing.on_answer();
        match answered.content {
            Some(Sent::Message(message)) => {
                self.bytes_in_flight -= message.weight();
                if answer == Answer::Accepted {
                    self.on_accepted(&message, answered.place, reason, answered.sent_at, now);
                } else if let Some(place) = answered.place {
                    let topic = &message.route.topic;
                    self.memory.refusals.on_refused_for_now(place, topic, answer, &words, now);
                    self.log.warn(now, topic.as_str(), &words, "refused for now; it will be sent again");
                }
            }
            Some(own) => return Some(own),
            None => {
                // The window keeps it until another one is taken: then it is certain that it was for its own sake.
                self.bytes_in_flight = self.window.waiting().map(|(_, sent, _)| weight(sent)).sum();
                self.memory.refusals.on_refused_by_broker(&words, now);
            }
        }
        None
    }

    fn on_accepted(
        &mut self,
        message: &OutboundMessage,
        place: Option<Place>,
        reason: Reason,
        sent_at: Instant,
        now: Instant,
    ) {
        self.has_delivered = true;
        self.slowest_answer = self.slowest_answer.max(now - sent_at);
        self.metrics.acknowledged.inc();
        if reason == Reason::NO_MATCHING_SUBSCRIBERS {
            self.metrics.unmatched.inc();
        }
        self.metrics.ack_seconds.observe((now - sent_at).as_secs_f64());
        if let Some(source) = message.source_timestamp {
            // A clock ahead of ours must not make the sum go down.
            self.metrics.delay_seconds.observe(Timestamp::now().seconds_since(source).max(0.0));
        }
        self.memory.suspicion.on_accepted(size(message));
        self.judge_refused(place, now);
    }

    /// A message was taken: what was refused shortly before was refused for its own sake. What was refused while nothing
    /// was taken may have been for another reason that is over: it is sent again, once.
    fn judge_refused(&mut self, accepted: Option<Place>, now: Instant) {
        let was_everything = self.memory.refusals.on_accepted(accepted, now);
        if was_everything {
            self.memory.suspicion.forget_convicts();
        }
        let refusals = &mut self.memory.refusals;
        for (refused, reason) in self.window.judge_refused(|place| was_everything && refusals.has_second_chance(place))
        {
            if let Sent::Message(message) = refused {
                self.bury(&message, &reason);
            }
        }
        if was_everything && self.window.has_held() {
            self.memory.refusals.hurry(now);
        } else if self.window.in_flight() == 0 {
            self.memory.refusals.forget_second_chances();
        }
    }

    /// The broker has answered a packet of the link's own other than a PUBLISH.
    pub(super) fn on_own_answer(&mut self, id: u16) -> Option<Sent> {
        self.window.on_answer(id, Outcome::Done)?.content
    }

    fn bury(&mut self, message: &OutboundMessage, reason: &str) {
        self.metrics.refused.inc();
        self.memory.refused_topics.note(&message.route.topic, reason, Instant::now());
        self.spool.bury(message, reason, Timestamp::now());
        let topic = message.route.topic.as_str();
        self.log.warn(Instant::now(), topic, reason, "refused for good; the message is among the dead letters");
    }

    /// Lets the spool go of what is settled. Called once per bunch of answers.
    pub(super) fn settle(&mut self) {
        for lane in [Lane::Urgent, Lane::Values] {
            if let Some(position) = self.window.take_watermark(lane) {
                self.spool.acknowledge(lane, position);
            }
        }
    }

    /// What is due from time to time: gauges, and the next round for what was refused.
    pub(super) fn tick(&mut self, now: Instant) {
        self.settle();
        self.nudge();
        self.memory.rate.tick(now);
        self.memory.refused_topics.tick(now);
        self.metrics.inflight.set(i64::try_from(self.window.in_flight()).unwrap_or(i64::MAX));
        let is_full = self.window.room() == 0;
        let cannot_judge = self.window.in_flight() == 0 && (is_full || self.refusal_of_all(now).is_some());
        let is_needed = self.window.has_held() || self.window.has_refused() && cannot_judge;
        self.memory.refusals.tick(is_needed, is_full, now);
    }

    /// Begins the next round, once it is due and nothing waits for an answer. What was refused is sent again, and all that
    /// followed on its topic: whoever keeps the last value, or looks for holes in the sequence, finds every message in order
    /// in the last round.
    fn rewind(&mut self) {
        if !self.memory.refusals.is_due() || self.window.in_flight() > 0 {
            return;
        }
        if !self.memory.refusals.has_accepted() {
            // Nothing is taken, so nothing is known of what was not.
            self.memory.suspicion.forget_convicts();
        }
        let known = &self.memory.refused_topics;
        if let Some(held) = self.memory.refusals.begin_round(|topic| known.contains(topic)) {
            self.memory.suspicion.accuse(held.place, &format!("{REFUSED_AGAIN}: {}", held.words));
        }
        self.memory.replay.keep(self.window.settled());
        self.window.rewind();
        self.bytes_in_flight = 0;
        self.urgent.clear();
        self.values.clear();
        self.spool.rewind();
    }

    /// The broker's words, while it refuses every message.
    pub(super) fn refusal_of_all(&self, now: Instant) -> Option<&str> {
        self.memory.refusals.of_all(now)
    }

    /// Whether a SUBSCRIBE waits for its answer.
    pub(super) fn is_subscribing(&self) -> bool {
        self.window.waiting().any(|(_, sent, _)| matches!(sent, Sent::Subscription(_)))
    }

    /// What there is to learn from a hang-up on this connection, which came up `lived` ago.
    pub(super) fn death(&self, reason: Option<Reason>, lived: Duration, now: Instant) -> Death {
        let mut waiting = self.window.waiting();
        let alone = match (waiting.next(), waiting.next()) {
            (Some((place, sent, at)), None) if now.saturating_duration_since(at) < PROMPTLY => culprit(place, sent),
            _ => None,
        };
        // Some hang up behind a refusal, and then nothing else is to blame.
        let in_flight = if self.memory.refusals.has_just_refused(now) { 0 } else { self.window.in_flight() };
        Death { reason, alone, in_flight, lived }
    }

    /// What waits for an answer, for `Liveness`.
    pub(super) fn waiting(&self, has_unwritten: bool) -> Waiting {
        Waiting {
            since: self.window.oldest_sent_at(),
            is_overtaken: self.window.is_overtaken(),
            has_unwritten,
            has_delivered: self.has_delivered,
            slowest_answer: self.slowest_answer,
        }
    }

    /// When answers are to be read next, after those that were read at `now`.
    pub(super) fn read_at(&self, now: Instant) -> Option<Instant> {
        self.pacing.read_at(now, self.window.in_flight()).filter(|_| self.urgent.is_exhausted())
    }

    /// Whether the kernel is to acknowledge at once.
    pub(super) const fn is_quick_ack(&self) -> bool {
        self.pacing.is_quick_ack
    }

    /// When something is to be written at the latest that waits for nothing but the time.
    pub(super) fn feed_at(&self, now: Instant) -> Option<Instant> {
        let gathered = self.gathering.due().filter(|due| *due > now && self.values.has_waiting());
        let rated = self.memory.rate.next_at(now).filter(|_| self.window.room() > 0);
        gathered.into_iter().chain(rated).min()
    }

    /// Messages per second, where the broker has shown that it takes no more.
    pub(super) const fn rate(&self) -> Option<f64> {
        self.memory.rate.learned()
    }

    /// The broker has left the connection alone on which nothing was sent.
    pub(super) fn on_silence_survived(&mut self, now: Instant) {
        self.memory.suspicion.on_silence_survived(now);
    }

    /// What was given up on this connection or before.
    pub(super) fn concerns(&self, status_topic: &TopicName) -> Vec<String> {
        let mut concerns = self.memory.suspicion.concerns(status_topic);
        concerns.extend(self.memory.refused_topics.concern());
        concerns
    }

    /// An answer stayed away while others came.
    pub(super) fn on_overdue(&mut self, now: Instant) {
        self.memory.rate.on_overdue(now);
    }

    /// Whether everything that was accepted is delivered and nothing is on its way.
    pub(super) fn is_drained(&self) -> bool {
        self.window.is_idle() && self.volatile.is_empty() && self.spool.is_empty()
    }

    /// Whether the broker has taken at least one message of the spool on this connection.
    pub(super) const fn has_delivered(&self) -> bool {
        self.has_delivered
    }
}

impl Drop for Publisher<'_> {
    /// The connection is gone: what is not acknowledged is read again, and QoS 0 that was not written is dropped and
    /// counted.
    fn drop(&mut self) {
        self.settle();
        self.memory.keep(&self.window);
        for message in self.unwritten.take_volatile().into_iter().chain(self.volatile.drain()) {
            self.spool.report_dropped(&message, DropReason::Away);
        }
        self.spool.broker_left();
        self.metrics.inflight.set(0);
    }
}
