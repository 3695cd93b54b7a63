//! Bytes to the parts of packets, and back.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};

/// One packet as it came.
#[derive(Debug)]
pub(super) struct Frame {
    /// Kind and flags.
    pub(super) head: u8,
    pub(super) body: Bytes,
    /// Bytes in all, the head included.
    pub(super) size: usize,
}

impl Frame {
    pub(super) const fn kind(&self) -> u8 {
        self.head >> 4
    }
}

/// Takes the next packet; `None` while it is not whole.
pub(super) fn next_frame(buffer: &mut BytesMut) -> Result<Option<Frame>> {
    let mut length = 0;
    for at in 1..=4 {
        let Some(byte) = buffer.get(at).copied() else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 != 0 {
            continue;
        }
        let size = at + 1 + length;
        if buffer.len() < size {
            return Ok(None);
        }
        let mut whole = buffer.split_to(size).freeze();
        let head = whole.get_u8();
        return Ok(Some(Frame { head, body: whole.slice(at..), size }));
    }
    bail!("a length of more than four bytes")
}

/// Reads the parts of a body one after another.
#[derive(Debug)]
pub(super) struct Parts(pub(super) Bytes);

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        ensure!(!self.0.is_empty(), "a packet that ends too early");
        Ok(self.0.get_u8())
    }

    pub(super) fn number(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes> {
        let length = usize::from(self.number()?);
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.to_vec()).context("text that is no UTF-8")
    }

    /// Properties of MQTT 5, unread; nothing by 3.1.1.
    pub(super) fn properties(&mut self, version: u8) -> Result<Bytes> {
        if version < 5 {
            return Ok(Bytes::new());
        }
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return self.take(length);
            }
            ensure!(shift < 28, "a length of more than four bytes");
        }
    }

    fn take(&mut self, length: usize) -> Result<Bytes> {
        ensure!(self.0.len() >= length, "a packet that ends too early");
        Ok(self.0.split_to(length))
    }
}

/// A packet of this head around this body.
pub(super) fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut whole = vec![head];
    whole.extend(length_of(body.len()));
    whole.extend_from_slice(body);
    whole
}

/// A length as MQTT writes it.
pub(super) fn length_of(length: usize) -> Vec<u8> {
    let (mut left, mut bytes) = (length, Vec::new());
    loop {
        let low = left.to_le_bytes()[0] & 0x7f;
        left >>= 7;
        if left == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A text with its length before it.
pub(super) fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
    bytes
}
