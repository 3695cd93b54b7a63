//! When values last contradicted what the server had said, so that it is not asked for each of them.

use std::{collections::HashMap, time::Duration};

use opcua::types::NodeId;
use tokio::time::Instant;

use crate::domain::TagId;

/// How often at most a type, or the names of a node, are read anew because a value contradicts them.
pub(super) const DOUBT: Duration = Duration::from_mins(1);
/// The longest pause, for a type that is contradicted again and again.
const LONGEST_DOUBT: Duration = Duration::from_hours(1);
/// Types of one session that may be doubted.
const MOST_TYPES: usize = 10_000;

/// By what is doubted. It lasts for one session.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// By encoding id.
    types: HashMap<NodeId, Doubt>,
    names: HashMap<TagId, Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    last: Instant,
    pause: Duration,
}

impl Doubts {
    /// Whether the type with this encoding id is to be read anew where a body contradicts it.
    pub(super) fn may_doubt_type(&self, encoding: &NodeId, now: Instant) -> bool {
        match self.types.get(encoding) {
            Some(doubt) => now.saturating_duration_since(doubt.last) >= doubt.pause,
            None => self.types.len() < MOST_TYPES,
        }
    }

    /// The type is read anew now. Each time at which it was contradicted before doubles the pause.
    pub(super) fn doubt_type(&mut self, encoding: &NodeId, now: Instant) {
        let is_recent = |doubt: &&Doubt| now.saturating_duration_since(doubt.last) < doubt.pause + LONGEST_DOUBT;
        let before = self.types.get(encoding).filter(is_recent);
        let pause = before.map_or(DOUBT, |doubt| (doubt.pause * 2).min(LONGEST_DOUBT));
        self.types.insert(encoding.clone(), Doubt { last: now, pause });
    }

    /// Whether the names of the tag's node are to be read anew where a number has none.
    pub(super) fn may_doubt_names(&self, tag: TagId, now: Instant) -> bool {
        self.names.get(&tag).is_none_or(|last| now.saturating_duration_since(*last) >= DOUBT)
    }

    /// The names are read anew now.
    pub(super) fn doubt_names(&mut self, tag: TagId, now: Instant) {
        self.names.insert(tag, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_contradicted_again_and_again_is_read_less_and_less_often_and_no_other() {
        let (bad, other) = (NodeId::new(3, 1_u32), NodeId::new(3, 2_u32));
        let mut doubts = Doubts::default();
        let mut now = Instant::now();
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(doubts.may_doubt_type(&bad, now));
            doubts.doubt_type(&bad, now);
            let pause = Duration::from_mins(minutes);
            assert!(!doubts.may_doubt_type(&bad, now + pause.saturating_sub(Duration::from_secs(1))), "{minutes}");
            now += pause;
            assert!(doubts.may_doubt_type(&other, now));
        }
        now += LONGEST_DOUBT;
        doubts.doubt_type(&bad, now);
        assert!(doubts.may_doubt_type(&bad, now + DOUBT), "that was long ago");
    }
}
