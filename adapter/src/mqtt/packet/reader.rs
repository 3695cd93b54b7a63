//! Reads the fields of one packet; never beyond its end, and nothing is kept free for what is only announced.

use bytes::Bytes;

use super::{
    frame::Flags,
    received::{Incoming, Unreadable},
};

/// The most characters that are kept of what a broker says for people.
const MAX_WORDS: usize = 300;

/// What is left of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The packet's name with an article.
    packet: &'static str,
    rest: &'a [u8],
}

/// What a property of MQTT 5 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number of any width.
    Number(u32),
    /// A string, or binary data.
    Bytes(&'a [u8]),
    /// A name and its value; nobody asks for them.
    Pair,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(packet: &'static str, rest: &'a [u8]) -> Self {
        Self { packet, rest }
    }

    /// Bytes that are left.
    pub(super) const fn len(&self) -> usize {
        self.rest.len()
    }

    /// The error that the packet is wrong, as `what` says.
    pub(super) fn malformed(&self, what: &str) -> Unreadable {
        Unreadable::malformed(self.packet, what)
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("goes on behind its end")) }
    }

    /// All that is left.
    pub(super) const fn all(self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let Some((array, rest)) = self.rest.split_first_chunk() else { return Err(self.malformed("ends too early")) };
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    fn variable(&mut self) -> Result<u32, Unreadable> {
        let mut number = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.malformed("has a number of more than four bytes"))
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Unreadable> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            return Err(self.malformed("ends too early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// A string, or binary data, with its length before it.
    fn binary(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A packet identifier.
    pub(super) fn id(&mut self) -> Result<u16, Unreadable> {
        match self.u16()? {
            0 => Err(self.malformed("has the packet identifier 0")),
            id => Ok(id),
        }
    }

    /// A string that means something: it has to be UTF-8.
    pub(super) fn text(&self, bytes: &[u8]) -> Result<String, Unreadable> {
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.malformed("has a string that is not UTF-8"))
    }

    /// The properties, with their length before them.
    pub(super) fn properties(&mut self) -> Result<Self, Unreadable> {
        let length = self.variable()?;
        // A length that is no `usize` cannot be there either.
        let rest = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok(Self { packet: self.packet, rest })
    }

    /// The next property: what it is, and what it says.
    pub(super) fn property(&mut self) -> Result<Option<(u8, Value<'a>)>, Unreadable> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        // A variable byte integer by the standard, of which none needs a second byte.
        let id = self.byte()?;
        // MQTT 5.0, table 2-4.
        let value = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => Value::Number(self.byte()?.into()),
            0x13 | 0x21 | 0x22 | 0x23 => Value::Number(self.u16()?.into()),
            0x02 | 0x11 | 0x18 | 0x27 => Value::Number(self.u32()?),
            0x0B => Value::Number(self.variable()?),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => Value::Bytes(self.binary()?),
            0x26 => {
                self.binary()?;
                self.binary()?;
                Value::Pair
            }
            _ => return Err(self.malformed(&format!("has a property 0x{id:02X}, which MQTT 5 does not know"))),
        };
        Ok(Some((id, value)))
    }

    /// The head of a PUBLISH, up to where properties or payload begin.
    pub(super) fn publish_head(&mut self, flags: Flags) -> Result<Incoming, Unreadable> {
        let topic = self.binary()?;
        if topic.is_empty() {
            return Err(self.malformed("has no topic"));
        }
        Ok(Incoming {
            topic: self.text(topic)?,
            id: if flags.has_id { self.id()? } else { 0 },
            payload: Bytes::new(),
            is_retained: flags.is_retained,
            is_duplicate: flags.is_duplicate,
            response_topic: None,
            correlation_data: None,
            expiry_seconds: None,
        })
    }
}

/// What a broker says for people: whatever it is, it becomes one line that can be shown.
pub(super) fn words(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let is_hidden = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    let words: String =
        text.chars().take(MAX_WORDS).map(|character| if is_hidden(character) { ' ' } else { character }).collect();
    let words = words.trim();
    (!words.is_empty()).then(|| words.to_owned())
}
