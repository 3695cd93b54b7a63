//! Cuts what was read into packets.

use bytes::BytesMut;

use super::{reader::Reader, received::Unreadable};

/// A whole packet at the beginning of what was read.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// Which packet it is.
    pub(super) kind: Kind,
    /// What stands behind the fixed header.
    pub(super) body: Reader<'a>,
    /// Bytes of all of it.
    pub(super) size: usize,
}

/// What a broker may send to a client that asks for no more than QoS 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connack,
    Publish(Flags),
    Puback,
    Suback,
    Unsuback,
    Pong,
    Disconnect,
    /// MQTT 5 alone has it.
    Auth,
}

/// The flags of a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) is_duplicate: bool,
    /// QoS 1, else QoS 0.
    pub(super) has_id: bool,
    pub(super) is_retained: bool,
}

/// The packet at the beginning of `buffer`; `None` while it is not whole, and then there is room for the rest of it. What is
/// larger than `max_bytes`, or begins as no packet of a broker does, is refused before anything is kept free for it.
pub(super) fn next(buffer: &mut BytesMut, max_bytes: usize) -> Result<Option<Frame<'_>>, Unreadable> {
    // Looked at before the length: what answers on a wrong port may announce bytes that never come.
    let Some(&first) = buffer.first() else { return Ok(None) };
    let kind = Kind::of(first)?;
    let Some((header, remaining)) = length(kind, buffer)? else { return Ok(None) };
    let size = header + remaining;
    if size > max_bytes {
        return Err(Unreadable::TooLarge { bytes: size });
    }
    if buffer.len() < size {
        buffer.reserve(size - buffer.len());
        return Ok(None);
    }
    let body = buffer.get(header..size).unwrap_or_default();
    Ok(Some(Frame { kind, body: Reader::new(kind.name(), body), size }))
}

/// Bytes of the fixed header, and of what follows; `None` while they are not there. The length may have more bytes than it
/// needs: MQTT 3.1.1 does not forbid it.
fn length(kind: Kind, bytes: &[u8]) -> Result<Option<(usize, usize)>, Unreadable> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((2 + index, length)));
        }
    }
    if bytes.len() < 5 {
        return Ok(None);
    }
    Err(Unreadable::malformed(kind.name(), "has a length of more than four bytes"))
}

impl Kind {
    fn of(first: u8) -> Result<Self, Unreadable> {
        let (kind, flags) = (first >> 4, first & 0x0F);
        let kind = match kind {
            2 => Self::Connack,
            3 => return Flags::of(flags).map(Self::Publish),
            4 => Self::Puback,
            9 => Self::Suback,
            11 => Self::Unsuback,
            13 => Self::Pong,
            14 => Self::Disconnect,
            15 => Self::Auth,
            5..=7 => {
                let reason = format!("a packet of QoS 2 (0x{first:02X}), which was not asked for");
                return Err(Unreadable::Malformed { reason });
            }
            _ => {
                let reason = format!("a packet that begins with 0x{first:02X}, which no broker sends");
                return Err(Unreadable::Malformed { reason });
            }
        };
        if flags == 0 {
            Ok(kind)
        } else {
            Err(Unreadable::malformed(kind.name(), &format!("begins with 0x{first:02X}: its flags have to be 0")))
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Connack => "a CONNACK",
            Self::Publish(_) => "a PUBLISH",
            Self::Puback => "a PUBACK",
            Self::Suback => "a SUBACK",
            Self::Unsuback => "an UNSUBACK",
            Self::Pong => "a PINGRESP",
            Self::Disconnect => "a DISCONNECT",
            Self::Auth => "an AUTH",
        }
    }
}

impl Flags {
    fn of(flags: u8) -> Result<Self, Unreadable> {
        match (flags >> 1) & 0b11 {
            qos @ (0 | 1) => {
                Ok(Self { is_duplicate: flags & 0b1000 != 0, has_id: qos == 1, is_retained: flags & 0b0001 != 0 })
            }
            qos => Err(Unreadable::malformed("a PUBLISH", &format!("of QoS {qos}, which was not asked for"))),
        }
    }
}
