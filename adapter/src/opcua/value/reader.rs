//! OPC UA Binary (Part 6, 5.2) from bytes that a stranger sent, with bounds.

use std::borrow::Cow;

use opcua::types::{ExpandedNodeId, Guid, Identifier, NodeId};
use thiserror::Error;

use crate::domain::Timestamp;
use crate::opcua::value::time;

/// Values in one message, elements each counted: as many Doubles as the largest message holds. A value of a byte's width
/// takes 40 times the memory of its bytes.
const MAX_VALUES_OF_A_MESSAGE: usize = 8 * 1024 * 1024;
/// Values in one structure, members and elements each counted. More would take more memory than any PLC's structure is
/// worth.
const MAX_VALUES: usize = 1_000_000;
/// Values that one byte pays for. A scalar takes a byte at least, and the structures around it take none: an array of
/// structures, each of which holds a Boolean within two more, is four to a byte. A value takes 80 bytes of memory at the
/// most beside what its own bytes become.
const VALUES_OF_A_BYTE: usize = 4;
/// Values that need no byte, in all: as many structures as may lie in one another.
const UNPAID_VALUES: usize = MAX_DEPTH;
/// How deep structures, dimensions and Variants may lie in one another: readers of JSON end at 128.
const MAX_DEPTH: usize = 64;
/// No vector reserves more than this at once: nobody knows yet whether so many values are there.
const MOST_RESERVED: usize = 4_096;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::opcua) enum Malformed {
    /// The bytes end within a value.
    #[error("it ends after {length} bytes, within a value")]
    Short {
        /// How many bytes there are.
        length: usize,
    },
    /// Bytes are left behind the last member.
    #[error("{left} bytes are left behind the last member")]
    Long {
        /// How many.
        left: usize,
    },
    /// A mask with unknown bits, an encoding that does not exist, and the like.
    #[error("there is no {what} at byte {position}")]
    NoSuch {
        /// What is due.
        what: &'static str,
        /// Where, from 0.
        position: usize,
    },
    /// Dimensions whose product is another number than that of the elements.
    #[error("its dimensions are not those of {elements} elements")]
    Dimensions {
        /// How many elements there are.
        elements: usize,
    },
    /// A structure whose length is not told and whose type is not known, so that nobody knows what stands behind it.
    #[error("the structure with the encoding id {encoding} comes without its length, and its type is not known")]
    NoLength {
        /// What stands in front of its body.
        encoding: Box<NodeId>,
    },
    /// More than a body may hold.
    #[error("it has more values than are taken")]
    TooMany,
    /// Deeper than a body may nest.
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Knows structures by their encoding ids, which is what a structure needs that comes without its length.
pub(in crate::opcua) trait Bodies: Send + Sync {
    /// Reads a structure's body to its end; `None` where its type is not known.
    fn pass(&self, encoding: &NodeId, reader: &mut Reader<'_>) -> Option<Result<(), Malformed>>;
}

/// Where in a body the reading is, and what it may still take.
pub(in crate::opcua) struct Reader<'a> {
    all: &'a [u8],
    rest: &'a [u8],
    /// Values that may still come.
    values: usize,
    depth: usize,
    is_lossy: bool,
    bodies: Option<&'a dyn Bodies>,
}

impl<'a> Reader<'a> {
    /// At the beginning of a message's body.
    pub(in crate::opcua) fn new(bytes: &'a [u8]) -> Self {
        let values = paid_by(bytes).min(MAX_VALUES_OF_A_MESSAGE);
        Self { all: bytes, rest: bytes, values, depth: 0, is_lossy: false, bodies: None }
    }

    /// At the beginning of one value, which takes all of these bytes.
    pub(in crate::opcua) fn of_value(bytes: &'a [u8]) -> Self {
        Self { values: paid_by(bytes).min(MAX_VALUES), ..Self::new(bytes) }
    }

    /// One value of a message, with the bounds of a value beside those of the message.
    pub(in crate::opcua) fn one_value<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let others = self.values.saturating_sub(paid_by(self.rest).min(MAX_VALUES));
        self.values -= others;
        let result = read(self);
        self.values += others;
        result
    }

    /// With structures that are known.
    #[must_use]
    pub(in crate::opcua) fn knowing(self, bodies: &'a dyn Bodies) -> Self {
        Self { bodies: Some(bodies), ..self }
    }

    /// Those who know structures.
    pub(in crate::opcua) fn bodies(&self) -> Option<&'a dyn Bodies> {
        self.bodies
    }

    /// Goes to a position, back or on; to the end where it lies behind it.
    pub(in crate::opcua) fn go_to(&mut self, position: usize) {
        self.rest = self.all.get(position..).unwrap_or_default();
    }

    /// How far it has come, in bytes.
    pub(in crate::opcua) fn position(&self) -> usize {
        self.all.len() - self.rest.len()
    }

    /// What has not been read yet.
    pub(in crate::opcua) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What was read since `start`, a position of before.
    pub(in crate::opcua) fn since(&self, start: usize) -> &'a [u8] {
        self.all.get(start..self.position()).unwrap_or_default()
    }

    /// Whether a text was not UTF-8, so that some of its characters are U+FFFD.
    pub(in crate::opcua) fn is_lossy(&self) -> bool {
        self.is_lossy
    }

    /// Whether a text was not UTF-8 since this was asked last.
    pub(in crate::opcua) fn take_lossy(&mut self) -> bool {
        std::mem::take(&mut self.is_lossy)
    }

    /// `what` was due and something else is there.
    pub(in crate::opcua) fn no_such(&self, what: &'static str) -> Malformed {
        Malformed::NoSuch { what, position: self.position() }
    }

    /// There are too few bytes.
    pub(in crate::opcua) fn short(&self) -> Malformed {
        Malformed::Short { length: self.all.len() }
    }

    /// Nothing may be left.
    pub(in crate::opcua) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Long { left: self.rest.len() }) }
    }

    /// Counts one more value.
    pub(in crate::opcua) fn count(&mut self) -> Result<(), Malformed> {
        self.values = self.values.checked_sub(1).ok_or(Malformed::TooMany)?;
        Ok(())
    }

    /// Counts so many more values, all or none of them.
    pub(in crate::opcua) fn count_many(&mut self, values: usize) -> Result<(), Malformed> {
        self.values = self.values.checked_sub(values).ok_or(Malformed::TooMany)?;
        Ok(())
    }

    /// So many levels deeper, for as long as `read` takes.
    pub(in crate::opcua) fn nested<T, E: From<Malformed>>(
        &mut self,
        levels: usize,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.depth + levels > MAX_DEPTH {
            return Err(Malformed::TooDeep.into());
        }
        self.depth += levels;
        let result = read(self);
        self.depth -= levels;
        result
    }

    /// A body within this one, with bounds shared with it, read to its end.
    pub(in crate::opcua) fn within<T, E: From<Malformed>>(
        &mut self,
        body: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = Self { all: body, rest: body, ..*self };
        let result = inner.nested(1, read);
        self.values = inner.values;
        self.is_lossy = inner.is_lossy;
        let value = result?;
        inner.end()?;
        Ok(value)
    }

    /// So many bytes.
    pub(in crate::opcua) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(self.short())?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number of fixed width, little-endian.
    pub(in crate::opcua) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(self.short())?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(in crate::opcua) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(in crate::opcua) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(in crate::opcua) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(in crate::opcua) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_le_bytes)
    }

    pub(in crate::opcua) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    pub(in crate::opcua) fn f64(&mut self) -> Result<f64, Malformed> {
        self.array().map(f64::from_le_bytes)
    }

    /// A Boolean: any byte but 0 is true (Part 6, 5.2.2.1).
    pub(in crate::opcua) fn boolean(&mut self) -> Result<bool, Malformed> {
        self.u8().map(|byte| byte != 0)
    }

    /// A DateTime that is a value: within the calendar in any case.
    pub(in crate::opcua) fn date_time(&mut self) -> Result<Timestamp, Malformed> {
        self.i64().map(time::date_time)
    }

    /// A DateTime that says when something was; `None` where it is none.
    pub(in crate::opcua) fn time(&mut self) -> Result<Option<Timestamp>, Malformed> {
        self.i64().map(time::time)
    }

    /// The length of an array or text; `None` for null, which is any negative length.
    pub(in crate::opcua) fn length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(usize::try_from(self.i32()?).ok())
    }

    /// What a vector may reserve for so many values: no more than there can be, and not too many at once.
    pub(in crate::opcua) fn reserve(&self, length: usize) -> usize {
        length.min(self.values).min(self.rest.len()).min(MOST_RESERVED)
    }

    /// An array, each of whose elements takes a byte at least; empty for null.
    pub(in crate::opcua) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.length()?.unwrap_or(0);
        if length > self.rest.len() {
            return Err(self.short());
        }
        let mut list = Vec::with_capacity(length.min(1024));
        for _ in 0..length {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// A ByteString; `None` for null.
    pub(in crate::opcua) fn byte_string(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.length()? {
            None => Ok(None),
            Some(length) => self.bytes(length).map(Some),
        }
    }

    /// A String; `None` for null. What is not UTF-8 in it, as servers send that use a code page of their own, becomes
    /// U+FFFD.
    pub(in crate::opcua) fn text(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        let Some(bytes) = self.byte_string()? else { return Ok(None) };
        let text = String::from_utf8_lossy(bytes);
        self.is_lossy |= matches!(text, Cow::Owned(_));
        Ok(Some(text))
    }

    pub(in crate::opcua) fn guid(&mut self) -> Result<Guid, Malformed> {
        self.array().map(Guid::from_bytes)
    }

    /// A NodeId in any of its six encodings.
    pub(in crate::opcua) fn node_id(&mut self) -> Result<NodeId, Malformed> {
        let wrong = self.no_such("encoding of a NodeId");
        let encoding = self.u8()?;
        self.node_id_as(encoding, wrong)
    }

    /// An ExpandedNodeId: a NodeId that may name its namespace by URI, and another server.
    pub(in crate::opcua) fn expanded_node_id(&mut self) -> Result<ExpandedNodeId, Malformed> {
        const HAS_NAMESPACE_URI: u8 = 0x80;
        const HAS_SERVER_INDEX: u8 = 0x40;
        let wrong = self.no_such("encoding of an ExpandedNodeId");
        let encoding = self.u8()?;
        let node_id = self.node_id_as(encoding & !(HAS_NAMESPACE_URI | HAS_SERVER_INDEX), wrong)?;
        let namespace_uri = if encoding & HAS_NAMESPACE_URI == 0 { None } else { self.text()? };
        let server_index = if encoding & HAS_SERVER_INDEX == 0 { 0 } else { self.u32()? };
        let namespace_uri = namespace_uri.map(String::from).into();
        Ok(ExpandedNodeId { node_id, namespace_uri, server_index })
    }

    fn node_id_as(&mut self, encoding: u8, wrong: Malformed) -> Result<NodeId, Malformed> {
        let (namespace, identifier) = match encoding {
            0 => (0, Identifier::Numeric(self.u8()?.into())),
            1 => (self.u8()?.into(), Identifier::Numeric(self.u16()?.into())),
            2 => (self.u16()?, Identifier::Numeric(self.u32()?)),
            3 => (self.u16()?, Identifier::String(self.text()?.map(String::from).into())),
            4 => (self.u16()?, Identifier::Guid(self.guid()?)),
            5 => (self.u16()?, Identifier::ByteString(self.byte_string()?.unwrap_or_default().into())),
            _ => return Err(wrong),
        };
        Ok(NodeId { namespace, identifier })
    }
}

/// Values that so many bytes pay for.
fn paid_by(bytes: &[u8]) -> usize {
    bytes.len().saturating_mul(VALUES_OF_A_BYTE).saturating_add(UNPAID_VALUES)
}

#[cfg(test)]
mod tests {
    use opcua::types::{BinaryDecodable, BinaryEncodable, ContextOwned};

    use super::*;

    #[test]
    fn lengths_are_held_against_what_is_there() {
        let mut reader = Reader::new(&[0xFF, 0xFF, 0xFF, 0x7F, 1, 2]);
        assert_eq!(reader.byte_string(), Err(Malformed::Short { length: 6 }));
        let mut null = Reader::new(&[0xFF; 4]);
        assert_eq!(null.text(), Ok(None));
        assert_eq!(null.end(), Ok(()));
        assert_eq!(null.u16(), Err(Malformed::Short { length: 4 }));
        let mut many = Reader::new(&[0xFF, 0xFF, 0xFF, 0x7F, 1, 2]);
        assert_eq!(many.list(Reader::u8), Err(Malformed::Short { length: 6 }));
    }

    #[test]
    fn a_text_in_another_code_page_is_read_with_its_length_and_noted() {
        let mut reader = Reader::new(&[3, 0, 0, 0, b'T', 0xFC, b'R', 7]);
        assert_eq!(reader.text().unwrap().unwrap(), "T\u{FFFD}R");
        assert!(reader.is_lossy());
        assert_eq!(reader.u8(), Ok(7));
    }

    #[test]
    fn node_ids_are_those_of_the_library() {
        let context = ContextOwned::default();
        let ids = [
            NodeId::new(0, 7_u32),
            NodeId::new(3, 7_u32),
            NodeId::new(300, 70_000_u32),
            NodeId::new(2, "Motor"),
            NodeId::new(2, Guid::new()),
            NodeId::new(2, opcua::types::ByteString::from(vec![1, 2])),
        ];
        for id in ids {
            let bytes = id.encode_to_vec(&context.context());
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.node_id().as_ref(), Ok(&id));
            assert_eq!(reader.end(), Ok(()));
            let expanded = ExpandedNodeId { node_id: id, namespace_uri: "urn:x".into(), server_index: 4 };
            let bytes = expanded.encode_to_vec(&context.context());
            assert_eq!(ExpandedNodeId::decode(&mut bytes.as_slice(), &context.context()).unwrap(), expanded);
            assert_eq!(Reader::new(&bytes).expanded_node_id(), Ok(expanded));
        }
        assert!(Reader::new(&[6, 0, 0, 0, 0, 0, 0]).node_id().is_err());
        assert!(Reader::new(&[0x46, 0, 0, 0, 0, 0, 0]).expanded_node_id().is_err());
    }

    #[test]
    fn the_bounds_go_on_within_a_body() {
        let mut reader = Reader::new(&[]);
        reader.values = 2;
        let inner = reader.within(&[7], |inner| {
            inner.count()?;
            inner.u8()
        });
        assert_eq!(inner, Ok(7));
        assert_eq!((reader.count(), reader.count()), (Ok(()), Err(Malformed::TooMany)));
        assert_eq!(reader.within(&[7, 8], Reader::u8), Err(Malformed::Long { left: 1 }));
    }

    #[test]
    fn values_are_paid_for_by_bytes() {
        let many = |mut reader: Reader<'_>| std::iter::from_fn(|| reader.count().ok()).count();
        assert_eq!(many(Reader::of_value(&[])), UNPAID_VALUES);
        assert_eq!(many(Reader::of_value(&[0; 100])), 400 + UNPAID_VALUES);
        assert_eq!(many(Reader::of_value(&vec![0; MAX_VALUES])), MAX_VALUES);
        let bytes = vec![0; MAX_VALUES];
        let mut message = Reader::new(&bytes);
        message.bytes(MAX_VALUES - 100).unwrap();
        let in_one = message.one_value(|reader| std::iter::from_fn(|| reader.count().ok()).count());
        assert_eq!(in_one, 400 + UNPAID_VALUES);
        assert_eq!(many(message), 4 * MAX_VALUES + UNPAID_VALUES - in_one, "the message pays for it");
    }

    #[test]
    fn no_stack_is_deep_enough_for_a_loop() {
        fn deeper(reader: &mut Reader<'_>) -> Result<(), Malformed> {
            reader.nested(1, deeper)
        }
        assert_eq!(deeper(&mut Reader::new(&[])), Err(Malformed::TooDeep));
    }
}
