//! Messages that were read from the spool and not yet written.

use std::collections::VecDeque;

use crate::{
    domain::{Lane, OutboundMessage},
    spool::{Position, Spool},
};

/// Messages read from the spool at a time, at most.
const CHUNK: usize = 256;

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

    /// Whether nothing is left of what the spool had at the last look, and it had no more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.messages.is_empty() && !self.may_have_more
    }

    /// Whether there is, or may be, a message.
    pub(super) fn has_waiting(&self) -> bool {
        !self.is_exhausted()
    }

    /// Forgets what was read, because the spool starts again at what is not acknowledged.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.may_have_more = true;
    }
}

/// The next messages of QoS 0.
#[derive(Debug)]
pub(super) struct AheadVolatile {
    messages: VecDeque<OutboundMessage>,
    may_have_more: bool,
}

impl AheadVolatile {
    pub(super) const fn new() -> Self {
        Self { messages: VecDeque::new(), may_have_more: true }
    }

    /// The spool may have more than at the last look.
    pub(super) const fn nudge(&mut self) {
        self.may_have_more = true;
    }

    /// The next message; `None` when the spool had none at the last look.
    pub(super) fn next(&mut self, spool: &Spool) -> Option<OutboundMessage> {
        if self.messages.is_empty() && self.may_have_more {
            let mut taken = Vec::new();
            self.may_have_more = spool.read_volatile(CHUNK, &mut taken) == CHUNK;
            self.messages = taken.into();
        }
        self.messages.pop_front()
    }

    /// Whether nothing was read that is not yet written.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What was read and is not yet written.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = OutboundMessage> {
        self.messages.drain(..)
    }
}
