//! What the server made of each tag's wishes, for people who look.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::domain::TagId;

/// What the server has granted one tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TagGrant {
    /// How often its Subscription publishes.
    pub publishing_interval: Duration,
    /// How often the server looks at the node, in milliseconds as it says; negative: as often as it publishes.
    pub sampling_interval_ms: f64,
    /// How many values it queues.
    pub queue_size: u32,
    /// Who filters.
    pub filter: FilterPlace,
}

/// Where trigger and deadband of a tag are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPlace {
    /// By the server, or there is nothing to filter.
    Server,
    /// Here: the server refused the filter, or was not asked for a deadband of an array.
    Here,
    /// A deadband is for numbers, and the node's values are none: every change is sent.
    NoNumber,
    /// The server refused the trigger `status_value_timestamp`: a change of the timestamp alone does not come.
    NoTimestamps,
    /// The server refused a deadband in percent, and the node has no EURange to compute it from: every change is sent.
    Nowhere,
}

/// By tag: what was granted in the current session, and how often its queue on the server has run over since the start.
/// Polled tags and those that are refused have no grant.
#[derive(Debug)]
pub struct TagGrants {
    grants: Mutex<Vec<Option<TagGrant>>>,
    overflows: Box<[AtomicU32]>,
    /// Tags of which was said that they have no deadband.
    told: Mutex<HashSet<TagId>>,
}

impl TagGrants {
    pub(in crate::opcua) fn new(tag_count: usize) -> Self {
        let overflows = (0..tag_count).map(|_| AtomicU32::new(0)).collect();
        Self { grants: Mutex::new(vec![None; tag_count]), overflows, told: Mutex::default() }
    }

    /// What the server has granted a tag; `None` while it is not subscribed.
    pub fn grant(&self, tag: TagId) -> Option<TagGrant> {
        self.lock().get(tag.index()).copied().flatten()
    }

    /// Values of a tag that carried the Overflow bit since the start.
    pub fn overflows(&self, tag: TagId) -> u32 {
        self.overflows.get(tag.index()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(in crate::opcua) fn set(&self, granted: impl IntoIterator<Item = (TagId, TagGrant)>) {
        let mut grants = self.lock();
        for (tag, grant) in granted {
            if let Some(entry) = grants.get_mut(tag.index()) {
                *entry = Some(grant);
            }
        }
    }

    pub(in crate::opcua) fn filter(&self, tag: TagId, place: FilterPlace) {
        if let Some(Some(grant)) = self.lock().get_mut(tag.index()) {
            grant.filter = place;
        }
    }

    /// Whether nothing was said yet of this tag's deadband; from now on it was.
    pub(in crate::opcua) fn is_first_told(&self, tag: TagId) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(tag)
    }

    pub(in crate::opcua) fn reset(&self) {
        self.lock().fill(None);
    }

    pub(in crate::opcua) fn count_overflow(&self, tag: TagId) {
        if let Some(count) = self.overflows.get(tag.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nothing that holds the lock can leave half a grant behind.
    fn lock(&self) -> MutexGuard<'_, Vec<Option<TagGrant>>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_end_with_the_session_and_overflows_do_not() {
        let grants = TagGrants::new(2);
        let grant = TagGrant {
            publishing_interval: Duration::from_millis(500),
            sampling_interval_ms: 250.0,
            queue_size: 4,
            filter: FilterPlace::Server,
        };
        grants.set([(TagId(1), grant), (TagId(9), grant)]);
        grants.filter(TagId(1), FilterPlace::Here);
        grants.filter(TagId(0), FilterPlace::Here);
        grants.count_overflow(TagId(1));
        assert_eq!(grants.grant(TagId(1)), Some(TagGrant { filter: FilterPlace::Here, ..grant }));
        assert_eq!((grants.grant(TagId(0)), grants.grant(TagId(9))), (None, None));
        grants.reset();
        assert_eq!((grants.grant(TagId(1)), grants.overflows(TagId(1)), grants.overflows(TagId(9))), (None, 1, 0));
    }
}
