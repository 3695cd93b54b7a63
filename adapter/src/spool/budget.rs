//! How much one reading may hand out.

use crate::domain::OutboundMessage;

/// Bytes handed out at a time, so that large messages do not fill the memory.
const BYTES: usize = 1 << 20;

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    messages: usize,
    bytes: usize,
}

impl Budget {
    /// So many messages, or as many as have about 1 MiB together, and at least one.
    pub(super) const fn of(messages: usize) -> Self {
        Self { messages, bytes: BYTES }
    }

    /// Whether a message may be handed out.
    pub(super) const fn is_left(self) -> bool {
        self.messages > 0 && self.bytes > 0
    }

    /// A message is handed out.
    pub(super) fn spend(&mut self, message: &OutboundMessage) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(message.weight());
    }
}
