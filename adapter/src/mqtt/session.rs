//! One connection, from its CONNACK to its end: the one task that owns its bytes, its window and its times.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::{
    commands::command,
    connect::{Connected, keep_alive},
    link::{LinkParts, LinkShutdown},
    liveness::{Liveness, Verdict},
    memory::Memory,
    metrics::LinkMetrics,
    outgoing::BrokerLimits,
    packet::{Incoming, Reason, Received},
    publisher::Publisher,
    reconnect::Cause,
    sent::Sent,
    status::StatusFeed,
    subscriptions::Subscriptions,
    suspicion::Death,
    transport::{FULL, Transport},
    trouble::{Address, Moment, Trouble},
    wire::{Failure, explain},
};
use crate::supervisor::Connection;

/// How often the session looks around.
const TICK: Duration = Duration::from_millis(250);
/// Messages in flight at most, whatever the broker allows.
const MAX_WINDOW: u16 = 2_000;
/// Bytes that wait to be written, from which on nothing more is read.
const MAX_OUT: usize = 8 * FULL;
/// What a shutdown keeps of its time for the last status and DISCONNECT.
const CLOSING_TIME: Duration = Duration::from_secs(1);
/// A connection on which nothing is sent, to see whether the broker ends it all the same.
const SILENCE: Duration = Duration::from_secs(3);

/// How a session ended.
pub(super) enum End {
    /// As it should: last status, DISCONNECT. Or the time for it ran out.
    Closed,
    /// The connection is gone.
    Lost {
        /// Why.
        trouble: Trouble,
        /// The same, as far as the next pause depends on it.
        cause: Cause,
        /// What there is to learn from a hang-up.
        death: Option<Death>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is sent for a while.
    Silent { until: Instant },
    /// Values go north, commands come south.
    Open,
    /// The spool is flushed.
    Draining { until: Instant },
    /// The last status is to be sent.
    Closing,
    /// The last status is sent and waits for its PUBACK, then DISCONNECT is.
    Leaving,
    /// DISCONNECT is to be written.
    Gone,
}

/// The state of one connection.
pub(super) struct Session<'a> {
    parts: &'a LinkParts,
    shutdown: &'a LinkShutdown,
    transport: Transport,
    status: StatusFeed,
    publisher: Publisher<'a>,
    subscriptions: Subscriptions,
    liveness: Liveness,
    is_intake_open: bool,
    phase: Phase,
    since: Instant,
    next_tick: Instant,
    read_at: Option<Instant>,
    shown: Option<(Connection, Vec<String>)>,
    /// Whether bytes wait that the kernel did not take at once.
    had_waited: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        parts: &'a LinkParts,
        metrics: &Arc<LinkMetrics>,
        shutdown: &'a LinkShutdown,
        connected: Connected,
        memory: &'a mut Memory,
    ) -> Self {
        let Connected { transport, connack } = connected;
        let limits = BrokerLimits::new(&connack);
        let now = Instant::now();
        let window = connack.receive_maximum.clamp(1, MAX_WINDOW);
        let status = StatusFeed::new(&parts.status, memory.suspicion.status(), limits);
        let mut subscriptions = Subscriptions::new(&parts.filters, memory.suspicion.filters());
        if !connack.has_wildcards {
            subscriptions.leave_out_wildcards();
        }
        let is_silent = memory.suspicion.wants_silence();
        let (spool, metrics) = (Arc::clone(&parts.spool), Arc::clone(metrics));
        Self {
            parts,
            shutdown,
            status,
            publisher: Publisher::new(transport.codec(), spool, metrics, limits, window, memory, now),
            subscriptions,
            liveness: Liveness::new(keep_alive(&connack, parts.broker.keep_alive), now),
            is_intake_open: true,
            phase: if is_silent { Phase::Silent { until: now + SILENCE } } else { Phase::Open },
            since: now,
            next_tick: now,
            read_at: None,
            shown: None,
            had_waited: false,
            transport,
        }
    }

    /// Runs the connection to its end.
    pub(super) async fn drive(mut self) -> End {
        loop {
            let now = Instant::now();
            if let Some(end) = self.look_around(now) {
                return end;
            }
            self.feed(now);
            if self.phase == Phase::Gone {
                return self.say_goodbye().await;
            }
            // A broker that floods and does not read has us keep no answers without end.
            let may_read = self.read_at.is_none_or(|at| at <= now) && self.transport.out.len() < MAX_OUT;
            let wake_at = self.wake_at(now);
            tokio::select! {
                biased;
                // First, since answers may keep coming: an alarm must not wait for their end.
                () = self.parts.spool.changed() => self.publisher.nudge(),
                turned = self.transport.turn(may_read) => {
                    let turned = turned.map_err(Failure::from).and_then(|turn| self.on_turn(turn));
                    if let Err(failure) = turned {
                        return self.lost_by(&failure);
                    }
                }
                () = self.status.changed() => {}
                () = self.shutdown.intake.cancelled(), if self.is_intake_open => self.close_intake(),
                () = self.shutdown.drain.cancelled(), if self.may_drain() => self.start_drain(),
                () = time::sleep_until(wake_at.into()) => {}
            }
        }
    }

    fn on_turn(&mut self, turn: super::transport::Turn) -> Result<(), Failure> {
        let now = Instant::now();
        if turn.written > 0 {
            self.liveness.on_written(now, self.had_waited);
            self.publisher.on_written(turn.written);
        }
        self.had_waited = !self.transport.out.is_empty();
        if turn.has_read {
            let taken = self.take_all(now);
            self.publisher.settle();
            taken?;
            self.read_at = self.publisher.read_at(now);
            if self.publisher.is_quick_ack() {
                self.transport.stream().quick_ack();
            }
        }
        Ok(())
    }

    fn take_all(&mut self, now: Instant) -> Result<(), Failure> {
        while let Some(received) = self.transport.take()? {
            self.liveness.on_received(now);
            self.handle(received, now)?;
        }
        Ok(())
    }

    /// When the loop goes on without anything from outside.
    fn wake_at(&self, now: Instant) -> Instant {
        let read_at = self.read_at.filter(|at| *at > now);
        let until = match self.phase {
            Phase::Silent { until } | Phase::Draining { until } => Some(until),
            _ => None,
        };
        let times = [Some(self.next_tick), read_at, self.publisher.feed_at(now), until];
        times.into_iter().flatten().min().unwrap_or(self.next_tick)
    }

    /// What is due by the clock or by the shutdown; the end of the session, when that is due.
    fn look_around(&mut self, now: Instant) -> Option<End> {
        if let Phase::Silent { until } = self.phase
            && now >= until
        {
            self.publisher.on_silence_survived(now);
            self.phase = Phase::Open;
        }
        if now < self.next_tick {
            return None;
        }
        self.next_tick = now + TICK;
        self.parts.board.progress(&self.parts.task);
        self.publisher.tick(now);
        self.subscriptions.tick(now);
        self.show(now);
        if self.shutdown.intake.is_cancelled() && self.is_intake_open {
            self.close_intake();
        }
        if self.shutdown.drain.is_cancelled() && self.may_drain() {
            self.start_drain();
        }
        if self.shutdown.deadline().is_some_and(|deadline| now >= deadline) {
            tracing::warn!("the time to shut down is over before the broker has taken the last status");
            return Some(End::Closed);
        }
        self.watch_life(now)
    }

    fn watch_life(&mut self, now: Instant) -> Option<End> {
        let waiting = self.publisher.waiting(!self.transport.out.is_empty());
        let address = Address(&self.parts.broker);
        let (sentence, cause) = match self.liveness.check(now, waiting) {
            Verdict::Alive => return None,
            Verdict::Ping => {
                self.transport.codec().ping(&mut self.transport.out);
                self.liveness.on_ping(now);
                return None;
            }
            Verdict::Dead => {
                let trouble = explain(&Failure::Dead, &self.parts.broker, Moment::Connected);
                return Some(End::Lost { trouble, cause: Cause::Failed, death: None });
            }
            Verdict::Overdue => {
                self.publisher.on_overdue(now);
                let rate = self.publisher.rate();
                let rate = rate.map_or_else(String::new, |rate| format!(", now at {rate:.0} messages a second"));
                let sentence = format!(
                    "{address} has not acknowledged a message while it answered what came after it; it is sent again on a new \
                     connection{rate}. If the broker has a quota, set `max_rate` to it"
                );
                (sentence, Cause::Overdue)
            }
            Verdict::Mute(silence) => {
                let seconds = silence.as_secs();
                (format!("{address} has acknowledged nothing for {seconds} s; look at the broker"), Cause::Failed)
            }
        };
        Some(End::Lost { trouble: Trouble::passing(sentence), cause, death: None })
    }

    fn feed(&mut self, now: Instant) {
        if let Phase::Draining { until } = self.phase
            && (self.publisher.is_drained() || now >= until)
        {
            self.phase = Phase::Closing;
        }
        let Self { publisher, status, subscriptions, transport, .. } = self;
        let (codec, out) = (transport.codec(), &mut transport.out);
        match self.phase {
            Phase::Open | Phase::Draining { .. } => {
                status.feed(publisher, codec, out, now);
                subscriptions.feed(publisher, codec, out, now);
                if !status.is_waiting() && !subscriptions.is_waiting() {
                    publisher.end_probing();
                }
                publisher.feed(out, now);
            }
            Phase::Closing => {
                if status.feed_offline(publisher, codec, out, now) {
                    self.phase = Phase::Leaving;
                } else if status.is_given_up() {
                    self.phase = Phase::Gone;
                }
            }
            Phase::Silent { .. } | Phase::Leaving | Phase::Gone => {}
        }
    }

    fn handle(&mut self, received: Received, now: Instant) -> Result<(), Failure> {
        match received {
            Received::Puback { id, reason, words } => self.on_puback(id, reason, words, now),
            Received::Suback { id, reasons } => {
                if let Some(Sent::Subscription(filters)) = self.publisher.on_own_answer(id) {
                    self.subscriptions.on_suback(filters, &reasons, now);
                }
            }
            Received::Unsuback { id } => drop(self.publisher.on_own_answer(id)),
            Received::Publish(message) => self.on_publish(message),
            Received::Pong => self.liveness.on_pong(),
            Received::Disconnect(farewell) => return Err(Failure::Disconnected(farewell)),
            Received::Connack(_) | Received::Refused(..) => {
                return Err(Failure::Malformed("a second CONNACK".to_owned()));
            }
            Received::Auth => return Err(Failure::Malformed("AUTH, which nobody asked for".to_owned())),
        }
        Ok(())
    }

    fn on_puback(&mut self, id: u16, reason: Reason, words: Option<String>, now: Instant) {
        match self.publisher.on_puback(id, reason, words, now) {
            Some(Sent::Status) => self.status.on_answer(reason),
            Some(Sent::Offline) => self.phase = Phase::Gone,
            _ => {}
        }
    }

    /// Its PUBACK is written when whoever takes commands has it, or has refused it.
    fn on_publish(&mut self, message: Incoming) {
        let id = message.id;
        self.parts.commands.offer(command(message, self.parts.id), self.is_intake_open);
        if id != 0 {
            self.transport.codec().puback(&mut self.transport.out, id);
        }
    }

    /// Writes on the board how the connection is.
    fn show(&mut self, now: Instant) {
        let connection = match self.publisher.refusal_of_all(now) {
            None => Connection::Connected,
            Some(words) => Connection::Error {
                reason: format!(
                    "{} refuses every message ({words}); they wait in the spool. Allow this client to publish there",
                    Address(&self.parts.broker)
                ),
            },
        };
        let mut concerns = self.publisher.concerns(&self.parts.status.topic);
        concerns.extend(self.subscriptions.trouble());
        concerns.extend(self.status.trouble());
        let shown = Some((connection, concerns));
        if self.shown == shown {
            return;
        }
        let said = std::mem::replace(&mut self.shown, shown).map(|(_, concerns)| concerns).unwrap_or_default();
        let Some((connection, concerns)) = &self.shown else { return };
        for concern in concerns.iter().filter(|concern| !said.contains(concern)) {
            tracing::warn!("{concern}");
        }
        if let Connection::Error { reason } = connection {
            tracing::warn!("{reason}");
        }
        self.parts.board.set_broker(self.parts.id, connection.clone());
        self.parts.board.set_broker_concerns(self.parts.id, concerns);
    }

    fn close_intake(&mut self) {
        self.is_intake_open = false;
        self.subscriptions.close();
    }

    fn may_drain(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Silent { .. })
    }

    fn start_drain(&mut self) {
        let now = Instant::now();
        let deadline = self.shutdown.deadline().unwrap_or(now);
        let left = deadline.saturating_duration_since(now);
        self.phase = Phase::Draining { until: now + left.saturating_sub(CLOSING_TIME.min(left / 4)) };
        // What was appended last may not have been seen yet.
        self.publisher.nudge();
    }

    /// DISCONNECT, and all that stands before it; then the broker may hang up.
    async fn say_goodbye(mut self) -> End {
        self.transport.codec().disconnect(&mut self.transport.out);
        if time::timeout(CLOSING_TIME, self.transport.finish()).await.is_err() {
            tracing::debug!("the broker did not take DISCONNECT");
        }
        End::Closed
    }

    fn lost_by(&self, failure: &Failure) -> End {
        let trouble = explain(failure, &self.parts.broker, Moment::Connected);
        let reason = match failure {
            // "Normal disconnection" gives no reason.
            Failure::Disconnected(farewell) => Some(farewell.reason).filter(|reason| *reason != Reason::SUCCESS),
            _ => None,
        };
        let now = Instant::now();
        let lived = now.saturating_duration_since(self.since);
        let is_about_filters = reason == Some(Reason::QUOTA_EXCEEDED) && self.publisher.is_subscribing();
        let is_hang_up = failure.is_hang_up() || is_about_filters;
        let death = is_hang_up.then(|| self.publisher.death(reason, lived, now));
        End::Lost { trouble, cause: self.cause(reason, death.as_ref()), death }
    }

    fn cause(&self, reason: Option<Reason>, death: Option<&Death>) -> Cause {
        match (reason, death) {
            (Some(Reason::SESSION_TAKEN_OVER), _) => Cause::TakenOver,
            (Some(Reason::BANNED | Reason::CONNECTION_RATE_EXCEEDED), _) => Cause::Banned,
            (Some(_), Some(_)) => Cause::Searching,
            _ if self.publisher.is_probing() => Cause::Searching,
            (None, Some(_)) if self.publisher.has_delivered() => Cause::HungUp,
            _ => Cause::Failed,
        }
    }
}
