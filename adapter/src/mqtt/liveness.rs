//! Whether the broker is alive: signs of life, pings, and answers that stay away.
//!
//! A pure state machine. Any packet is a sign of life, and so is progress of the bytes that we write: a link of 24 KB/s
//! answers no ping while a value of 800 KB is on its way, and lives. A ping is sent only when nothing else was, or to learn
//! whether answers stay away.

use std::time::{Duration, Instant};

/// A message that was overtaken by the answer to a later one is given so long.
const OVERTAKEN: Duration = Duration::from_secs(5);
/// A message that was not answered although a ping after it was, and others before it were, is given so long, and twice as
/// long as any answer took.
const OUTLIVED: Duration = Duration::from_secs(10);
/// When nothing came for so long while messages wait for answers, a ping asks whether answers stay away.
const CURIOUS: Duration = Duration::from_secs(2);
/// A broker that answers pings and leaves messages unanswered for so long is given up.
const UNANSWERED: Duration = Duration::from_secs(30);
/// Silence, in keep-alive intervals, after which a connection is dead.
const SILENCES: u32 = 2;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well.
    Alive,
    /// A ping is to be sent.
    Ping,
    /// Nothing came and nothing went for too long.
    Dead,
    /// A message was not answered, although what came after it was: it is to be sent again on a new connection.
    Overdue,
    /// The broker answers pings, and no message for so long.
    Mute(Duration),
}

/// What is known of the packets that wait for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// When the oldest of them was written.
    pub(super) since: Option<Instant>,
    /// Whether a packet that was written after it has been answered.
    pub(super) is_overtaken: bool,
    /// Whether there are bytes that the kernel has not yet taken.
    pub(super) has_unwritten: bool,
    /// Whether any message was answered on this connection.
    pub(super) has_delivered: bool,
    /// The longest that an answer took on this connection.
    pub(super) slowest_answer: Duration,
}

/// The signs of life of one connection.
#[derive(Debug)]
pub(super) struct Liveness {
    keep_alive: Duration,
    last_received: Instant,
    last_written: Instant,
    /// When bytes were taken last that had to wait for it.
    last_pressed: Instant,
    pinged_at: Option<Instant>,
    /// When the last ping was sent that has been answered.
    ponged: Option<Instant>,
    /// The oldest packet without an answer, by when it was written, and since when it is known to be overtaken.
    overtaken: Option<(Instant, Instant)>,
}

impl Liveness {
    /// For a connection whose CONNACK came at `now`; a ping is sent after `keep_alive` without a packet, not zero.
    pub(super) const fn new(keep_alive: Duration, now: Instant) -> Self {
        Self {
            keep_alive,
            last_received: now,
            last_written: now,
            last_pressed: now,
            pinged_at: None,
            ponged: None,
            overtaken: None,
        }
    }

    /// Bytes of ours were taken; `had_waited` when some had to wait for it.
    pub(super) const fn on_written(&mut self, now: Instant, had_waited: bool) {
        self.last_written = now;
        if had_waited {
            self.last_pressed = now;
        }
    }

    /// A packet came.
    pub(super) const fn on_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// PINGRESP came.
    pub(super) const fn on_pong(&mut self) {
        if let Some(at) = self.pinged_at.take() {
            self.ponged = Some(at);
        }
    }

    /// A ping was sent.
    pub(super) const fn on_ping(&mut self, now: Instant) {
        self.pinged_at = Some(now);
    }

    /// What is due at `now`.
    pub(super) fn check(&mut self, now: Instant, waiting: Waiting) -> Verdict {
        // The kernel takes a few bytes of a dead connection, too: writing is a sign of life only while much waits.
        let sign_of_life = self.last_received.max(self.last_pressed);
        let is_expecting = self.pinged_at.is_some() || waiting.has_unwritten;
        if is_expecting && now.saturating_duration_since(sign_of_life) >= SILENCES * self.keep_alive {
            return Verdict::Dead;
        }
        if let Some(verdict) = self.check_answers(now, waiting) {
            return verdict;
        }
        let is_idle = now.saturating_duration_since(self.last_written.min(self.last_received)) >= self.keep_alive;
        let is_curious = waiting.since.is_some_and(|since| {
            let has_asked = self.ponged.is_some_and(|ponged| ponged >= since);
            !has_asked && now.saturating_duration_since(since.max(self.last_received)) >= CURIOUS
        });
        if self.pinged_at.is_none() && !waiting.has_unwritten && (is_idle || is_curious) {
            return Verdict::Ping;
        }
        Verdict::Alive
    }

    fn check_answers(&mut self, now: Instant, waiting: Waiting) -> Option<Verdict> {
        // Another one may have been overtaken at each look, by a broker that answers in another order.
        let known = self.overtaken.take().filter(|(oldest, _)| Some(*oldest) == waiting.since);
        let since = waiting.since?;
        if waiting.is_overtaken {
            let (_, overtaken_since) = *self.overtaken.insert(known.unwrap_or((since, now)));
            if now.saturating_duration_since(overtaken_since) >= OVERTAKEN {
                return Some(Verdict::Overdue);
            }
        }
        let silence = now.saturating_duration_since(since);
        let has_ponged_since = self.ponged.is_some_and(|ponged| ponged >= since);
        if !has_ponged_since {
            return None;
        }
        if waiting.has_delivered && silence >= OUTLIVED.max(2 * waiting.slowest_answer) {
            return Some(Verdict::Overdue);
        }
        (!waiting.has_delivered && silence >= UNANSWERED).then_some(Verdict::Mute(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_secs(10);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_ping_is_sent_only_when_nothing_else_was() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        assert_eq!(liveness.check(start + seconds(9), Waiting::default()), Verdict::Alive);
        assert_eq!(liveness.check(start + seconds(10), Waiting::default()), Verdict::Ping);
        liveness.on_ping(start + seconds(10));
        liveness.on_written(start + seconds(10), true);
        assert_eq!(liveness.check(start + seconds(20), Waiting::default()), Verdict::Alive, "one at a time");
        assert_eq!(liveness.check(start + seconds(30), Waiting::default()), Verdict::Dead);
        liveness.on_received(start + seconds(29));
        liveness.on_pong();
        assert_eq!(liveness.check(start + seconds(30), Waiting::default()), Verdict::Ping);
    }

    #[test]
    fn bytes_that_go_out_are_a_sign_of_life() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        let waiting = Waiting { since: Some(start), has_unwritten: true, ..Waiting::default() };
        for second in 1..120 {
            liveness.on_written(start + seconds(second), true);
            assert_eq!(liveness.check(start + seconds(second), waiting), Verdict::Alive, "{second}");
        }
        assert_eq!(liveness.check(start + seconds(139), waiting), Verdict::Dead);
    }

    #[test]
    fn a_cable_that_is_pulled_is_noticed_although_the_kernel_takes_a_few_bytes() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        let dead = (1..120).find(|second| {
            let now = start + seconds(*second);
            liveness.on_written(now, false);
            match liveness.check(now, Waiting { since: Some(start), ..Waiting::default() }) {
                Verdict::Ping => liveness.on_ping(now),
                Verdict::Dead => return true,
                _ => {}
            }
            false
        });
        assert_eq!(dead, Some(20));
    }

    #[test]
    fn a_broker_that_answers_in_another_order_is_none_that_leaves_answers_out() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        for second in 1..60 {
            let now = start + seconds(second);
            liveness.on_received(now);
            liveness.on_written(now, false);
            let waiting = Waiting { since: Some(now), is_overtaken: true, has_delivered: true, ..Waiting::default() };
            assert_eq!(liveness.check(now, waiting), Verdict::Alive);
        }
    }

    #[test]
    fn an_answer_that_was_overtaken_is_overdue_soon() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        let waiting = Waiting { since: Some(start), is_overtaken: true, ..Waiting::default() };
        let at = |second| start + seconds(second);
        for second in 1..6 {
            liveness.on_received(at(second));
            liveness.on_written(at(second), true);
            assert_eq!(liveness.check(at(second), waiting), Verdict::Alive, "{second}");
        }
        assert_eq!(liveness.check(at(6), waiting), Verdict::Overdue);
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        liveness.check(at(1), waiting);
        liveness.check(at(5), Waiting { is_overtaken: false, ..waiting });
        liveness.on_received(at(5));
        assert_eq!(liveness.check(at(6), waiting), Verdict::Alive, "the next one has its own time");
    }

    #[test]
    fn a_broker_that_answers_pings_only_is_given_half_a_minute() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEP_ALIVE, start);
        let waiting = Waiting { since: Some(start), ..Waiting::default() };
        let at = |second| start + seconds(second);
        assert_eq!(liveness.check(at(2), waiting), Verdict::Ping, "to learn whether answers stay away");
        liveness.on_ping(at(2));
        liveness.on_written(at(2), true);
        liveness.on_received(at(3));
        liveness.on_pong();
        assert_eq!(liveness.check(at(6), waiting), Verdict::Alive, "once is enough");
        assert_eq!(liveness.check(at(30), waiting), Verdict::Mute(seconds(30)));
    }

    #[test]
    fn a_broker_that_answered_others_and_leaves_some_out_is_given_less_unless_it_is_slow() {
        let start = Instant::now();
        let at = |second| start + seconds(second);
        for (slowest_answer, expected) in [(seconds(1), 10), (seconds(15), 30)] {
            let waiting = Waiting { since: Some(start), has_delivered: true, slowest_answer, ..Waiting::default() };
            let mut liveness = Liveness::new(KEEP_ALIVE, start);
            liveness.on_ping(at(2));
            liveness.on_pong();
            let due = (3..60).find(|second| {
                liveness.on_received(at(*second));
                liveness.on_written(at(*second), true);
                liveness.check(at(*second), waiting) == Verdict::Overdue
            });
            assert_eq!(due, Some(expected));
        }
    }
}
