//! Values that wait for their type, each tag's in order, and no more of them than there is room for.

use std::collections::HashMap;

use crate::domain::{TagId, TagUpdate};
use crate::opcua::value::raw::Wire;

/// Values of one tag that wait; reading a type takes some round trips.
const MAX_VALUES_OF_A_TAG: usize = 1_000;
/// Bytes of all values that wait.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A value that waits. All of the update is settled but its value.
pub(super) struct Waiting {
    pub(super) update: TagUpdate,
    pub(super) wire: Wire,
}

/// The values that wait, by tag.
#[derive(Default)]
pub(super) struct Held {
    by_tag: HashMap<TagId, Tag>,
    bytes: usize,
}

#[derive(Default)]
struct Tag {
    waiting: Vec<Waiting>,
    bytes: usize,
    /// The room was not enough: what comes goes out undecoded until the type is there.
    is_over: bool,
}

/// What becomes of a value whose tag's values wait.
pub(super) enum Place {
    /// None of this tag waits.
    Free,
    /// Some do: it goes behind them.
    Behind,
    /// The tag's room is used up: it goes out as it is.
    Over,
}

impl Held {
    /// How many tags wait.
    pub(super) fn len(&self) -> usize {
        self.by_tag.len()
    }

    /// Whether a tag's values wait.
    pub(super) fn place(&self, tag: TagId) -> Place {
        match self.by_tag.get(&tag) {
            None => Place::Free,
            Some(tag) if tag.is_over => Place::Over,
            Some(_) => Place::Behind,
        }
    }

    /// Lets a value wait. Returns all values of its tag where there is no more room; they have to go out as they are.
    pub(super) fn push(&mut self, update: TagUpdate, wire: Wire) -> Vec<Waiting> {
        let bytes = size_of::<Waiting>() + wire.heap_bytes();
        let tag = self.by_tag.entry(update.tag).or_default();
        if tag.is_over {
            return vec![Waiting { update, wire }];
        }
        // It may wait for long, and the message that it came in need not.
        tag.waiting.push(Waiting { update, wire: wire.detached() });
        tag.bytes += bytes;
        self.bytes += bytes;
        if tag.waiting.len() <= MAX_VALUES_OF_A_TAG && self.bytes <= MAX_BYTES {
            return Vec::new();
        }
        self.bytes -= std::mem::take(&mut tag.bytes);
        tag.is_over = true;
        std::mem::take(&mut tag.waiting)
    }

    /// Takes out all values of all tags.
    pub(super) fn take_all(&mut self) -> Vec<(TagId, Vec<Waiting>)> {
        self.bytes = 0;
        self.by_tag.drain().map(|(id, tag)| (id, tag.waiting)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::{StatusCode, TagValue, Timestamp, UpdateFlags};

    fn update(tag: u32) -> TagUpdate {
        TagUpdate {
            tag: TagId(tag),
            value: TagValue::Null,
            status: StatusCode::GOOD,
            source_timestamp: None,
            server_timestamp: None,
            received_at: Timestamp::from_unix_millis(0),
            flags: UpdateFlags::default(),
        }
    }

    #[test]
    fn a_tag_that_waits_too_long_gets_its_values_back_in_order() {
        let mut held = Held::default();
        for number in 0..1_000 {
            assert!(held.push(update(1), Wire::Plain(TagValue::Int32(number))).is_empty());
        }
        assert!(matches!(held.place(TagId(1)), Place::Behind));
        let back = held.push(update(1), Wire::Plain(TagValue::Int32(1_000)));
        let numbers: Vec<_> = back.into_iter().map(|waiting| waiting.wire).collect();
        assert_eq!(numbers, (0..=1_000).map(|number| Wire::Plain(TagValue::Int32(number))).collect::<Vec<_>>());
        assert!(matches!(held.place(TagId(1)), Place::Over));
        assert_eq!(held.push(update(1), Wire::Plain(TagValue::Null)).len(), 1);
        assert!(matches!(held.place(TagId(2)), Place::Free));
        assert_eq!((held.bytes, held.len()), (0, 1));
    }

    #[test]
    fn all_tags_together_hold_no_more_than_their_bytes() {
        let mut held = Held::default();
        let large = || Wire::Encoded(Bytes::from(vec![0; 1024 * 1024]));
        let mut returned = 0;
        for tag in 0..100 {
            returned += held.push(update(tag), large()).len();
            assert!(held.bytes <= MAX_BYTES);
        }
        assert_eq!(returned, 100 - 15);
        assert_eq!(held.take_all().len(), 100);
        assert_eq!((held.bytes, held.len()), (0, 0));
    }
}
