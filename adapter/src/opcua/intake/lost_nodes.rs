//! Tags whose node has gone: from where values come to where MonitoredItems are created.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::domain::{StatusCode, TagId};
use crate::opcua::status;

/// The tags of which the server has said, in the place of a value, that there is none to be had from the node.
#[derive(Debug, Default)]
pub(in crate::opcua) struct LostNodes {
    state: Mutex<State>,
    /// How many are lost, so that nearly all values pass without the lock.
    count: AtomicUsize,
    has_news: Notify,
}

#[derive(Debug, Default)]
struct State {
    lost: HashSet<TagId>,
    /// Those whose MonitoredItem has to be created again, with what the server said.
    news: BTreeMap<TagId, StatusCode>,
}

/// What a value says of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Seen {
    /// Nothing: it is there as before.
    There,
    /// It has gone.
    Lost,
    /// It has gone, which was said before.
    StillLost,
    /// It was lost and is there again.
    Found,
}

impl LostNodes {
    /// Takes note of the status of a tag's value.
    pub(in crate::opcua) fn see(&self, tag: TagId, status: StatusCode) -> Seen {
        // Only a Bad status speaks of the node.
        let is_about_node = status.0 & 0x8000_0000 != 0 && status::is_about_node(status);
        if !is_about_node && self.count.load(Ordering::Relaxed) == 0 {
            return Seen::There;
        }
        let mut state = self.lock();
        let seen = if is_about_node {
            state.news.insert(tag, status);
            self.has_news.notify_one();
            if state.lost.insert(tag) { Seen::Lost } else { Seen::StillLost }
        } else if state.lost.remove(&tag) {
            state.news.remove(&tag);
            Seen::Found
        } else {
            Seen::There
        };
        self.count.store(state.lost.len(), Ordering::Relaxed);
        seen
    }

    /// Whether a tag's node has gone, as far as is known.
    pub(in crate::opcua) fn is_lost(&self, tag: TagId) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.lock().lost.contains(&tag)
    }

    /// Returns when there is something to take.
    pub(in crate::opcua) async fn news(&self) {
        while self.lock().news.is_empty() {
            self.has_news.notified().await;
        }
    }

    /// The tags whose MonitoredItem has to be created again.
    pub(in crate::opcua) fn take_news(&self) -> Vec<(TagId, StatusCode)> {
        std::mem::take(&mut self.lock().news).into_iter().collect()
    }

    /// Nothing that holds the lock can leave half a change behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: StatusCode = StatusCode(0x8034_0000);
    const TAG: TagId = TagId(3);

    #[test]
    fn a_node_is_lost_once_and_found_once() {
        let nodes = LostNodes::default();
        let see = |status| nodes.see(TAG, status);
        assert_eq!(see(StatusCode::GOOD), Seen::There);
        assert_eq!(see(StatusCode(0x808C_0000)), Seen::There, "a bad sensor is there");
        assert_eq!((see(GONE), see(GONE)), (Seen::Lost, Seen::StillLost));
        assert!(nodes.is_lost(TAG) && !nodes.is_lost(TagId(4)));
        assert_eq!(nodes.see(TagId(4), StatusCode::GOOD), Seen::There);
        assert_eq!((see(StatusCode::GOOD), see(StatusCode::GOOD)), (Seen::Found, Seen::There));
        assert_eq!(see(GONE), Seen::Lost);
    }

    #[tokio::test]
    async fn the_item_is_wanted_anew_each_time_that_the_server_says_so() {
        let nodes = LostNodes::default();
        for _ in 0..2 {
            nodes.see(TAG, GONE);
            nodes.news().await;
            assert_eq!(nodes.take_news(), [(TAG, GONE)]);
        }
        nodes.see(TAG, GONE);
        nodes.see(TAG, StatusCode::GOOD);
        assert_eq!(nodes.take_news(), [], "its item lives");
    }
}
