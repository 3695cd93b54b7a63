//! A NotificationMessage from its bytes (Part 4, 7.26): item by item, so that one that is malformed costs no other.

use bytes::Bytes;
use opcua::types::{Identifier, NodeId, ObjectId};

use crate::domain::{StatusCode, Timestamp};
use crate::opcua::value::{
    raw::RawValue,
    reader::{Malformed, Reader},
    skip,
};

/// Items of one message: more than a server that keeps to `MaxNotificationsPerPublish` ever sends.
const MAX_ITEMS: usize = 1_000_000;
/// Items take more memory than their bytes: no more of them are reserved than a message usually has.
const MOST_RESERVED: usize = 16_384;
/// The bytes of an item at least: its handle, and a mask.
const LEAST_BYTES: usize = 5;

/// A NotificationMessage.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) struct Notification {
    /// The message's number; of a keep-alive, that of the message to come.
    pub(in crate::opcua) sequence_number: u32,
    /// When the server sent it first.
    pub(in crate::opcua) publish_time: Option<Timestamp>,
    /// What it carries; nothing is a keep-alive.
    pub(in crate::opcua) parts: Vec<Part>,
    /// When it came.
    pub(in crate::opcua) received_at: Timestamp,
}

/// One notification of a message.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) enum Part {
    /// Values.
    DataChange {
        /// In order.
        items: Vec<Item>,
        /// Why nobody knows what else was in it. The item whose end could not be found is the last of `items`.
        unreadable: Option<Malformed>,
    },
    /// The status of the Subscription.
    StatusChange(StatusCode),
    /// What nobody asked for.
    Other,
}

/// A value of one MonitoredItem.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) struct Item {
    /// The number that the MonitoredItem was given.
    pub(in crate::opcua) client_handle: u32,
    /// Its value.
    pub(in crate::opcua) value: RawValue,
}

impl Notification {
    /// The NotificationMessage that comes next; `body` is what the reader reads. An error says that not even its number
    /// can be had.
    pub(in crate::opcua) fn read(
        reader: &mut Reader<'_>,
        body: &Bytes,
        received_at: Timestamp,
    ) -> Result<Self, Malformed> {
        let sequence_number = reader.u32()?;
        let publish_time = reader.time()?;
        let count = reader.length()?.unwrap_or(0);
        let mut parts = Vec::new();
        for _ in 0..count {
            match Part::read(reader, body) {
                Ok(part) => parts.push(part),
                Err((part, malformed)) => {
                    parts.extend(part);
                    note(&mut parts, malformed);
                    break;
                }
            }
        }
        Ok(Self { sequence_number, publish_time, parts, received_at })
    }
}

/// Says with the last part that more was to come.
fn note(parts: &mut Vec<Part>, malformed: Malformed) {
    if let Some(Part::DataChange { unreadable, .. }) = parts.last_mut() {
        unreadable.get_or_insert(malformed);
    } else {
        parts.push(Part::DataChange { items: Vec::new(), unreadable: Some(malformed) });
    }
}

impl Part {
    /// The `ExtensionObject` that comes next. An error says that nobody knows what stands behind it.
    fn read(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, (Option<Self>, Malformed)> {
        let (kind, end) = begin(reader).map_err(|malformed| (None, malformed))?;
        let Some(end) = end else { return Ok(Self::Other) };
        let (part, is_whole) = match kind {
            Kind::DataChange => data_change(reader, body),
            Kind::StatusChange => status_change(reader),
            Kind::Events => (Self::Other, if end.is_some() { Ok(()) } else { pass_events(reader) }),
            Kind::Unknown => (Self::Other, end.map(drop).ok_or_else(|| reader.no_such("length of a notification"))),
        };
        // Where its end is told, it counts for what follows, and else its members do.
        match (end, is_whole) {
            (Some(end), _) => reader.go_to(end),
            (None, Ok(())) => {}
            (None, Err(malformed)) => return Err((Some(part), malformed)),
        }
        Ok(part)
    }
}

/// What a part's encoding id says.
#[derive(Clone, Copy)]
enum Kind {
    DataChange,
    StatusChange,
    Events,
    Unknown,
}

/// Where a body ends, if that is told and can be; `None` outside for one that has no body that anybody could read.
type End = Option<Option<usize>>;

/// What stands in front of a part.
fn begin(reader: &mut Reader<'_>) -> Result<(Kind, End), Malformed> {
    let kind = kind(&reader.node_id()?);
    let wrong = reader.no_such("encoding of a notification");
    match reader.u8()? {
        0 => Ok((kind, None)),
        1 => {
            // A length that leads out of the message is none.
            let length = reader.length()?.filter(|length| *length <= reader.rest().len());
            Ok((kind, Some(length.map(|length| reader.position() + length))))
        }
        2 => {
            reader.byte_string()?;
            Ok((kind, None))
        }
        _ => Err(wrong),
    }
}

fn kind(encoding: &NodeId) -> Kind {
    const DATA_CHANGE: u32 = ObjectId::DataChangeNotification_Encoding_DefaultBinary as u32;
    const STATUS_CHANGE: u32 = ObjectId::StatusChangeNotification_Encoding_DefaultBinary as u32;
    const EVENTS: u32 = ObjectId::EventNotificationList_Encoding_DefaultBinary as u32;
    match encoding.identifier {
        Identifier::Numeric(DATA_CHANGE) if encoding.namespace == 0 => Kind::DataChange,
        Identifier::Numeric(STATUS_CHANGE) if encoding.namespace == 0 => Kind::StatusChange,
        Identifier::Numeric(EVENTS) if encoding.namespace == 0 => Kind::Events,
        _ => Kind::Unknown,
    }
}

/// A `DataChangeNotification`, and whether its end was found.
fn data_change(reader: &mut Reader<'_>, body: &Bytes) -> (Part, Result<(), Malformed>) {
    let mut items = Vec::new();
    match read_items(reader, body, &mut items) {
        Ok(()) => {
            let is_whole = reader.list(skip::diagnostic_info).map(drop);
            (Part::DataChange { items, unreadable: None }, is_whole)
        }
        Err(malformed) => (Part::DataChange { items, unreadable: Some(malformed.clone()) }, Err(malformed)),
    }
}

fn read_items(reader: &mut Reader<'_>, body: &Bytes, items: &mut Vec<Item>) -> Result<(), Malformed> {
    let count = reader.length()?.unwrap_or(0);
    if count > MAX_ITEMS {
        return Err(Malformed::TooMany);
    }
    items.reserve(count.min(MOST_RESERVED).min(reader.rest().len() / LEAST_BYTES));
    for _ in 0..count {
        let client_handle = reader.u32()?;
        match RawValue::read(reader, body) {
            Ok(value) => items.push(Item { client_handle, value }),
            Err(malformed) => {
                items.push(Item { client_handle, value: RawValue::unreadable(malformed.clone()) });
                return Err(malformed);
            }
        }
    }
    Ok(())
}

/// A `StatusChangeNotification`, and whether its end was found.
fn status_change(reader: &mut Reader<'_>) -> (Part, Result<(), Malformed>) {
    match reader.u32() {
        Ok(status) => (Part::StatusChange(StatusCode(status)), skip::diagnostic_info(reader)),
        Err(malformed) => (Part::Other, Err(malformed)),
    }
}

/// Passes an `EventNotificationList`.
fn pass_events(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    for _ in 0..reader.length()?.unwrap_or(0) {
        reader.u32()?;
        for _ in 0..reader.length()?.unwrap_or(0) {
            skip::variant(reader)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "notification_tests.rs"]
mod tests;
