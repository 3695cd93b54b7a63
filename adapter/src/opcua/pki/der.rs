//! The elements of DER, read leniently.
//!
//! Certificates of PLCs are often BER that is nearly DER: a default that is written out, a length with more bytes than
//! it needs, a TRUE that is not 0xFF. None of it is a reason not to know the certificate, since nothing is encoded anew
//! here: what is signed, compared and hashed are the bytes that came.

/// BOOLEAN
pub(super) const BOOLEAN: u8 = 0x01;
/// INTEGER
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// SEQUENCE
pub(super) const SEQUENCE: u8 = 0x30;
/// SET
pub(super) const SET: u8 = 0x31;

/// Bytes of a length that are read; more would be larger than anything that is taken.
const MAX_LENGTH_BYTES: usize = 4;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content as they came.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// What is within it.
    pub(super) const fn inner(&self) -> Elements<'a> {
        Elements { rest: self.content }
    }
}

/// Elements that stand one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element; `None` at the end, and where what follows is none.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], after) = self.rest.split_first_chunk::<2>()?;
        // A tag of several bytes stands in no certificate; a length without an end is not DER at all.
        if tag & 0x1F == 0x1F || first == 0x80 {
            return None;
        }
        let (size, content) = if first < 0x80 {
            (usize::from(first), after)
        } else {
            let (bytes, content) = after.split_at_checked(usize::from(first & 0x7F))?;
            let size = bytes.iter().try_fold(0, |size: usize, byte| Some(size.checked_mul(256)? | usize::from(*byte)));
            (size.filter(|_| bytes.len() <= MAX_LENGTH_BYTES)?, content)
        };
        let (content, rest) = content.split_at_checked(size)?;
        let whole = self.rest.get(..self.rest.len() - rest.len())?;
        self.rest = rest;
        Some(Element { tag, content, whole })
    }

    /// The next element if it has that tag; else it stays.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// The next element, which must have that tag.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn required(&mut self, tag: u8, what: &str) -> Result<Element<'a>, String> {
        self.optional(tag).ok_or_else(|| format!("{what} is cut off or in another form"))
    }
}

/// An identifier such as `2.5.29.37` as text; `None` for what is none.
pub(super) fn identifier(content: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.checked_mul(128)? | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = format!("{first}.{}", number - first * 40);
            } else {
                text.push('.');
                text.push_str(&number.to_string());
            }
            number = 0;
        }
    }
    let is_whole = content.last().is_some_and(|byte| byte & 0x80 == 0);
    is_whole.then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_read_one_after_another() {
        let bytes = [0x02, 1, 5, 0x04, 0x81, 2, 7, 8, 0x30, 0x84, 0, 0, 0, 1, 9, 0x05];
        let mut elements = Elements::new(&bytes);
        assert_eq!(elements.optional(SEQUENCE), None);
        assert_eq!(elements.next().unwrap(), Element { tag: INTEGER, content: &[5], whole: &bytes[..3] });
        let octets = elements.required(OCTET_STRING, "the text").unwrap();
        assert_eq!((octets.content, octets.whole), (&bytes[6..8], &bytes[3..8]));
        assert_eq!(elements.required(SEQUENCE, "the list").unwrap().content, [9]);
        assert_eq!(elements.next(), None, "one byte is no element");
        assert!(elements.required(SEQUENCE, "the list").unwrap_err().contains("the list"));
        assert_eq!(elements.rest(), [0x05]);
    }

    #[test]
    fn what_is_longer_than_what_is_there_is_no_element() {
        let cases: [&[u8]; 6] = [
            &[0x30, 2, 0],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x30, 0xFF, 1],
            &[0x3F, 0x81, 1, 0],
        ];
        for bytes in cases {
            assert_eq!(Elements::new(bytes).next(), None, "{bytes:?}");
        }
    }

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(identifier(&[0x55, 0x1D, 0x25]).as_deref(), Some("2.5.29.37"));
        assert_eq!(identifier(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D]).as_deref(), Some("1.2.840.113549"));
        assert_eq!((identifier(&[]), identifier(&[0x86]), identifier(&[0xFF; 20])), (None, None, None));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut elements = Elements::new(&bytes);
            while let Some(element) = elements.next() {
                identifier(element.content);
                prop_assert!(element.whole.len() > element.content.len());
            }
        }
    }
}
