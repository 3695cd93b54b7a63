//! Chunks of OPC UA's TCP protocol, as far as the proxy looks into them.

use anyhow::{Result, ensure};

/// Type, chunk flag and size.
const HEADER: usize = 8;
/// Where the sequence number of a chunk with a symmetric header stands: after the channel's and the token's id.
const SEQUENCE: usize = 16;
/// Where its body begins: after sequence number and request id.
const BODY: usize = 24;
/// Larger ones are no OPC UA.
const LARGEST: usize = 64 * 1024 * 1024;

/// One chunk, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    /// A chunk that is a whole message, on the channel and for the request of another chunk.
    pub(super) fn answering(other: &Self, sequence: u32, body: &[u8]) -> Self {
        let mut bytes = b"MSGF".to_vec();
        bytes.extend(u32::try_from(BODY + body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(&other.bytes[HEADER..SEQUENCE]);
        bytes.extend(sequence.to_le_bytes());
        bytes.extend(&other.bytes[SEQUENCE + 4..BODY]);
        bytes.extend(body);
        Self { bytes }
    }

    /// Whether it carries (a part of) a service's request or response.
    pub(super) fn is_message(&self) -> bool {
        self.bytes.starts_with(b"MSG") && self.bytes.len() >= BODY
    }

    /// Whether it is the last chunk of its message.
    pub(super) fn is_final(&self) -> bool {
        self.bytes.get(3) == Some(&b'F')
    }

    /// What follows the headers; empty for what is no message.
    pub(super) fn body(&self) -> &[u8] {
        if self.is_message() { &self.bytes[BODY..] } else { &[] }
    }

    /// Its number on the channel; `None` for chunks that have none, such as Hello.
    pub(super) fn sequence(&self) -> Option<u32> {
        let at = self.sequence_at()?;
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }

    /// Shifts its number, so that a channel on which chunks were left out or added has no hole.
    pub(super) fn renumber(&mut self, shift: i64) {
        let (Some(at), Some(sequence)) = (self.sequence_at(), self.sequence()) else { return };
        let shifted = (i64::from(sequence) + shift).rem_euclid(i64::from(u32::MAX));
        self.bytes[at..at + 4].copy_from_slice(&u32::try_from(shifted).unwrap_or_default().to_le_bytes());
    }

    fn sequence_at(&self) -> Option<usize> {
        match self.bytes.get(..3)? {
            b"MSG" | b"CLO" => Some(SEQUENCE),
            // After the channel's id: policy, certificate and thumbprint, each with its length.
            b"OPN" => {
                let mut at = HEADER + 4;
                for _ in 0..3 {
                    let length = i32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?);
                    at += 4 + usize::try_from(length).unwrap_or(0);
                }
                Some(at)
            }
            _ => None,
        }
    }
}

/// Bytes as they arrive, cut into chunks.
#[derive(Debug, Default)]
pub(super) struct Frames {
    waiting: Vec<u8>,
}

impl Frames {
    /// Takes in what has arrived.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.waiting.extend(bytes);
    }

    /// The next chunk that is whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        let Some(size) = self.waiting.get(4..HEADER) else { return Ok(None) };
        let size = u32::from_le_bytes(size.try_into()?) as usize;
        ensure!((HEADER..=LARGEST).contains(&size), "a chunk of {size} bytes");
        if self.waiting.len() < size {
            return Ok(None);
        }
        let rest = self.waiting.split_off(size);
        Ok(Some(Frame { bytes: std::mem::replace(&mut self.waiting, rest) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let size = u32::try_from(HEADER + rest.len()).unwrap();
        [kind.as_slice(), &size.to_le_bytes(), rest].concat()
    }

    #[test]
    fn chunks_are_found_however_they_arrive() {
        let (hello, message) = (frame(*b"HELF", b"abc"), frame(*b"MSGF", &[7; 20]));
        let bytes = [hello.clone(), message.clone()].concat();
        for step in [1, 3, 10, bytes.len()] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for part in bytes.chunks(step) {
                frames.extend(part);
                while let Some(frame) = frames.next().unwrap() {
                    found.push(frame.bytes);
                }
            }
            assert_eq!(found, [hello.clone(), message.clone()], "in steps of {step}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_is_an_error() {
        for size in [0_u32, 7, u32::MAX] {
            let mut frames = Frames::default();
            frames.extend(&[b"MSGF".as_slice(), &size.to_le_bytes()].concat());
            assert!(frames.next().is_err(), "{size}");
        }
    }

    #[test]
    fn numbers_are_shifted_in_messages_and_in_the_opening_of_a_channel() {
        let headers = [&[1, 0, 0, 0, 2, 0, 0, 0], &9_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"body"].concat();
        let mut message = Frame { bytes: frame(*b"MSGF", &headers) };
        message.renumber(-1);
        assert_eq!((message.sequence(), message.body()), (Some(8), b"body".as_slice()));

        let text = |bytes: &[u8]| [&i32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        let null = (-1_i32).to_le_bytes().to_vec();
        let headers = [vec![1, 0, 0, 0], text(b"policy"), null.clone(), null, 5_u32.to_le_bytes().to_vec()].concat();
        let mut opening = Frame { bytes: frame(*b"OPNF", &headers) };
        opening.renumber(2);
        assert_eq!(opening.sequence(), Some(7));

        let mut hello = Frame { bytes: frame(*b"HELF", &[0; 40]) };
        let before = hello.clone();
        hello.renumber(1);
        assert_eq!((hello.sequence(), &hello), (None, &before));
    }
}
