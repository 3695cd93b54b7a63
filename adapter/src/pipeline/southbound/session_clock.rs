//! How long there has been an OPC UA session, all in all: time by which commands wait.
//!
//! Without a session nothing is late by anybody's fault but the connection's, and a command whose turn comes then is
//! rejected as `not_connected` at once. The clock is the monotonic one, which stepping the wall clock does not move.

use std::time::Duration;

use tokio::time::Instant;

/// Runs while there is a session.
#[derive(Debug, Default)]
pub(super) struct SessionClock {
    before: Duration,
    running_since: Option<Instant>,
}

impl SessionClock {
    /// Says whether there is a session; returns whether it has just come.
    pub(super) fn follow(&mut self, has_session: bool, now: Instant) -> bool {
        let is_new = has_session && self.running_since.is_none();
        if has_session != self.running_since.is_some() {
            self.before = self.read(now);
            self.running_since = has_session.then_some(now);
        }
        is_new
    }

    /// What it shows.
    pub(super) fn read(&self, now: Instant) -> Duration {
        self.before + self.running_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// When it shows `time`, if nothing changes; `None` while it stands.
    pub(super) fn when(&self, time: Duration, now: Instant) -> Option<Instant> {
        self.running_since.map(|_| now + time.saturating_sub(self.read(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_while_there_is_no_session() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut clock = SessionClock::default();
        assert_eq!((clock.read(at(5)), clock.when(Duration::ZERO, at(5))), (Duration::ZERO, None));
        assert!(clock.follow(true, at(10)));
        assert!(!clock.follow(true, at(11)));
        assert_eq!(clock.read(at(13)), Duration::from_secs(3));
        assert_eq!(clock.when(Duration::from_secs(4), at(13)), Some(at(14)));
        assert!(!clock.follow(false, at(15)));
        assert_eq!((clock.read(at(99)), clock.when(Duration::from_secs(9), at(99))), (Duration::from_secs(5), None));
        assert!(clock.follow(true, at(100)));
        assert_eq!(clock.read(at(101)), Duration::from_secs(6));
    }
}
