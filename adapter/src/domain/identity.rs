//! What names a message for ever: (topic, tag name, epoch, sequence).

/// Counts the starts of this adapter; persisted, one more at each start, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Counts the messages of one northbound mapping within an epoch, from 1. A hole means loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);
