//! Which version is spoken, and in which form its packets go out.

use bytes::{Buf, BufMut, BytesMut};

use super::{
    frame,
    received::{Received, Unreadable},
    sent::{Connect, Properties, Publication, TooLong, check, check_packet},
    size::publish_bytes,
    v5, v311,
};
use crate::{
    config::effective::ProtocolVersion,
    domain::{Qos, TopicFilter},
};

/// Bytes to packets and packets to bytes, for one version.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt) struct Codec {
    version: ProtocolVersion,
    max_incoming_bytes: usize,
}

impl Codec {
    /// For this version; packets of more than `max_incoming_bytes`, fixed header included, are refused.
    pub(in crate::mqtt) const fn new(version: ProtocolVersion, max_incoming_bytes: usize) -> Self {
        Self { version, max_incoming_bytes }
    }

    /// What is spoken.
    pub(in crate::mqtt) const fn version(self) -> ProtocolVersion {
        self.version
    }

    /// Takes the next packet out of what was read; `None` while it is not whole, and then there is room for the rest of it.
    /// Never panics, whatever came; after an error nothing more can be read of the connection.
    pub(in crate::mqtt) fn take(self, buffer: &mut BytesMut) -> Result<Option<Received>, Unreadable> {
        let Some(frame) = frame::next(buffer, self.max_incoming_bytes)? else { return Ok(None) };
        let received = match self.version {
            ProtocolVersion::V5 => v5::read(&frame),
            ProtocolVersion::V311 => v311::read(&frame),
        };
        let size = frame.size;
        buffer.advance(size);
        received.map(Some)
    }

    /// Appends a CONNECT. On an error `out` is as before.
    pub(in crate::mqtt) fn connect(self, out: &mut BytesMut, connect: &Connect<'_>) -> Result<(), TooLong> {
        connect.check()?;
        // rumqttc goes back to write the flags, counting from the beginning of the buffer.
        let mut packet = BytesMut::new();
        let written = match self.version {
            ProtocolVersion::V5 => v5::connect(&mut packet, connect),
            ProtocolVersion::V311 => v311::connect(&mut packet, connect),
        };
        written.map_err(TooLong::packet)?;
        out.extend_from_slice(&packet);
        Ok(())
    }

    /// Appends a PUBLISH; `id` is 0 for QoS 0, and must not be for QoS 1. On an error `out` is as before.
    pub(in crate::mqtt) fn publish(
        self,
        out: &mut BytesMut,
        id: u16,
        publication: &Publication<'_>,
    ) -> Result<(), TooLong> {
        let Publication { topic, qos, payload, .. } = publication;
        debug_assert_eq!(id == 0, *qos == Qos::AtMostOnce, "QoS 1 has a packet id, and QoS 0 has none");
        let properties = match self.version {
            ProtocolVersion::V5 => publication.properties.as_ref(),
            ProtocolVersion::V311 => None,
        };
        check("topic", topic.len())?;
        properties.map_or(Ok(()), Properties::check)?;
        let bytes = publish_bytes(self.version, topic.len(), payload.len(), *qos, properties);
        check_packet(bytes)?;
        out.reserve(bytes);
        append(out, |out| match self.version {
            ProtocolVersion::V5 => v5::publish(out, id, publication),
            ProtocolVersion::V311 => v311::publish(out, id, publication),
        })
    }

    /// Appends a SUBSCRIBE to fresh commands of others, QoS 1; at least one filter. With MQTT 3.1.1 what is retained and what
    /// we publish ourselves comes too. On an error `out` is as before.
    pub(in crate::mqtt) fn subscribe(
        self,
        out: &mut BytesMut,
        id: u16,
        filters: &[TopicFilter],
    ) -> Result<(), TooLong> {
        check_filters(filters)?;
        append(out, |out| match self.version {
            ProtocolVersion::V5 => v5::subscribe(out, id, filters),
            ProtocolVersion::V311 => v311::subscribe(out, id, filters),
        })
    }

    /// Appends a SUBSCRIBE to all that a person at the broker would see, QoS 1. On an error `out` is as before.
    pub(in crate::mqtt) fn watch(self, out: &mut BytesMut, id: u16, filter: &str) -> Result<(), TooLong> {
        check("topic filter", filter.len())?;
        append(out, |out| match self.version {
            ProtocolVersion::V5 => v5::watch(out, id, filter),
            ProtocolVersion::V311 => v311::watch(out, id, filter),
        })
    }

    /// Appends an UNSUBSCRIBE; at least one filter. On an error `out` is as before.
    pub(in crate::mqtt) fn unsubscribe(
        self,
        out: &mut BytesMut,
        id: u16,
        filters: &[TopicFilter],
    ) -> Result<(), TooLong> {
        check_filters(filters)?;
        append(out, |out| match self.version {
            ProtocolVersion::V5 => v5::unsubscribe(out, id, filters),
            ProtocolVersion::V311 => v311::unsubscribe(out, id, filters),
        })
    }

    // The rest is the same in both versions, and cannot fail as rumqttc's writers could.

    /// Appends the PUBACK of a message.
    #[expect(clippy::unused_self, reason = "asked of a codec, as the others are")]
    pub(in crate::mqtt) fn puback(self, out: &mut BytesMut, id: u16) {
        out.put_slice(&[0x40, 2]);
        out.put_u16(id);
    }

    /// Appends a PINGREQ.
    #[expect(clippy::unused_self, reason = "asked of a codec, as the others are")]
    pub(in crate::mqtt) fn ping(self, out: &mut BytesMut) {
        out.put_slice(&[0xC0, 0]);
    }

    /// Appends a DISCONNECT after which the broker does not publish the Will.
    #[expect(clippy::unused_self, reason = "asked of a codec, as the others are")]
    pub(in crate::mqtt) fn disconnect(self, out: &mut BytesMut) {
        out.put_slice(&[0xE0, 0]);
    }
}

fn check_filters(filters: &[TopicFilter]) -> Result<(), TooLong> {
    filters.iter().try_for_each(|filter| check("topic filter", filter.as_str().len()))
}

/// Has a packet written behind what is there. rumqttc notices that it is too large when it has begun.
fn append(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<usize, usize>) -> Result<(), TooLong> {
    let before = out.len();
    write(out).map(drop).map_err(|bytes| {
        out.truncate(before);
        TooLong::packet(bytes)
    })
}
