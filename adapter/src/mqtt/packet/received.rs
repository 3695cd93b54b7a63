//! What a broker says, in the words of both versions.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::reason::Reason;
use crate::domain::Qos;

/// A packet of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Received {
    /// The broker has let us in.
    Connack(Connack),
    /// The broker does not let us in: why, and its own words for it.
    Refused(Reason, Option<String>),
    /// The broker has answered a PUBLISH.
    Puback {
        /// The packet id, not 0.
        id: u16,
        /// What it says; success with MQTT 3.1.1.
        reason: Reason,
        /// The broker's own words for it.
        words: Option<String>,
    },
    /// The broker has answered a SUBSCRIBE.
    Suback {
        /// The packet id, not 0.
        id: u16,
        /// By filter, at least one: the QoS that is granted, or an error. However many filters were asked for.
        reasons: Vec<Reason>,
    },
    /// The broker has answered an UNSUBSCRIBE.
    Unsuback {
        /// The packet id, not 0.
        id: u16,
    },
    /// A message has come.
    Publish(Incoming),
    /// The broker has answered a ping.
    Pong,
    /// The broker hangs up.
    Disconnect(Farewell),
    /// The broker wants to go on with an authentication that we have not begun.
    Auth,
}

/// Why the broker hangs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Farewell {
    /// What its DISCONNECT says; 0, a normal disconnection, where it says nothing.
    pub(in crate::mqtt) reason: Reason,
    /// Its own words for it.
    pub(in crate::mqtt) words: Option<String>,
    /// Which server it names instead.
    pub(in crate::mqtt) server_reference: Option<String>,
}

/// What the broker says about itself when it lets us in. MQTT 3.1.1 has nothing of it but `session_present`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own in the standard")]
pub(in crate::mqtt) struct Connack {
    /// Messages that it takes before it has acknowledged the first of them: from 1; 65,535 where it does not say.
    pub(in crate::mqtt) receive_maximum: u16,
    /// The largest packet it takes, in bytes; not 0.
    pub(in crate::mqtt) max_packet_bytes: Option<u32>,
    /// Whether it keeps retained messages.
    pub(in crate::mqtt) keeps_retained: bool,
    /// The highest quality of service that it takes.
    pub(in crate::mqtt) max_qos: Qos,
    /// Server Keep Alive, in whole seconds; 0 when it does not watch us, `None` when ours holds.
    pub(in crate::mqtt) keep_alive: Option<Duration>,
    /// Whether messages can carry properties.
    pub(in crate::mqtt) has_properties: bool,
    /// The client id that it has given us in place of an empty one.
    pub(in crate::mqtt) assigned_client_id: Option<String>,
    /// Whether a filter may have wildcards.
    pub(in crate::mqtt) has_wildcards: bool,
    /// Whether it has kept a session for us, which we never ask for.
    pub(in crate::mqtt) session_present: bool,
}

impl Connack {
    /// What holds where the broker says nothing.
    pub(super) const fn silent(has_properties: bool, session_present: bool) -> Self {
        Self {
            receive_maximum: u16::MAX,
            max_packet_bytes: None,
            keeps_retained: true,
            max_qos: Qos::AtLeastOnce,
            keep_alive: None,
            has_properties,
            assigned_client_id: None,
            has_wildcards: true,
            session_present,
        }
    }
}

/// A message of the broker. User properties are not among it, so nothing such as `hmq-bridge-hop-count` can ever be copied
/// on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Incoming {
    /// The packet id that its PUBACK is to carry; 0 for QoS 0, which has none.
    pub(in crate::mqtt) id: u16,
    /// Where it was published; not empty.
    pub(in crate::mqtt) topic: String,
    /// What it says; bytes of its own, not a part of what was read.
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

/// What came is no MQTT, or a packet larger than we take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::mqtt) enum Unreadable {
    /// A packet is larger than we take, which it was told.
    #[error("a packet of {bytes} bytes")]
    TooLarge {
        /// Its size, fixed header included.
        bytes: usize,
    },
    /// A packet is not as the standard has it.
    #[error("{reason}")]
    Malformed {
        /// Which packet, and what is wrong with it.
        reason: String,
    },
}

impl Unreadable {
    /// The packet by this name is wrong, as `what` says.
    pub(super) fn malformed(packet: &str, what: &str) -> Self {
        Self::Malformed { reason: format!("{packet} {what}") }
    }
}
