//! How each tag is, kept in step with the board and the gauge.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    domain::TagId,
    supervisor::{Board, TagState},
    telemetry::Metrics,
};

/// What is known of one tag.
#[derive(Clone, Debug)]
struct Entry {
    item: TagState,
    /// Why it is stale, while it is.
    stale: Option<String>,
}

impl Entry {
    /// A refusal says more than that no value comes of it.
    fn shown(&self) -> TagState {
        match (&self.item, &self.stale) {
            (TagState::Pending | TagState::Active, Some(reason)) => TagState::Stale { reason: reason.clone() },
            _ => self.item.clone(),
        }
    }
}

/// The one writer of tag states.
pub(in crate::opcua) struct TagTable {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    entries: Mutex<Entries>,
}

struct Entries {
    list: Vec<Entry>,
    /// How many tags are shown as pending, active, failed and stale.
    counts: [i64; 4],
}

const LABELS: [&str; 4] = ["pending", "active", "failed", "stale"];

impl TagTable {
    /// All tags pending.
    pub(in crate::opcua) fn new(tag_count: usize, board: Arc<Board>, metrics: Arc<Metrics>) -> Self {
        let entry = Entry { item: TagState::Pending, stale: None };
        let counts = [i64::try_from(tag_count).unwrap_or(i64::MAX), 0, 0, 0];
        let table = Self { board, metrics, entries: Mutex::new(Entries { list: vec![entry; tag_count], counts }) };
        table.show(&table.lock());
        table
    }

    /// Every tag has to be subscribed anew. What is stale stays so until its next value.
    pub(in crate::opcua) fn reset(&self) {
        let all = (0_u32..).map(TagId).take(self.lock().list.len());
        self.change(all.map(|tag| (tag, TagState::Pending)), |entry, state| entry.item = state);
    }

    /// Takes the answers to one call.
    pub(in crate::opcua) fn set(&self, states: Vec<(TagId, TagState)>) {
        self.change(states, |entry, state| entry.item = state);
    }

    /// Says which tags have become stale, and why.
    pub(in crate::opcua) fn set_stale(&self, reasons: Vec<(TagId, String)>) {
        self.change(reasons, |entry, reason| entry.stale = Some(reason));
    }

    /// Says which tags have got a value again.
    pub(in crate::opcua) fn revive(&self, tags: &[TagId]) {
        self.change(tags.iter().map(|tag| (*tag, ())), |entry, ()| entry.stale = None);
    }

    fn change<T>(&self, changes: impl IntoIterator<Item = (TagId, T)>, change: impl Fn(&mut Entry, T)) {
        let mut entries = self.lock();
        let Entries { list, counts } = &mut *entries;
        let mut shown = Vec::new();
        for (tag, what) in changes {
            let Some(entry) = list.get_mut(tag.index()) else { continue };
            counts[position(&entry.shown())] -= 1;
            change(entry, what);
            let state = entry.shown();
            counts[position(&state)] += 1;
            shown.push((tag, state));
        }
        // Within the lock, so that the board sees the changes in their order.
        self.board.set_tags(shown);
        self.show(&entries);
    }

    fn show(&self, entries: &Entries) {
        for (label, count) in LABELS.iter().zip(entries.counts) {
            self.metrics.tags.with_label_values(&[label]).set(count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a state is counted.
fn position(state: &TagState) -> usize {
    match state {
        TagState::Pending => 0,
        TagState::Active => 1,
        TagState::Failed { .. } => 2,
        TagState::Stale { .. } => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(tag_count: usize) -> (TagTable, Arc<Board>, Arc<Metrics>) {
        let (board, metrics) = (Arc::new(Board::new(tag_count)), Arc::new(Metrics::new("a")));
        (TagTable::new(tag_count, Arc::clone(&board), Arc::clone(&metrics)), board, metrics)
    }

    fn gauges(metrics: &Metrics) -> [i64; 4] {
        LABELS.map(|label| metrics.tags.with_label_values(&[label]).get())
    }

    fn failed() -> TagState {
        TagState::Failed { reason: "BadNodeIdUnknown".into() }
    }

    #[test]
    fn board_and_gauge_say_the_same() {
        let (table, board, metrics) = table(3);
        table.set(vec![(TagId(0), TagState::Active), (TagId(2), failed())]);
        assert_eq!(gauges(&metrics), [1, 1, 1, 0]);
        assert_eq!(board.snapshot().failed_tags.len(), 1);
        table.reset();
        assert_eq!((gauges(&metrics), board.snapshot().pending_tags), ([3, 0, 0, 0], 3));
    }

    #[test]
    fn a_stale_tag_stays_so_until_its_next_value_whatever_becomes_of_its_item() {
        let (table, board, metrics) = table(2);
        table.set(vec![(TagId(0), TagState::Active), (TagId(1), TagState::Active)]);
        table.set_stale(vec![(TagId(0), "no value for 5s".into())]);
        assert_eq!(gauges(&metrics), [0, 1, 0, 1]);
        assert_eq!(board.snapshot().stale_tags[&TagId(0)], "no value for 5s");
        table.reset();
        assert_eq!(gauges(&metrics), [1, 0, 0, 1]);
        table.set(vec![(TagId(0), failed())]);
        assert_eq!(gauges(&metrics), [1, 0, 1, 0]);
        table.set(vec![(TagId(0), TagState::Active)]);
        assert_eq!(gauges(&metrics), [1, 0, 0, 1]);
        table.revive(&[TagId(0)]);
        assert_eq!((gauges(&metrics), board.snapshot().stale_tags.len()), ([1, 1, 0, 0], 0));
    }
}
