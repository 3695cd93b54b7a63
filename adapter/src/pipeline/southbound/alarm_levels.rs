//! What alarms want their tags to be: the side that the northbound task sees.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::domain::TagId;

/// A wish of one alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmWrite {
    /// The alarm's `write_tag`.
    pub tag: TagId,
    /// Which alarm it is: the position of its northbound mapping.
    pub mapping: usize,
    /// Whether the alarm is active.
    pub is_active: bool,
}

/// The latest wishes of all alarms; cheap to clone, never full, never waited for.
///
/// A tag is to be true while any of the alarms that write it is active.
#[derive(Clone, Debug, Default)]
pub struct AlarmLevels {
    levels: watch::Sender<Levels>,
}

/// Bounded by the alarms in the mapping file.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Levels {
    active: BTreeMap<TagId, BTreeSet<usize>>,
    /// How often all levels were to be written anew.
    pub(super) generation: u64,
}

impl AlarmLevels {
    /// Takes note of a wish.
    pub fn set(&self, write: AlarmWrite) {
        self.levels.send_if_modified(|levels| {
            let is_new = !levels.active.contains_key(&write.tag);
            let alarms = levels.active.entry(write.tag).or_default();
            let was_active = !alarms.is_empty();
            if write.is_active {
                alarms.insert(write.mapping);
            } else {
                alarms.remove(&write.mapping);
            }
            is_new || was_active == alarms.is_empty()
        });
    }

    /// Has every level written once more: to be called when a new OPC UA session is up, as the PLC may have restarted.
    pub fn reassert(&self) {
        self.levels.send_modify(|levels| levels.generation += 1);
    }

    pub(in crate::pipeline) fn subscribe(&self) -> watch::Receiver<Levels> {
        self.levels.subscribe()
    }
}

impl Levels {
    /// What each tag that some alarm has spoken of is to be.
    pub(in crate::pipeline) fn iter(&self) -> impl Iterator<Item = (TagId, bool)> {
        self.active.iter().map(|(tag, alarms)| (*tag, !alarms.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_true_while_any_of_its_alarms_is_active() {
        let levels = AlarmLevels::default();
        let mut receiver = levels.subscribe();
        let mut set = |mapping, is_active| {
            levels.set(AlarmWrite { tag: TagId(3), mapping, is_active });
            let is_changed = receiver.has_changed().unwrap();
            let level = receiver.borrow_and_update().iter().next();
            (level, is_changed)
        };
        assert_eq!(set(0, false), (Some((TagId(3), false)), true));
        assert_eq!(set(0, true), (Some((TagId(3), true)), true));
        assert_eq!(set(1, true), (Some((TagId(3), true)), false));
        assert_eq!(set(0, false), (Some((TagId(3), true)), false));
        assert_eq!(set(1, false), (Some((TagId(3), false)), true));
        assert_eq!(set(1, false), (Some((TagId(3), false)), false));
    }
}
