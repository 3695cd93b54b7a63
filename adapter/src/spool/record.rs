//! The records of a segment: how a route, a message and the summary of a segment stand on the disk.
//!
//! All numbers are little-endian. A record is
//!
//! ```text
//! marker   2 bytes   E7 54, so that reading can go on behind a damaged record
//! length   u32       of the body, at most MAX_BODY
//! checksum u32       CRC-32 of length and body
//! body     1 byte of kind, and what the kind says below
//! ```
//!
//! | kind | body |
//! |---|---|
//! | 1, route | id u32, `QoS` u8, retained u8, expiry in ms u64 (`MAX`: none), topic text, tag name text or none, content type text or none, count u32 and that many pairs of texts |
//! | 2, message | position u64, route id u32, created u64, source time u64 (`MAX`: none), sequence u64 (0: none), correlation data or none, count u32 and that many pairs of texts, payload to the end |
//! | 3, summary | count u64, last position u64, newest created u64, count u32 and per route: topic text, tag name text or none, count u64, first and last sequence u64 (0: none), oldest and newest time u64 |
//!
//! Positions and sequences stay below 2^63. Times are 100 ns since 1601. A text is a u32 of length and UTF-8; "or none" is a length of `MAX`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Position, summary::Summary};
use crate::domain::{Epoch, OutboundMessage, Qos, Route, Sequence, TagName, Timestamp, TopicName};

/// The first bytes of every record.
pub(super) const MARKER: [u8; 2] = [0xE7, 0x54];
/// Marker, length and checksum.
pub(super) const HEADER_BYTES: usize = 10;
/// No message is larger than MQTT can carry.
pub(super) const MAX_BODY: usize = 300 << 20;

/// The least that a message takes.
pub(super) const LEAST_BYTES_OF_A_MESSAGE: u64 = 55;

const ROUTE: u8 = 1;
const MESSAGE: u8 = 2;
const SUMMARY: u8 = 3;
const NONE: u32 = u32::MAX;

/// What a record says.
#[derive(Debug)]
pub(super) enum Record {
    Route(u32, Route),
    Message(StoredMessage),
    Summary(Summary),
}

/// A message whose route is known by its id only.
#[derive(Debug)]
pub(super) struct StoredMessage {
    pub(super) position: Position,
    pub(super) route: u32,
    created_at: Timestamp,
    source_timestamp: Option<Timestamp>,
    pub(super) sequence: Option<Sequence>,
    correlation_data: Option<Bytes>,
    user_properties: Vec<(Cow<'static, str>, String)>,
    payload: Bytes,
}

impl StoredMessage {
    /// The message, for its route, and the epoch of its segment.
    pub(super) fn with_route(self, route: &Arc<Route>, epoch: Epoch) -> OutboundMessage {
        OutboundMessage {
            route: Arc::clone(route),
            epoch: Some(epoch),
            payload: self.payload,
            sequence: self.sequence,
            user_properties: self.user_properties,
            correlation_data: self.correlation_data,
            source_timestamp: self.source_timestamp,
            created_at: self.created_at,
            received_at: None,
        }
    }
}

/// What stands at an offset.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A record of so many bytes.
    Whole(Record, usize),
    /// The bytes end before the record does: so many are needed at least.
    Short(usize),
    /// No record.
    Damaged,
}

/// How long the body is that the header at the beginning of `bytes` promises; 0 where there is no header.
pub(super) fn promised_bytes(bytes: &[u8]) -> usize {
    match bytes {
        [first, second, a, b, c, d, ..] if [*first, *second] == MARKER => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    }
}

/// Reads the record at the beginning of `bytes`. Never panics, whatever the bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        let is_start = MARKER.starts_with(bytes.get(..2.min(bytes.len())).unwrap_or_default());
        return if is_start { Parsed::Short(HEADER_BYTES) } else { Parsed::Damaged };
    };
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (length, checksum) = (number(2), number(6));
    let body_bytes = length as usize;
    if header[..2] != MARKER || body_bytes > MAX_BODY {
        return Parsed::Damaged;
    }
    let total = HEADER_BYTES + body_bytes;
    let Some(body) = bytes.get(HEADER_BYTES..total) else { return Parsed::Short(total) };
    if checksum_of(length, body) != checksum {
        return Parsed::Damaged;
    }
    let mut fields = Fields { bytes: body };
    match fields.record() {
        Some(record) => Parsed::Whole(record, total),
        None => Parsed::Damaged,
    }
}

fn checksum_of(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// Appends a route record.
pub(super) fn write_route(buffer: &mut Vec<u8>, id: u32, route: &Route) {
    write_record(buffer, |body| {
        body.push(ROUTE);
        put_u32(body, id);
        body.push(match route.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
        });
        body.push(u8::from(route.is_retained));
        let expiry = route.message_expiry.map(|expiry| u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX - 1));
        put_u64(body, expiry.unwrap_or(u64::MAX));
        put_text(body, Some(route.topic.as_str()));
        put_text(body, route.tag_name.as_ref().map(TagName::as_str));
        put_text(body, route.content_type.as_deref());
        put_pairs(body, route.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    });
}

/// Appends a message record.
pub(super) fn write_message(buffer: &mut Vec<u8>, position: Position, route: u32, message: &OutboundMessage) {
    write_record(buffer, |body| {
        body.push(MESSAGE);
        put_u64(body, position.0);
        put_u32(body, route);
        put_time(body, Some(message.created_at));
        put_time(body, message.source_timestamp);
        put_u64(body, message.sequence.map_or(0, |sequence| sequence.0));
        put_bytes(body, message.correlation_data.as_deref());
        put_pairs(body, message.user_properties.iter().map(|(name, value)| (name.as_ref(), value.as_str())));
        body.extend_from_slice(&message.payload);
    });
}

/// Appends a summary record.
pub(super) fn write_summary(buffer: &mut Vec<u8>, summary: &Summary) {
    write_record(buffer, |body| {
        body.push(SUMMARY);
        summary.encode(body);
    });
}

fn write_record(buffer: &mut Vec<u8>, write_body: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    buffer.extend_from_slice(&MARKER);
    buffer.extend_from_slice(&[0; HEADER_BYTES - 2]);
    write_body(buffer);
    let length = u32::try_from(buffer.len() - start - HEADER_BYTES).unwrap_or(u32::MAX);
    let checksum = checksum_of(length, &buffer[start + HEADER_BYTES..]);
    buffer[start + 2..start + 6].copy_from_slice(&length.to_le_bytes());
    buffer[start + 6..start + 10].copy_from_slice(&checksum.to_le_bytes());
}

pub(super) fn put_u32(body: &mut Vec<u8>, number: u32) {
    body.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_u64(body: &mut Vec<u8>, number: u64) {
    body.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_time(body: &mut Vec<u8>, time: Option<Timestamp>) {
    // A time just before 1601 has the bits that stand for none.
    put_u64(body, time.map_or(u64::MAX, |time| time.opcua_ticks().cast_unsigned().min(u64::MAX - 1)));
}

pub(super) fn put_text(body: &mut Vec<u8>, text: Option<&str>) {
    put_bytes(body, text.map(str::as_bytes));
}

fn put_bytes(body: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_u32(body, bytes.map_or(NONE, |bytes| u32::try_from(bytes.len()).unwrap_or(NONE - 1)));
    body.extend_from_slice(bytes.unwrap_or_default());
}

fn put_pairs<'a>(body: &mut Vec<u8>, pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
    put_u32(body, u32::try_from(pairs.len()).unwrap_or(u32::MAX));
    for (name, value) in pairs {
        put_text(body, Some(name));
        put_text(body, Some(value));
    }
}

/// What is left of a body. Everything answers `None` where the bytes end too soon or say what cannot be.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn record(&mut self) -> Option<Record> {
        match self.take(1)?[0] {
            ROUTE => self.route(),
            MESSAGE => self.message(),
            SUMMARY => Summary::decode(self).map(Record::Summary),
            _ => None,
        }
    }

    fn route(&mut self) -> Option<Record> {
        let id = self.u32()?;
        let qos = match self.take(1)?[0] {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => return None,
        };
        let is_retained = self.take(1)?[0] != 0;
        let expiry = self.u64()?;
        let topic = TopicName::parse(&self.text()??).ok()?;
        let tag_name = self.text()?.map(|name| TagName::new(&name));
        let content_type = self.text()?;
        let user_properties = self.pairs()?;
        let message_expiry = (expiry != u64::MAX).then(|| Duration::from_millis(expiry));
        let route = Route { topic, qos, is_retained, user_properties, message_expiry, content_type, tag_name };
        Some(Record::Route(id, route))
    }

    fn message(&mut self) -> Option<Record> {
        let position = self.counted()?.map(Position)?;
        let route = self.u32()?;
        let created_at = self.time()??;
        let source_timestamp = self.time()?;
        let sequence = self.counted()?.map(Sequence);
        let correlation_data = self.bytes()?.map(Bytes::copy_from_slice);
        let user_properties = self.pairs()?.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
        let payload = Bytes::copy_from_slice(self.bytes);
        Some(Record::Message(StoredMessage {
            position,
            route,
            created_at,
            source_timestamp,
            sequence,
            correlation_data,
            user_properties,
            payload,
        }))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.bytes.split_at_checked(count)?;
        self.bytes = left;
        Some(taken)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// What is counted from 1, or none of it.
    #[expect(clippy::option_option, reason = "the outer one is for bytes that end too soon")]
    pub(super) fn counted(&mut self) -> Option<Option<u64>> {
        self.u64().filter(|number| *number < 1 << 63).map(|number| Some(number).filter(|number| *number > 0))
    }

    /// A time, or none of it.
    #[expect(clippy::option_option, reason = "the outer one is for bytes that end too soon")]
    pub(super) fn time(&mut self) -> Option<Option<Timestamp>> {
        let ticks = self.u64()?;
        Some((ticks != u64::MAX).then(|| Timestamp::from_opcua_ticks(ticks.cast_signed())))
    }

    /// A text, or none of it.
    #[expect(clippy::option_option, reason = "the outer one is for bytes that end too soon")]
    pub(super) fn text(&mut self) -> Option<Option<String>> {
        match self.bytes()? {
            None => Some(None),
            Some(bytes) => String::from_utf8(bytes.to_vec()).ok().map(Some),
        }
    }

    #[expect(clippy::option_option, reason = "the outer one is for bytes that end too soon")]
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.u32()?;
        if length == NONE {
            return Some(None);
        }
        self.take(length as usize).map(Some)
    }

    fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        let count = self.u32()?;
        (0..count).map(|_| Some((self.text()??, self.text()??))).collect()
    }

    /// What is left, in bytes.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }
}
