//! How many items a Subscription takes, where the server tells only by refusing more.

/// What was learned of it. One lesson for the life of the process: a server that refuses again has no room at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct Room {
    learned: Option<u32>,
}

impl Room {
    /// The items in one Subscription: what was learned, or less where the server declares less.
    pub(in crate::opcua) fn items_each(self, declared: Option<u32>) -> Option<u32> {
        match (self.learned, declared) {
            (Some(learned), Some(declared)) => Some(learned.min(declared)),
            (learned, declared) => learned.or(declared),
        }
    }

    /// A Subscription that held so many items had no room for more. Whether there is hope with more Subscriptions.
    pub(in crate::opcua) fn learn(&mut self, held: usize) -> bool {
        let is_lesson = held > 0 && self.learned.is_none();
        if is_lesson {
            self.learned = u32::try_from(held).ok();
        }
        is_lesson
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
