//! How long to wait before the next connection.
//!
//! Jitter can add as much again.
//!
//! | what ended the last one, or kept it from coming up | pause |
//! |---|---|
//! | nobody took the TCP connection: refused, unreachable, no such host | half a second, for ever |
//! | anything after it was open | from a quarter of a second, doubling up to 10 s, with jitter; forgotten only after a connection has lived for half a minute |
//! | it is being searched for the packet on which the broker hangs up | a quarter of a second, sixteen times; then as above |
//! | an answer that stayed away while others came | none the first time, then as above |
//! | another client took over, or the broker hung up without a reason again and again on connections that had worked | doubling up to a minute |
//! | credentials that are refused and never worked, certificates, whatever else needs a person | as after anything that was open, at least 5 s |
//! | a ban, or credentials refused that had just worked | from a minute, doubling up to fifteen |

use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// Where nobody takes the connection, nobody is bothered.
const FREE_PAUSE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A broker that is back is found within this time and its jitter; what waits for it is worth more than a few attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The least pause when only a person can help.
const LASTING_PAUSE: Duration = Duration::from_secs(5);
/// Two clients with one id throw each other out; whoever comes back later lets the other one work.
const LONGEST_CONTEST: Duration = Duration::from_mins(1);
/// Each attempt may renew a ban.
const FIRST_BAN: Duration = Duration::from_mins(1);
const LONGEST_BAN: Duration = Duration::from_mins(15);
/// A connection that has lived so long was a good one.
const GOOD_LIFE: Duration = Duration::from_secs(30);
/// Connections that a search takes, at most and usually.
const SEARCHES: u32 = 16;
/// Hang-ups in a row without a reason, on connections that had worked, from which on another client is suspected.
const CONTESTS: u32 = 4;

/// Why there is no connection, as far as the pause depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody has taken the TCP connection.
    Free,
    /// It failed, before or after CONNACK.
    Failed,
    /// The broker hung up, and it is being searched for the packet that it does not take.
    Searching,
    /// A message was not answered while others were: all is well but that it has to be sent again.
    Overdue,
    /// The broker hung up without a reason on a connection that had worked.
    HungUp,
    /// Another client with our id has taken over.
    TakenOver,
    /// Only a person can help.
    NeedsPerson,
    /// The broker refuses our user name or password.
    BadCredentials,
    /// The broker has banned us.
    Banned,
}

/// What the connections before have shown.
#[derive(Debug)]
pub(super) struct Reconnect {
    usual: Backoff,
    contest: Backoff,
    ban: Backoff,
    hang_ups: u32,
    is_contested: bool,
    searches: u32,
    has_been_let_in: bool,
    was_overdue: bool,
}

impl Reconnect {
    pub(super) fn new() -> Self {
        Self {
            usual: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            contest: Backoff::new(2 * FIRST_PAUSE, LONGEST_CONTEST),
            ban: Backoff::new(FIRST_BAN, LONGEST_BAN),
            hang_ups: 0,
            is_contested: false,
            searches: 0,
            has_been_let_in: false,
            was_overdue: false,
        }
    }

    /// A connection has ended that was let in at `since`.
    pub(super) fn on_ended(&mut self, since: Instant, now: Instant) {
        self.has_been_let_in = true;
        if now.saturating_duration_since(since) >= GOOD_LIFE {
            self.usual.reset();
            self.contest.reset();
            self.ban.reset();
            (self.hang_ups, self.searches, self.is_contested, self.was_overdue) = (0, 0, false, false);
        }
    }

    /// How long to wait now.
    pub(super) fn pause(&mut self, cause: Cause) -> Duration {
        if cause == Cause::Free {
            return FREE_PAUSE;
        }
        self.hang_ups = if cause == Cause::HungUp { self.hang_ups + 1 } else { 0 };
        self.is_contested = cause == Cause::TakenOver || self.hang_ups >= CONTESTS;
        match cause {
            Cause::Banned => self.ban.pause(),
            Cause::BadCredentials if self.has_been_let_in => self.ban.pause(),
            _ if self.is_contested => self.contest.pause(),
            Cause::Searching if self.searches < SEARCHES => {
                self.searches += 1;
                FIRST_PAUSE
            }
            Cause::Overdue if !self.was_overdue => {
                self.was_overdue = true;
                Duration::ZERO
            }
            Cause::NeedsPerson | Cause::BadCredentials => self.usual.pause().max(LASTING_PAUSE),
            _ => self.usual.pause(),
        }
    }

    /// Whether another client may be using our id.
    pub(super) const fn is_contested(&self) -> bool {
        self.is_contested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(reconnect: &mut Reconnect, cause: Cause) -> Duration {
        (0..20).map(|_| reconnect.pause(cause)).max().unwrap_or_default()
    }

    #[test]
    fn a_port_that_nobody_listens_at_is_tried_twice_a_second_for_ever() {
        let mut reconnect = Reconnect::new();
        assert!((0..1_200).all(|_| reconnect.pause(Cause::Free) == FREE_PAUSE));
        assert!(reconnect.pause(Cause::Failed) <= 2 * FIRST_PAUSE, "and lengthens no other pause");
    }

    #[test]
    fn a_pause_is_forgotten_only_after_a_good_life() {
        let (mut reconnect, start) = (Reconnect::new(), Instant::now());
        longest(&mut reconnect, Cause::Failed);
        reconnect.on_ended(start, start + GOOD_LIFE / 2);
        assert!(reconnect.pause(Cause::Failed) >= LONGEST_PAUSE);
        reconnect.on_ended(start, start + GOOD_LIFE);
        assert!(reconnect.pause(Cause::Failed) <= 2 * FIRST_PAUSE);
    }

    #[test]
    fn who_is_thrown_out_comes_back_ever_later() {
        let mut reconnect = Reconnect::new();
        assert!(longest(&mut reconnect, Cause::TakenOver) >= LONGEST_CONTEST && reconnect.is_contested());
        let mut reconnect = Reconnect::new();
        for _ in 1..CONTESTS {
            reconnect.pause(Cause::HungUp);
            assert!(!reconnect.is_contested());
        }
        assert!(longest(&mut reconnect, Cause::HungUp) >= LONGEST_CONTEST && reconnect.is_contested());
    }

    #[test]
    fn a_ban_is_outlasted() {
        let mut reconnect = Reconnect::new();
        assert!(reconnect.pause(Cause::Banned) >= FIRST_BAN);
        assert!(longest(&mut reconnect, Cause::Banned) >= LONGEST_BAN);
        let mut reconnect = Reconnect::new();
        assert!(reconnect.pause(Cause::BadCredentials) < FIRST_BAN, "a typing error is mended sooner");
        let start = Instant::now();
        reconnect.on_ended(start, start);
        assert!(reconnect.pause(Cause::BadCredentials) >= FIRST_BAN);
    }

    #[test]
    fn a_search_is_quick_and_ends() {
        let mut reconnect = Reconnect::new();
        assert!((0..SEARCHES).all(|_| reconnect.pause(Cause::Searching) == FIRST_PAUSE));
        assert!(longest(&mut reconnect, Cause::Searching) >= LONGEST_PAUSE);
    }

    #[test]
    fn a_message_that_was_not_answered_is_sent_again_at_once_and_without_a_storm() {
        let mut reconnect = Reconnect::new();
        assert_eq!(reconnect.pause(Cause::Overdue), Duration::ZERO);
        assert!(reconnect.pause(Cause::Overdue) > Duration::ZERO);
    }
}
