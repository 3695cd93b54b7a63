//! What is said to a broker, in the words of both versions.

use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::domain::Qos;

/// The most bytes of a string, or of binary data other than a payload: their length has 16 bits.
const MAX_STRING_BYTES: usize = 65_535;
/// The most bytes behind a fixed header: MQTT's variable byte integer has four times seven bits.
const MAX_REMAINING_BYTES: usize = 268_435_455;
/// What `TooLong` calls a whole packet.
const PACKET: &str = "packet";

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

impl Properties {
    /// That each part fits.
    pub(super) fn check(&self) -> Result<(), TooLong> {
        check("content type", self.content_type.as_ref().map_or(0, String::len))?;
        check("correlation data", self.correlation_data.as_ref().map_or(0, Bytes::len))?;
        self.user.iter().try_for_each(|(name, value)| {
            check("name of a user property", name.len())?;
            check("value of a user property", value.len())
        })
    }
}

/// Who we are. A clean session, which ends with the connection: nothing waits for us at the broker.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt) struct Connect<'a> {
    /// Our name.
    pub(in crate::mqtt) client_id: &'a str,
    /// What opens the door.
    pub(in crate::mqtt) login: Option<&'a Login>,
    /// After how long without a packet of ours the broker gives us up, one and a half times; whole seconds up to 65,535,
    /// 0 for never.
    pub(in crate::mqtt) keep_alive: Duration,
    /// What the broker says for us when we are cut off.
    pub(in crate::mqtt) will: Option<&'a Will>,
    /// The largest packet that we take, in bytes, from 1; MQTT 3.1.1 cannot say it.
    pub(in crate::mqtt) max_incoming_bytes: u32,
}

impl Connect<'_> {
    /// Whole seconds, as MQTT writes them.
    pub(super) fn keep_alive_seconds(&self) -> u16 {
        u16::try_from(self.keep_alive.as_secs()).unwrap_or(u16::MAX)
    }

    /// That each part fits.
    pub(super) fn check(&self) -> Result<(), TooLong> {
        check("client id", self.client_id.len())?;
        if let Some(login) = self.login {
            check("user name", login.username.len())?;
            check("password", login.password.expose_secret().len())?;
        }
        if let Some(will) = self.will {
            check("Will's topic", will.topic.len())?;
            check("Will's payload", will.payload.len())?;
        }
        Ok(())
    }
}

/// User name and password.
#[derive(Clone, Debug)]
pub(in crate::mqtt) struct Login {
    /// The user name.
    pub(in crate::mqtt) username: String,
    /// The password.
    pub(in crate::mqtt) password: SecretString,
}

/// A Last Will: QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Will {
    /// Where it stands; a valid topic name.
    pub(in crate::mqtt) topic: String,
    /// What it says.
    pub(in crate::mqtt) payload: Bytes,
    /// Whether the broker is to keep it.
    pub(in crate::mqtt) is_retained: bool,
}

/// Why a packet cannot be written: a string of more than 65,535 bytes, or a packet of more than MQTT's 268,435,455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the {part} has {bytes} bytes, and MQTT cannot say more than {}; shorten it", self.limit())]
pub(in crate::mqtt) struct TooLong {
    /// What is too long.
    pub(in crate::mqtt) part: &'static str,
    /// How long it is.
    pub(in crate::mqtt) bytes: usize,
}

impl TooLong {
    /// That a whole packet of so many bytes, fixed header included, is too long.
    pub(super) const fn packet(bytes: usize) -> Self {
        Self { part: PACKET, bytes }
    }

    fn limit(&self) -> usize {
        if self.part == PACKET { MAX_REMAINING_BYTES } else { MAX_STRING_BYTES }
    }
}

/// That a string, or binary data, fits: rumqttc would wrap its length and write all of it.
pub(super) const fn check(part: &'static str, bytes: usize) -> Result<(), TooLong> {
    if bytes > MAX_STRING_BYTES { Err(TooLong { part, bytes }) } else { Ok(()) }
}

/// That a packet of so many bytes, fixed header included, fits.
pub(super) const fn check_packet(bytes: usize) -> Result<(), TooLong> {
    const FIXED_HEADER: usize = 5;
    if bytes > MAX_REMAINING_BYTES + FIXED_HEADER { Err(TooLong::packet(bytes)) } else { Ok(()) }
}
