//! Bytes and packets of both versions of MQTT: the seam between this room and rumqttc.
//!
//! What we write goes through rumqttc's packet types, after a look at what they would get wrong: a string of more than
//! 65,535 bytes, whose length they wrap. What the broker says is read here. rumqttc's readers refuse reason codes that
//! they do not know, lose a DISCONNECT of one byte (mosquitto's `e0 01 95`), call `e0 00` an error, wait for ever for the
//! end of a CONNACK without properties, and lose count behind a Subscription Identifier.
//!
//! [`Codec`] is all that lies above sees of it: `frame` cuts the stream into packets, `reader` reads their fields, `v5` and
//! `v311` know what is in them, and `received` and `sent` say it in the words of both.

mod codec;
mod frame;
#[cfg(test)]
mod frame_tests;
pub mod hostile;
#[cfg(test)]
mod read_tests;
mod reader;
mod reason;
mod received;
mod sent;
mod size;
mod v311;
#[cfg(test)]
mod v311_read_tests;
mod v5;
#[cfg(test)]
mod write_tests;

pub(in crate::mqtt) use codec::Codec;
pub(in crate::mqtt) use reason::Reason;
pub(in crate::mqtt) use received::{Connack, Farewell, Incoming, Received, Unreadable};
pub(in crate::mqtt) use sent::{Connect, Login, Properties, Publication, TooLong, Will};
pub(in crate::mqtt) use size::publish_bytes;
