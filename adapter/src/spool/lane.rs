//! One lane: messages in order, those in the publisher's hands before those that wait.

use std::collections::VecDeque;

use super::Position;
use crate::domain::{OutboundMessage, Timestamp};

/// Two queues, so that retention can take the oldest message that is *not* in flight from the front of a queue.
#[derive(Debug, Default)]
pub(super) struct LaneQueue {
    newest: Position,
    in_hand: VecDeque<(Position, OutboundMessage)>,
    waiting: VecDeque<(Position, OutboundMessage)>,
}

impl LaneQueue {
    pub(super) fn push(&mut self, message: OutboundMessage) {
        self.newest = self.newest.next();
        self.waiting.push_back((self.newest, message));
    }

    pub(super) const fn newest(&self) -> Position {
        self.newest
    }

    pub(super) fn len(&self) -> usize {
        self.in_hand.len() + self.waiting.len()
    }

    /// When the oldest message was created.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.in_hand.front().or_else(|| self.waiting.front()).map(|(_, message)| message.created_at)
    }

    /// Copies up to `max` messages, the next ones in order, into `taken`.
    pub(super) fn take(&mut self, max: usize, taken: &mut Vec<(Position, OutboundMessage)>) -> usize {
        let count = max.min(self.waiting.len());
        for entry in self.waiting.drain(..count) {
            taken.push(entry.clone());
            self.in_hand.push_back(entry);
        }
        count
    }

    /// What was taken and not acknowledged waits again, at the front.
    pub(super) fn put_back(&mut self) {
        self.in_hand.append(&mut self.waiting);
        std::mem::swap(&mut self.in_hand, &mut self.waiting);
    }

    /// Lets go of everything up to and including `up_to`; returns how many bytes. Positions that are gone already are
    /// no mistake.
    pub(super) fn acknowledge(&mut self, up_to: Position) -> usize {
        let mut freed = 0;
        for queue in [&mut self.in_hand, &mut self.waiting] {
            let count = queue.partition_point(|(position, _)| *position <= up_to);
            freed += queue.drain(..count).map(|(_, message)| message.weight()).sum::<usize>();
        }
        freed
    }

    pub(super) fn drop_oldest_waiting(&mut self) -> Option<OutboundMessage> {
        self.waiting.pop_front().map(|(_, message)| message)
    }

    pub(super) fn drop_oldest_in_hand(&mut self) -> Option<OutboundMessage> {
        self.in_hand.pop_front().map(|(_, message)| message)
    }
}
