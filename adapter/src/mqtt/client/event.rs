//! What a client says and is asked, in the words of both versions.

use std::time::Duration;

use bytes::Bytes;

use crate::{domain::Qos, mqtt::window::Answer};

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Event {
    /// The broker has let us in.
    Connected(Connack),
    /// A PUBLISH, SUBSCRIBE or UNSUBSCRIBE is written, under this packet id; 0 for QoS 0.
    Sent(u16),
    /// A packet id is still in use, so that the packet is held back.
    Collision(u16),
    /// DISCONNECT is written.
    Disconnected,
    /// The broker has answered a PUBLISH.
    Puback {
        /// The packet id.
        id: u16,
        /// What it says.
        answer: Answer,
        /// The same for people.
        words: &'static str,
    },
    /// The broker has answered a SUBSCRIBE.
    Suback {
        /// The packet id.
        id: u16,
        /// By filter: why it is refused; `None` when it is not.
        refusals: Vec<Option<&'static str>>,
    },
    /// The broker has answered an UNSUBSCRIBE.
    Unsuback {
        /// The packet id.
        id: u16,
    },
    /// A message has come.
    Publish(Incoming),
    /// A ping, or an acknowledgement of ours: a sign of life.
    Other,
}

/// What the broker says about itself when it lets us in. MQTT 3.1.1 has none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Connack {
    /// Messages that it takes before it has acknowledged the first of them, at least 1.
    pub(in crate::mqtt) receive_maximum: u16,
    /// The largest packet it takes, in bytes.
    pub(in crate::mqtt) max_packet_bytes: Option<u32>,
    /// Whether it keeps retained messages.
    pub(in crate::mqtt) keeps_retained: bool,
    /// The highest quality of service that it takes.
    pub(in crate::mqtt) max_qos: Qos,
    /// After how long without a packet a ping is sent; not zero.
    pub(in crate::mqtt) keep_alive: Duration,
    /// Whether messages can carry properties.
    pub(in crate::mqtt) has_properties: bool,
}

/// A message of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Incoming {
    /// Where it was published.
    pub(in crate::mqtt) topic: String,
    /// What it says.
    pub(in crate::mqtt) payload: Bytes,
    /// The retain bit.
    pub(in crate::mqtt) is_retained: bool,
    /// The DUP bit.
    pub(in crate::mqtt) is_duplicate: bool,
    /// Where its sender wants the answer. Never with MQTT 3.1.1.
    pub(in crate::mqtt) response_topic: Option<String>,
    /// What its sender wants to find in the answer. Never with MQTT 3.1.1.
    pub(in crate::mqtt) correlation_data: Option<Bytes>,
    /// Seconds that it has left to live. Never with MQTT 3.1.1.
    pub(in crate::mqtt) expiry_seconds: Option<u32>,
}

/// A message for the broker.
#[derive(Debug)]
pub(in crate::mqtt) struct Publication<'a> {
    /// Where to; a valid topic name.
    pub(in crate::mqtt) topic: &'a str,
    /// How surely.
    pub(in crate::mqtt) qos: Qos,
    /// Whether the broker is to keep it.
    pub(in crate::mqtt) is_retained: bool,
    /// What it says.
    pub(in crate::mqtt) payload: Bytes,
    /// What it carries besides; MQTT 3.1.1 leaves it out.
    pub(in crate::mqtt) properties: Option<Properties>,
}

/// What a message carries besides its payload. Each costs the CPU more than the payload, so only what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mqtt) struct Properties {
    /// Seconds after which the broker drops it undelivered.
    pub(in crate::mqtt) expiry_seconds: Option<u32>,
    /// What the payload is, as a MIME type.
    pub(in crate::mqtt) content_type: Option<String>,
    /// What the sender of a command wanted to find in the answer.
    pub(in crate::mqtt) correlation_data: Option<Bytes>,
    /// Names and values.
    pub(in crate::mqtt) user: Vec<(String, String)>,
}
