//! How each tag is, kept in step with the board and the gauge.

use std::sync::Arc;

use crate::{
    domain::TagId,
    supervisor::{Board, TagState},
    telemetry::Metrics,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Pending,
    Active,
    Failed,
}

/// The one writer of tag states.
pub(super) struct TagTable {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    health: Vec<Health>,
}

impl TagTable {
    /// All tags pending.
    pub(super) fn new(tag_count: usize, board: Arc<Board>, metrics: Arc<Metrics>) -> Self {
        let table = Self { board, metrics, health: vec![Health::Pending; tag_count] };
        table.show();
        table
    }

    /// Every tag has to be subscribed anew.
    pub(super) fn reset(&mut self) {
        self.health.fill(Health::Pending);
        self.board.reset_tags();
        self.show();
    }

    /// Takes the answers to one call.
    pub(super) fn set(&mut self, states: Vec<(TagId, TagState)>) {
        for (tag, state) in &states {
            self.health[tag.index()] = match state {
                TagState::Pending => Health::Pending,
                TagState::Active => Health::Active,
                TagState::Failed { .. } => Health::Failed,
            };
        }
        self.board.set_tags(states);
        self.show();
    }

    /// Tags that are subscribed.
    pub(super) fn active(&self) -> usize {
        self.count(Health::Active)
    }

    fn count(&self, health: Health) -> usize {
        self.health.iter().filter(|candidate| **candidate == health).count()
    }

    fn show(&self) {
        for (label, health) in [("pending", Health::Pending), ("active", Health::Active), ("failed", Health::Failed)] {
            let count = i64::try_from(self.count(health)).unwrap_or(i64::MAX);
            self.metrics.tags.with_label_values(&[label]).set(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn board_and_gauge_say_the_same() {
        let (board, metrics) = (Arc::new(Board::new(3)), Arc::new(Metrics::new("a")));
        let mut table = TagTable::new(3, Arc::clone(&board), Arc::clone(&metrics));
        let gauge = |label: &str| metrics.tags.with_label_values(&[label]).get();
        let failed = TagState::Failed { reason: "BadNodeIdUnknown".into() };
        table.set(vec![(TagId(0), TagState::Active), (TagId(2), failed)]);
        assert_eq!((gauge("pending"), gauge("active"), gauge("failed")), (1, 1, 1));
        assert_eq!(board.snapshot().failed_tags.len(), 1);
        table.reset();
        assert_eq!((gauge("pending"), table.active(), board.snapshot().pending_tags), (3, 0, 3));
    }
}
