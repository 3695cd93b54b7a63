//! Joins the counter in each value with what came before it, tag by tag.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

/// Counters that a callback and a measurement share.
pub(crate) type Shared = Arc<Mutex<Counters<u32>>>;

/// What arrived, counted over all tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Different values.
    pub(crate) values: u64,
    /// Counters between a tag's first and last that never came.
    pub(crate) lost: u64,
    /// Values that came again.
    pub(crate) duplicates: u64,
    /// Values that came after a later one.
    pub(crate) out_of_order: u64,
}

/// Follows every tag.
#[derive(Debug, Default)]
pub(crate) struct Counters<Key> {
    tags: HashMap<Key, Counter>,
    tally: Tally,
}

#[derive(Debug)]
struct Counter {
    last: u64,
    missing: HashSet<u64>,
}

impl<Key: std::hash::Hash + Eq> Counters<Key> {
    /// Takes in one value of a tag.
    pub(crate) fn take(&mut self, tag: Key, value: u64) {
        let tally = &mut self.tally;
        let Some(counter) = self.tags.get_mut(&tag) else {
            self.tags.insert(tag, Counter { last: value, missing: HashSet::new() });
            tally.values += 1;
            return;
        };
        if value > counter.last {
            counter.missing.extend(counter.last + 1..value);
            tally.lost += value - counter.last - 1;
            tally.values += 1;
            counter.last = value;
        } else if counter.missing.remove(&value) {
            tally.lost -= 1;
            tally.out_of_order += 1;
            tally.values += 1;
        } else {
            tally.duplicates += 1;
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Tags that have been heard of.
    pub(crate) fn tag_count(&self) -> usize {
        self.tags.len()
    }
}
