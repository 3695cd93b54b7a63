//! OPC UA Binary (Part 6, 5.2) from bytes that a stranger sent, with bounds.

use opcua::types::{BinaryDecodable, ContextOwned, DecodingOptions, NamespaceMap};
use thiserror::Error;

use crate::domain::Timestamp;

/// Values in one body, members and elements each counted. More would take more memory than any PLC's structure is worth.
const MAX_VALUES: usize = 1_000_000;
/// How deep structures, dimensions and Variants may lie in one another: readers of JSON end at 128.
const MAX_DEPTH: usize = 64;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Malformed {
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
    /// A text that is not UTF-8, a mask with unknown bits, and the like.
    #[error("there is no {what} at byte {position}")]
    NoSuch {
        /// What is due.
        what: &'static str,
        /// Where, from 0.
        position: usize,
    },
    /// More than a body may hold.
    #[error("it has more than {MAX_VALUES} values")]
    TooMany,
    /// Deeper than a body may nest.
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Where in a body the reading is, and what it may still take.
pub(super) struct Reader<'a> {
    all: &'a [u8],
    rest: &'a [u8],
    /// Values that may still come.
    values: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of a body.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes, rest: bytes, values: MAX_VALUES, depth: 0 }
    }

    /// How far it has come, in bytes.
    pub(super) fn position(&self) -> usize {
        self.all.len() - self.rest.len()
    }

    /// `what` was due and something else is there.
    pub(super) fn no_such(&self, what: &'static str) -> Malformed {
        Malformed::NoSuch { what, position: self.position() }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Long { left: self.rest.len() }) }
    }

    /// Counts one more value.
    pub(super) fn count(&mut self) -> Result<(), Malformed> {
        self.values = self.values.checked_sub(1).ok_or(Malformed::TooMany)?;
        Ok(())
    }

    /// So many levels deeper, for as long as `read` takes.
    pub(super) fn nested<T, E: From<Malformed>>(
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
    pub(super) fn within<T, E: From<Malformed>>(
        &mut self,
        body: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = Self { all: body, rest: body, values: self.values, depth: self.depth };
        let result = inner.nested(1, read);
        self.values = inner.values;
        let value = result?;
        inner.end()?;
        Ok(value)
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short { length: self.all.len() })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number of fixed width, little-endian.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short { length: self.all.len() })?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, Malformed> {
        self.array().map(i64::from_le_bytes).map(Timestamp::from_opcua_ticks)
    }

    /// The length of an array or text; `None` for null, which is any negative length.
    pub(super) fn length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(usize::try_from(self.i32()?).ok())
    }

    /// What a vector may reserve for so many values: no more than there can be.
    pub(super) fn reserve(&self, length: usize) -> usize {
        length.min(self.values).min(self.rest.len())
    }

    /// A ByteString; `None` for null.
    pub(super) fn byte_string(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.length()? {
            None => Ok(None),
            Some(length) => self.bytes(length).map(Some),
        }
    }

    /// A String; `None` for null.
    pub(super) fn text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let Some(bytes) = self.byte_string()? else { return Ok(None) };
        let start = self.position() - bytes.len();
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|_| Malformed::NoSuch { what: "text in UTF-8", position: start })
    }

    /// A type that the library reads well and whose size its own text bounds.
    pub(super) fn by_library<T: BinaryDecodable>(&mut self, what: &'static str) -> Result<T, Malformed> {
        let options = DecodingOptions {
            max_string_length: self.rest.len(),
            max_byte_string_length: self.rest.len(),
            ..DecodingOptions::default()
        };
        let context = ContextOwned::new_default(NamespaceMap::new(), options);
        let mut rest = self.rest;
        let read = T::decode(&mut rest, &context.context()).map_err(|_| self.no_such(what))?;
        self.rest = rest;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_held_against_what_is_there() {
        let mut reader = Reader::new(&[0xFF, 0xFF, 0xFF, 0x7F, 1, 2]);
        assert_eq!(reader.byte_string(), Err(Malformed::Short { length: 6 }));
        let mut null = Reader::new(&[0xFF; 4]);
        assert_eq!(null.text(), Ok(None));
        assert_eq!(null.end(), Ok(()));
        assert_eq!(null.u16(), Err(Malformed::Short { length: 4 }));
    }

    #[test]
    fn a_text_that_is_no_text_is_told_with_its_place() {
        let mut reader = Reader::new(&[1, 0, 0, 0, 0xFF]);
        assert_eq!(reader.text(), Err(Malformed::NoSuch { what: "text in UTF-8", position: 4 }));
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
    fn no_stack_is_deep_enough_for_a_loop() {
        fn deeper(reader: &mut Reader<'_>) -> Result<(), Malformed> {
            reader.nested(1, deeper)
        }
        assert_eq!(deeper(&mut Reader::new(&[])), Err(Malformed::TooDeep));
    }
}
