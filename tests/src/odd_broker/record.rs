//! What the broker has seen.

use std::time::Duration;

use super::{Connect, Publish};

/// Something a client did.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Since the broker was made.
    pub at: Duration,
    /// The connection, from 1.
    pub connection: usize,
    /// What it was.
    pub event: Event,
}

/// What a client can do.
#[derive(Clone, Debug)]
pub enum Event {
    /// A CONNECT, and whether it was accepted.
    Connect(Connect, bool),
    /// A SUBSCRIBE with these filters.
    Subscribe(Vec<String>),
    /// An UNSUBSCRIBE with these filters.
    Unsubscribe(Vec<String>),
    /// A PUBLISH, and what became of it.
    Publish(Publish, Outcome),
    /// A PUBACK for a message of the broker's.
    Acknowledge(u16),
    /// A PINGREQ.
    Ping,
    /// A DISCONNECT with this reason; 4 has the will published.
    Disconnect(u8),
    /// The end of the connection, whoever wanted it.
    End,
    /// Bytes that are no packet of MQTT, or one that no client may send.
    Nonsense(String),
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, and acknowledged where that was asked for.
    Taken,
    /// Taken, and never acknowledged.
    Swallowed,
    /// Refused by this PUBACK reason.
    Refused(u8),
    /// Lost, without an answer; so are those that come after the broker has hung up.
    Lost,
    /// It ended the connection.
    Fatal,
}

impl Outcome {
    /// Whether subscribers would have it.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Taken | Self::Swallowed)
    }
}
