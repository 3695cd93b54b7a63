//! A command from MQTT to the PLC, and the one verdict it gets.

use std::time::Instant;

use bytes::Bytes;

use super::{BrokerId, StatusCode, Timestamp};

/// A message that arrived on a subscribed topic, before anything about it is believed.
#[derive(Clone, Debug)]
pub struct Command {
    /// The broker that it came from, where the verdict goes, too.
    pub broker: BrokerId,
    /// The topic it was published to.
    pub topic: String,
    /// The payload as it came.
    pub payload: Bytes,
    /// Whether the broker had kept it: an old message, not a fresh wish.
    pub is_retained: bool,
    /// Whether the broker says that it may have sent it before.
    pub is_duplicate: bool,
    /// MQTT 5 response topic, where the verdict goes.
    pub response_topic: Option<String>,
    /// MQTT 5 correlation data, which the verdict carries back.
    pub correlation_data: Option<Bytes>,
    /// MQTT 5 message expiry as the broker passed it on, in seconds: what is left of the message's life.
    pub message_expiry_seconds: Option<u32>,
    /// When it arrived here, on a clock that nobody sets.
    pub received_at: Instant,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server answered Good.
    Succeeded,
    /// It was refused here; the PLC saw nothing.
    Rejected,
    /// The server refused it.
    Failed,
    /// The write was sent and no answer came: the PLC may have it.
    Unknown,
}

impl Outcome {
    /// The outcome as payloads and metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a command was refused before anything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// No southbound mapping matches the topic.
    Unmapped,
    /// The payload is no JSON, too large, or has no value at the mapping's path.
    Malformed,
    /// The retain bit is set: the broker had kept it.
    Retained,
    /// The value is beyond the mapping's range or that of the node's DataType.
    OutOfRange,
    /// The value cannot become the node's DataType without loss, or no JSON can.
    WrongType,
    /// AccessLevel does not allow CurrentWrite, or the node is no Variable.
    NotWritable,
    /// The node is not known to the server.
    UnknownNode,
    /// There is no OPC UA session to write through.
    NotConnected,
    /// The command is older than the mapping allows.
    TooOld,
    /// `max_age` is set and the command says nothing about its age.
    AgeUnknown,
    /// It has waited for longer than the mapping's `max_wait`.
    Expired,
    /// The broker may have sent it before, and it has no id to tell.
    PossibleDuplicate,
    /// Its id, or its correlation data at this response topic, was that of another value within five minutes.
    IdReused,
    /// More commands wait than the adapter takes.
    Overloaded,
    /// The adapter is shutting down.
    ShuttingDown,
}

impl RejectReason {
    /// The reason as payloads spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmapped => "unmapped",
            Self::Malformed => "malformed",
            Self::Retained => "retained",
            Self::OutOfRange => "out_of_range",
            Self::WrongType => "wrong_type",
            Self::NotWritable => "not_writable",
            Self::UnknownNode => "unknown_node",
            Self::NotConnected => "not_connected",
            Self::TooOld => "too_old",
            Self::AgeUnknown => "age_unknown",
            Self::Expired => "expired",
            Self::PossibleDuplicate => "possible_duplicate",
            Self::IdReused => "id_reused",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// The answer to a command; every command gets exactly one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one word; absent when it succeeded.
    pub reason: Option<String>,
    /// Why, in a sentence for a person; absent when it succeeded.
    pub message: Option<String>,
    /// The tag, once the topic is known to be mapped.
    pub tag_name: Option<String>,
    /// The value as the command gave it, once it could be read.
    pub value: Option<serde_json::Value>,
    /// The command's own id, where it gave one.
    pub id: Option<serde_json::Value>,
    /// What the server answered, once it was asked.
    pub status_code: Option<StatusCode>,
    /// When the verdict was reached.
    pub completed_at: Timestamp,
}
