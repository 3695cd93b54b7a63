//! How many items a Subscription takes, where the server tells only by refusing more.

use tokio::time::Instant;

use crate::opcua::session::call_size::hours;

/// What was learned of it, and when. Within an hour one lesson is taken: a server that refuses again has no room at all.
/// With each hour after it twice as many are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct Room {
    learned: Option<(u32, Instant)>,
}

impl Room {
    /// The items in one Subscription: what was learned, or less where the server declares less.
    pub(in crate::opcua) fn items_each(self, declared: Option<u32>) -> Option<u32> {
        self.items_each_at(declared, Instant::now())
    }

    fn items_each_at(self, declared: Option<u32>, now: Instant) -> Option<u32> {
        let grown = |(held, since): (u32, Instant)| held.saturating_mul(2_u32.saturating_pow(hours(since, now)));
        match (self.learned.map(grown), declared) {
            (Some(learned), Some(declared)) => Some(learned.min(declared)),
            (learned, declared) => learned.or(declared),
        }
    }

    /// A Subscription that held so many items had no room for more. Whether there is hope with more Subscriptions.
    pub(in crate::opcua) fn learn(&mut self, held: usize) -> bool {
        self.learn_at(held, Instant::now())
    }

    fn learn_at(&mut self, held: usize, now: Instant) -> bool {
        let is_new = self.learned.is_none_or(|(_, since)| hours(since, now) > 0);
        let is_lesson = held > 0 && is_new;
        if is_lesson {
            self.learned = u32::try_from(held).ok().map(|held| (held, now));
        }
        is_lesson
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::session::call_size::RELEARN;

    #[test]
    fn one_lesson_is_taken_and_the_smaller_limit_counts() {
        let mut room = Room::default();
        assert_eq!((room.items_each(None), room.items_each(Some(7))), (None, Some(7)));
        assert!(!room.learn(0), "an empty Subscription without room is no matter of Subscriptions");
        assert!(room.learn(80));
        assert_eq!(
            (room.items_each(None), room.items_each(Some(1000)), room.items_each(Some(7))),
            (Some(80), Some(80), Some(7))
        );
        assert!(!room.learn(40));
        assert_eq!(room.items_each(None), Some(80));
    }

    #[test]
    fn more_items_are_tried_with_each_hour_and_another_lesson_is_taken_then() {
        let now = Instant::now();
        let mut room = Room::default();
        assert!(room.learn_at(80, now));
        let each = |room: Room, hours: u32| room.items_each_at(None, now + RELEARN * hours);
        assert_eq!([0, 1, 2, 1_000].map(|hours| each(room, hours)), [Some(80), Some(160), Some(320), Some(u32::MAX)]);
        assert!(!room.learn_at(70, now + RELEARN / 2));
        assert!(room.learn_at(90, now + RELEARN));
        assert_eq!([1, 2].map(|hours| each(room, hours)), [Some(90), Some(180)]);
    }
}
