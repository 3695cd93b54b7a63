//! Messages that were read from the spool and not yet handed to the client.

use std::collections::VecDeque;

use crate::{
    domain::{Lane, OutboundMessage},
    spool::{Position, Spool},
};

/// Messages read from the spool at a time, at most.
pub(super) const CHUNK: usize = 256;

/// The next messages of one lane.
#[derive(Debug)]
pub(super) struct Ahead {
    lane: Lane,
    messages: VecDeque<(Position, OutboundMessage)>,
    /// Kept between two reads for its memory only.
    taken: Vec<(Position, OutboundMessage)>,
    may_have_more: bool,
}

impl Ahead {
    pub(super) const fn new(lane: Lane) -> Self {
        Self { lane, messages: VecDeque::new(), taken: Vec::new(), may_have_more: true }
    }

    /// The spool may have more than at the last look.
    pub(super) const fn nudge(&mut self) {
        self.may_have_more = true;
    }

    /// The next message; `None` when the spool had none at the last look.
    pub(super) fn next(&mut self, spool: &Spool) -> Option<(Position, OutboundMessage)> {
        if self.messages.is_empty() && self.may_have_more {
            self.may_have_more = spool.read(self.lane, CHUNK, &mut self.taken) > 0;
            self.messages.extend(self.taken.drain(..));
        }
        self.messages.pop_front()
    }

    /// Gives back what `next` gave last.
    pub(super) fn put_back(&mut self, position: Position, message: OutboundMessage) {
        self.messages.push_front((position, message));
    }

    /// Forgets what was read, because the spool starts again at what is not acknowledged.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.may_have_more = true;
    }
}
