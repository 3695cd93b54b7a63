//! A DataValue as it came: a value that is decoded, the bytes of one that the server's types decode, or why it cannot be
//! read. What is wrong with one costs no other.

use bytes::Bytes;
use opcua::types::StatusCode as Code;

use crate::domain::{StatusCode, TagValue, Timestamp};
use crate::opcua::value::{
    plain::{self, NotPlain},
    reader::{Malformed, Reader},
    skip,
};

/// A DataValue from the wire.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) struct RawValue {
    /// What it holds.
    pub(in crate::opcua) value: Wire,
    /// Good where none was sent.
    pub(in crate::opcua) status: StatusCode,
    /// When the source says that the value was taken.
    pub(in crate::opcua) source_timestamp: Option<Timestamp>,
    /// When the server says that it got the value.
    pub(in crate::opcua) server_timestamp: Option<Timestamp>,
    /// Whether a text in it was not UTF-8. Nobody knows it yet of encoded ones.
    pub(in crate::opcua) is_lossy: bool,
}

/// A Variant from the wire.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) enum Wire {
    /// Decoded.
    Plain(TagValue),
    /// A Variant with its mask, with a structure, a DataValue or diagnostics in it. These bytes may be a part of the
    /// whole message, and keep it.
    Encoded(Bytes),
    /// Not to be decoded by anybody.
    Unreadable(Malformed),
}

impl RawValue {
    /// The DataValue that comes next; `body` is what the reader reads. An error says that nobody knows where it ends.
    pub(in crate::opcua) fn read(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, Malformed> {
        const HAS_VALUE: u8 = 0x01;
        const HAS_STATUS: u8 = 0x02;
        const HAS_SOURCE_TIMESTAMP: u8 = 0x04;
        const HAS_SERVER_TIMESTAMP: u8 = 0x08;
        const HAS_SOURCE_PICOSECONDS: u8 = 0x10;
        const HAS_SERVER_PICOSECONDS: u8 = 0x20;
        let mask = reader.u8()?;
        let has = |bit| mask & bit != 0;
        reader.take_lossy();
        let value = if has(HAS_VALUE) { Wire::read(reader, body)? } else { Wire::Plain(TagValue::Null) };
        let is_lossy = reader.take_lossy();
        let status = if has(HAS_STATUS) { StatusCode(reader.u32()?) } else { StatusCode::GOOD };
        let source_timestamp = if has(HAS_SOURCE_TIMESTAMP) { reader.time()? } else { None };
        if has(HAS_SOURCE_PICOSECONDS) {
            reader.u16()?;
        }
        let server_timestamp = if has(HAS_SERVER_TIMESTAMP) { reader.time()? } else { None };
        if has(HAS_SERVER_PICOSECONDS) {
            reader.u16()?;
        }
        Ok(Self { value, status, source_timestamp, server_timestamp, is_lossy })
    }

    /// No value, and why.
    pub(in crate::opcua) fn null(status: StatusCode) -> Self {
        Self {
            value: Wire::Plain(TagValue::Null),
            status,
            source_timestamp: None,
            server_timestamp: None,
            is_lossy: false,
        }
    }

    /// In the place of an answer that the server has left out.
    pub(in crate::opcua) fn unanswered() -> Self {
        Self::null(StatusCode(Code::BadUnknownResponse.bits()))
    }

    /// In place of one whose end is not known: what stands behind its value is not known either.
    pub(in crate::opcua) fn unreadable(malformed: Malformed) -> Self {
        Self {
            value: Wire::Unreadable(malformed),
            status: StatusCode(Code::BadDecodingError.bits()),
            source_timestamp: None,
            server_timestamp: None,
            is_lossy: false,
        }
    }
}

impl Wire {
    /// The Variant that comes next.
    fn read(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, Malformed> {
        let start = reader.position();
        let why = match plain::variant(reader) {
            Ok(value) => return Ok(Self::Plain(value)),
            Err(why) => why,
        };
        reader.go_to(start);
        reader.take_lossy();
        skip::variant(reader)?;
        Ok(match why {
            NotPlain::Typed => Self::Encoded(part(body, reader.since(start))),
            NotPlain::Malformed(malformed) => Self::Unreadable(malformed),
        })
    }

    /// Without a hold on the message that it came in.
    pub(in crate::opcua) fn detached(self) -> Self {
        match self {
            Self::Encoded(bytes) => Self::Encoded(Bytes::copy_from_slice(&bytes)),
            other => other,
        }
    }

    /// About how many bytes it holds on the heap.
    pub(in crate::opcua) fn heap_bytes(&self) -> usize {
        match self {
            Self::Plain(value) => value.heap_bytes(),
            Self::Encoded(bytes) => bytes.len(),
            Self::Unreadable(_) => 0,
        }
    }
}

/// Bytes of a body that share its memory.
fn part(body: &Bytes, bytes: &[u8]) -> Bytes {
    let (whole, part) = (body.as_ptr_range(), bytes.as_ptr_range());
    if whole.start <= part.start && part.end <= whole.end {
        body.slice_ref(bytes)
    } else {
        Bytes::copy_from_slice(bytes)
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
