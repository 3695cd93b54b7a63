//! Tags whose value has to be read anew, since a change of it may be lost.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::TagId;

/// From whoever knows of a loss to whoever reads. A tag is read once however often it is asked for meanwhile.
#[derive(Debug, Default)]
pub(in crate::opcua) struct Refresh {
    wanted: Mutex<BTreeSet<TagId>>,
    has_news: Notify,
}

impl Refresh {
    /// These are to be read.
    pub(in crate::opcua) fn want(&self, tags: impl IntoIterator<Item = TagId>) {
        self.lock().extend(tags);
        self.has_news.notify_one();
    }

    /// Returns when there is something to read.
    pub(in crate::opcua) async fn news(&self) {
        while self.lock().is_empty() {
            self.has_news.notified().await;
        }
    }

    /// At most so many of them, the first.
    pub(in crate::opcua) fn take(&self, most: usize) -> Vec<TagId> {
        let mut wanted = self.lock();
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(tag) = wanted.pop_first()
        {
            taken.push(tag);
        }
        taken
    }

    /// A new session begins with the values of all items.
    pub(in crate::opcua) fn clear(&self) {
        self.lock().clear();
    }

    /// Nothing that holds the lock can leave half a change behind.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<TagId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tags that are being read. What the server publishes meanwhile is newer than what the Read finds.
#[derive(Debug, Default)]
pub(in crate::opcua) struct UnderWay(HashSet<TagId>);

impl UnderWay {
    pub(in crate::opcua) fn begin(&mut self, tags: &[TagId]) {
        self.0 = tags.iter().copied().collect();
    }

    /// A value of the tag has been published. For nearly all values there is nothing to do.
    pub(in crate::opcua) fn overtake(&mut self, tag: TagId) {
        if !self.0.is_empty() {
            self.0.remove(&tag);
        }
    }

    /// Whether the value that was read is the newest; asked once.
    pub(in crate::opcua) fn settle(&mut self, tag: TagId) -> bool {
        self.0.remove(&tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tag_is_read_once_however_often_it_is_asked_for() {
        let refresh = Refresh::default();
        refresh.want([TagId(3), TagId(1)]);
        refresh.want([TagId(3)]);
        refresh.news().await;
        assert_eq!(refresh.take(1), [TagId(1)]);
        assert_eq!(refresh.take(9), [TagId(3)]);
        assert_eq!(refresh.take(9), []);
    }

    #[test]
    fn what_is_published_meanwhile_is_newer() {
        let mut under_way = UnderWay::default();
        under_way.begin(&[TagId(1), TagId(2)]);
        under_way.overtake(TagId(2));
        assert!(under_way.settle(TagId(1)) && !under_way.settle(TagId(2)) && !under_way.settle(TagId(1)));
    }
}
