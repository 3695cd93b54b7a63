//! Ways to hang up.

use super::wire::{length_of, packet, text};

/// How the broker ends a connection. By MQTT 3.1.1 it can only close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It closes, without a word.
    Silent,
    /// A DISCONNECT with this reason, in one of its legal lengths, by turns: without properties, with none, with words.
    Reason(u8),
    /// A DISCONNECT with a reason and words about it.
    Words(u8, &'static str),
    /// These bytes first, whatever they are: `e0 00`, `e0 01 95`.
    Bytes(Vec<u8>),
}

impl Farewell {
    /// The bytes that go before the end, on the broker's connection of this number.
    pub(super) fn bytes(&self, version: u8, number: usize) -> Vec<u8> {
        if version < 5 {
            return Vec::new();
        }
        match self {
            Self::Silent => Vec::new(),
            Self::Reason(reason) => match number % 3 {
                0 => packet(0xe0, &[*reason]),
                1 => packet(0xe0, &[*reason, 0]),
                _ => with_words(*reason, "so says the broker"),
            },
            Self::Words(reason, words) => with_words(*reason, words),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

fn with_words(reason: u8, words: &str) -> Vec<u8> {
    let property = [&[0x1f], &text(words)[..]].concat();
    packet(0xe0, &[&[reason], &length_of(property.len())[..], &property].concat())
}
