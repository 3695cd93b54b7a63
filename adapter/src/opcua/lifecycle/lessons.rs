//! What was learned about the server. It outlives every session: a server that says so once says so again, at least for
//! an hour.

use tokio::time::Instant;

use crate::opcua::{
    session::call_size::{CallSize, RELEARN},
    subscribe::{publish_requests::PublishRequests, room::Room},
};

/// Items in one call at first, where the server declares no less.
const MAX_ITEMS_PER_CALL: usize = 1_000;

/// All of it.
#[derive(Debug)]
pub(super) struct Lessons {
    /// Items in one CreateMonitoredItems.
    pub(super) call_size: CallSize,
    /// Items in one Subscription.
    pub(super) room: Room,
    /// Publish requests that wait at once.
    pub(super) requests: PublishRequests,
    /// Values in one message.
    pub(super) notifications: Notifications,
}

impl Lessons {
    pub(super) fn new() -> Self {
        Self {
            call_size: CallSize::new(MAX_ITEMS_PER_CALL),
            room: Room::default(),
            requests: PublishRequests::default(),
            notifications: Notifications::default(),
        }
    }
}

/// Values in one message of a Subscription; what is more comes with the next one at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notifications {
    learned: Option<(u32, Instant)>,
}

const MOST_NOTIFICATIONS: u32 = 10_000;
const FEWEST_NOTIFICATIONS: u32 = 1;

impl Notifications {
    /// How many to ask for.
    pub(super) fn most(&mut self, now: Instant) -> u32 {
        match self.learned {
            Some((learned, since)) if now < since + RELEARN => learned,
            Some((learned, _)) => {
                let more = learned.saturating_mul(2);
                self.learned = (more < MOST_NOTIFICATIONS).then_some((more, now));
                more.min(MOST_NOTIFICATIONS)
            }
            None => MOST_NOTIFICATIONS,
        }
    }

    /// A message was larger than one side takes.
    pub(super) fn refused(&mut self, now: Instant) {
        let before = self.learned.map_or(MOST_NOTIFICATIONS, |(learned, _)| learned);
        self.learned = Some(((before / 8).max(FEWEST_NOTIFICATIONS), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_smaller_when_they_are_refused_and_larger_again_with_time() {
        let now = Instant::now();
        let mut notifications = Notifications::default();
        assert_eq!(notifications.most(now), 10_000);
        for expected in [1_250, 156, 19, 2, 1, 1] {
            notifications.refused(now);
            assert_eq!(notifications.most(now), expected);
        }
        let mut later = now;
        let mut grown = Vec::new();
        for _ in 0..14 {
            later += RELEARN;
            grown.push(notifications.most(later));
        }
        assert_eq!(grown[..2], [2, 4]);
        assert_eq!(grown[13], 10_000);
    }
}
