//! One value as it comes from the OPC UA server.

use super::{StatusCode, TagId, TagValue, Timestamp};

/// A value of one tag with all that is known about it. Nothing downstream reads a clock.
#[derive(Clone, Debug, PartialEq)]
pub struct TagUpdate {
    /// Whose value it is.
    pub tag: TagId,
    /// The value; `TagValue::Null` when the server sent none.
    pub value: TagValue,
    /// How far the value can be trusted.
    pub status: StatusCode,
    /// When the source (the PLC's program or its device) says the value was taken.
    pub source_timestamp: Option<Timestamp>,
    /// When the OPC UA server says it got the value.
    pub server_timestamp: Option<Timestamp>,
    /// When the Publish response that carried it arrived here.
    pub received_at: Timestamp,
    /// What is special about this update.
    pub flags: UpdateFlags,
}

/// What is special about an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks, each a word of the payload")]
pub struct UpdateFlags {
    /// First value after a MonitoredItem was created: a repeat of the current value, not a change.
    pub is_initial: bool,
    /// The server dropped older values of this tag from its queue before this one.
    pub has_overflow: bool,
    /// The value could not be decoded and is null, or a structure in it, whose body stands in its place.
    pub is_undecoded: bool,
    /// A text in the value was not UTF-8; what was not is U+FFFD.
    pub is_lossy_text: bool,
    /// The value has no such member as the tag's `field` names; `value` is null.
    pub is_missing_field: bool,
    /// Nothing came for as long as the tag's `heartbeat`: the last value once more, with its own times.
    pub is_heartbeat: bool,
    /// The last value once more, and nobody vouches for it: none has come for longer than the tag's `stale_after`, or the
    /// session that brought it is gone.
    pub is_stale: bool,
    /// The value is the last good one, in place of this one, which is not good.
    pub is_held: bool,
}

/// Which clock a message's `timestamp` was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// The SourceTimestamp.
    Source,
    /// The ServerTimestamp, as the source gave none.
    Server,
    /// The time of receipt, as neither was given.
    Receipt,
}

impl TagUpdate {
    /// Whether it says nothing new of the machine: the last value once more.
    pub const fn is_repeat(&self) -> bool {
        self.flags.is_heartbeat || self.flags.is_stale
    }

    /// The best timestamp there is: source, else server, else receipt.
    pub fn timestamp(&self) -> (Timestamp, TimestampSource) {
        match (self.source_timestamp, self.server_timestamp) {
            (Some(source), _) => (source, TimestampSource::Source),
            (None, Some(server)) => (server, TimestampSource::Server),
            (None, None) => (self.received_at, TimestampSource::Receipt),
        }
    }
}
