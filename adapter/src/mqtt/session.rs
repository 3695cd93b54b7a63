//! One connection, from its CONNACK to its end.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::{
    client::{Connack, Event, Events, Failure, Requests},
    commands::command,
    link::{LinkParts, LinkShutdown},
    metrics::LinkMetrics,
    outgoing::BrokerLimits,
    publisher::{Caution, Publisher, Sent},
    status::StatusFeed,
    subscriptions::Subscriptions,
    suspect::Death,
    trouble::{Address, Moment, Trouble, explain},
};
use crate::{spool::Spool, supervisor::Connection};

/// How often the session looks around.
const TICK: Duration = Duration::from_millis(250);
/// A broker that answers pings and leaves messages unanswered for so long is given up.
const MAX_UNANSWERED: Duration = Duration::from_secs(30);
/// What a shutdown keeps of its time for the last status and DISCONNECT.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// How a session ended.
pub(super) enum End {
    /// As it should: last status, DISCONNECT. Or the time for it ran out.
    Closed,
    /// The connection is gone.
    Lost {
        /// Why.
        trouble: Trouble,
        /// Whether anything was delivered, so that the next attempt need not wait long.
        has_delivered: bool,
        /// What there is to learn from it.
        death: Death,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Values go north, commands come south.
    Open,
    /// The spool is flushed.
    Draining { until: Instant },
    /// The last status is to be sent.
    Closing,
    /// The last status is sent and waits for its PUBACK, then DISCONNECT is.
    Leaving,
    /// DISCONNECT is written.
    Gone,
}

/// The state of one connection.
pub(super) struct Session<'a> {
    parts: &'a LinkParts,
    shutdown: &'a LinkShutdown,
    status: StatusFeed,
    publisher: Publisher,
    subscriptions: Subscriptions,
    is_intake_open: bool,
    phase: Phase,
    max_silence: Duration,
    last_event_at: Instant,
    next_tick: Instant,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        parts: &'a LinkParts,
        metrics: &Arc<LinkMetrics>,
        shutdown: &'a LinkShutdown,
        requests: Requests,
        connack: Connack,
        caution: Caution,
    ) -> Self {
        let limits = BrokerLimits::new(&connack);
        let spool: Arc<Spool> = Arc::clone(&parts.spool);
        let now = Instant::now();
        Self {
            parts,
            shutdown,
            status: StatusFeed::new(&parts.status),
            publisher: Publisher::new(requests, spool, Arc::clone(metrics), limits, connack.receive_maximum, caution),
            subscriptions: Subscriptions::new(&parts.filters),
            is_intake_open: true,
            phase: Phase::Open,
            max_silence: 3 * connack.keep_alive,
            last_event_at: now,
            next_tick: now,
        }
    }

    /// Runs the connection to its end. A future of `Events::next` is never dropped before it is done, except
    /// together with the connection.
    pub(super) async fn drive(mut self, events: &mut Events) -> End {
        let mut alarm = pin!(time::sleep(TICK));
        loop {
            let polled = {
                let mut poll = pin!(events.next());
                loop {
                    if let Some(end) = self.look_around() {
                        return end;
                    }
                    self.feed();
                    tokio::select! {
                        biased;
                        polled = &mut poll => break polled,
                        () = self.parts.spool.changed() => self.publisher.nudge(),
                        () = self.status.changed() => {}
                        () = self.shutdown.intake.cancelled(), if self.is_intake_open => self.close_intake(),
                        () = self.shutdown.drain.cancelled(), if self.phase == Phase::Open => self.start_drain(),
                        () = &mut alarm => alarm.as_mut().reset(time::Instant::now() + TICK),
                    }
                }
            };
            let now = Instant::now();
            let mut handled = match polled {
                Ok(event) => self.handle(event, now),
                Err(failure) => return self.salvage(events, &failure),
            };
            // What was read along with it is there already; a poll for each would cost as much as the first.
            while handled.is_ok()
                && let Some(event) = events.take_buffered()
            {
                handled = self.handle(event, now);
            }
            if let Err(trouble) = handled {
                return self.lost(trouble, false);
            }
            self.publisher.settle();
            // While answers keep coming nothing else is waited for, and an alarm must not wait for a tick.
            self.publisher.nudge_urgent();
        }
    }

    /// What is due by the clock or by the shutdown; the end of the session, when that is due.
    fn look_around(&mut self) -> Option<End> {
        if self.phase == Phase::Gone {
            return Some(End::Closed);
        }
        let now = Instant::now();
        if now < self.next_tick {
            return None;
        }
        self.next_tick = now + TICK;
        self.parts.board.progress(&self.parts.task);
        self.publisher.tick(now);
        self.subscriptions.tick(now);
        if self.shutdown.intake.is_cancelled() && self.is_intake_open {
            self.close_intake();
        }
        if self.shutdown.drain.is_cancelled() && self.phase == Phase::Open {
            self.start_drain();
        }
        if self.shutdown.deadline().is_some_and(|deadline| now >= deadline) {
            tracing::warn!("the time to shut down is over before the broker has taken the last status");
            return Some(End::Closed);
        }
        self.watch_silence(now)
    }

    /// Pings keep a living connection from ever being silent, so silence means that not even they get through.
    fn watch_silence(&self, now: Instant) -> Option<End> {
        let address = Address(&self.parts.broker);
        let sentence = if now.saturating_duration_since(self.last_event_at) > self.max_silence {
            format!("{address} takes nothing more; the connection is stuck")
        } else if self.publisher.unanswered_for(now) > MAX_UNANSWERED {
            format!("{address} has acknowledged nothing for {} s; look at the broker", MAX_UNANSWERED.as_secs())
        } else {
            return None;
        };
        Some(self.lost(Trouble::passing(sentence), false))
    }

    fn feed(&mut self) {
        self.subscriptions.feed(&mut self.publisher);
        if let Phase::Draining { until } = self.phase
            && (self.publisher.is_drained() || Instant::now() >= until)
        {
            self.phase = Phase::Closing;
        }
        match self.phase {
            Phase::Open | Phase::Draining { .. } => {
                self.status.feed(&mut self.publisher);
                self.publisher.feed();
            }
            Phase::Closing => {
                if self.status.feed_offline(&mut self.publisher) {
                    self.phase = Phase::Leaving;
                }
            }
            Phase::Leaving | Phase::Gone => {}
        }
    }

    fn handle(&mut self, event: Event, now: Instant) -> Result<(), Trouble> {
        self.last_event_at = now;
        match event {
            Event::Sent(id) => {
                return self.publisher.on_sent(id, now).map_err(|error| Trouble::passing(error.to_string()));
            }
            Event::Collision(id) => {
                return Err(Trouble::passing(format!("packet id {id} was used twice; the session starts anew")));
            }
            Event::Disconnected => self.phase = Phase::Gone,
            Event::Puback { id, answer, words } => match self.publisher.on_puback(id, answer, words, now) {
                Some(Sent::Status) => self.status.on_acknowledged(),
                Some(Sent::Offline) => self.publisher.disconnect(),
                _ => {}
            },
            Event::Suback { id, refusals } => {
                if let Some(Sent::Subscription(filters)) = self.publisher.on_own_answer(id, now) {
                    self.subscriptions.on_suback(filters, refusals, now);
                    self.show();
                }
            }
            Event::Unsuback { id } => drop(self.publisher.on_own_answer(id, now)),
            // The PUBACK is on its way already. When a journal of commands comes, it has to be written before the
            // PUBACK: with rumqttc's `manual_acks`.
            Event::Publish(message) => {
                self.parts.commands.offer(command(message, self.parts.id), self.is_intake_open);
            }
            Event::Connected(_) | Event::Other => {}
        }
        Ok(())
    }

    fn explain(&self, failure: &Failure) -> Trouble {
        explain(failure, &self.parts.broker, Moment::Connected)
    }

    /// Writes on the board how the connection is.
    pub(super) fn show(&self) {
        let connection = match self.subscriptions.trouble() {
            None => Connection::Connected,
            Some(reason) => Connection::Error { reason },
        };
        self.parts.board.set_broker(self.parts.id, connection);
    }

    fn close_intake(&mut self) {
        self.is_intake_open = false;
        self.subscriptions.close();
    }

    fn start_drain(&mut self) {
        let now = Instant::now();
        let deadline = self.shutdown.deadline().unwrap_or(now);
        let left = deadline.saturating_duration_since(now);
        self.phase = Phase::Draining { until: now + left.saturating_sub(CLOSING_TIME.min(left / 4)) };
        // What was appended last may not have been seen yet.
        self.publisher.nudge();
    }

    /// PUBACKs that were read before the connection broke save a repeat.
    fn salvage(mut self, events: &mut Events, failure: &Failure) -> End {
        let now = Instant::now();
        while let Some(event) = events.take_buffered() {
            if self.handle(event, now).is_err() {
                break;
            }
        }
        self.lost(self.explain(failure), failure.is_hang_up())
    }

    fn lost(&self, trouble: Trouble, is_hang_up: bool) -> End {
        // A broker that hangs up on our DISCONNECT does what it should.
        if self.phase == Phase::Gone {
            return End::Closed;
        }
        let death = self.publisher.death(is_hang_up);
        End::Lost { trouble, has_delivered: self.publisher.has_delivered(), death }
    }
}
