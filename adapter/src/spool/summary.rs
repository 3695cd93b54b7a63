//! What a segment holds, route by route, so that it can be dropped and announced without being read.

use std::collections::BTreeMap;

use super::{
    DropCause, DroppedRange, Position,
    record::{self, Fields, put_text, put_time, put_u32, put_u64},
};
use crate::domain::{Epoch, OutboundMessage, Sequence, TagName, Timestamp, TopicName};

/// The least bytes that a route takes in a summary; a count that promises more is not believed.
const LEAST_BYTES_OF_A_ROUTE: usize = 48;

/// The messages of a segment, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) last: Position,
    /// When the newest message was created.
    pub(super) newest: Option<Timestamp>,
    routes: BTreeMap<(TopicName, Option<TagName>), DroppedRange>,
}

impl Summary {
    /// Of a segment of `count` messages up to `last`, with one range for each route.
    pub(super) fn of_routes(
        count: u64,
        last: Position,
        newest: Option<Timestamp>,
        routes: impl Iterator<Item = DroppedRange>,
    ) -> Self {
        let mut summary = Self { count, last, newest, routes: BTreeMap::new() };
        routes.for_each(|range| summary.put(range));
        summary
    }

    /// Counts a message.
    pub(super) fn add(&mut self, position: Position, message: &OutboundMessage, epoch: Epoch) {
        self.count += 1;
        self.last = position;
        self.newest = self.newest.max(Some(message.created_at));
        self.put(DroppedRange::new(message, epoch, DropCause::Retention));
    }

    /// Counts what is missing between two messages of a route, of which `next` is the second.
    pub(super) fn add_hole(&mut self, next: &OutboundMessage, epoch: Epoch, first: Sequence, last: Sequence) {
        let mut range = DroppedRange::new(next, epoch, DropCause::Disk);
        range.sequences = Some((first, last));
        range.count = last.0 + 1 - first.0;
        self.put(range);
    }

    fn put(&mut self, range: DroppedRange) {
        match self.routes.get_mut(&(range.topic.clone(), range.tag_name.clone())) {
            Some(known) => known.extend(&range),
            None => drop(self.routes.insert((range.topic.clone(), range.tag_name.clone()), range)),
        }
    }

    /// Whether it counts each message once, and no more of them than `bytes` can hold.
    pub(super) fn is_consistent(&self, bytes: u64) -> bool {
        let of_routes = self.routes.values().try_fold(0_u64, |sum, range| sum.checked_add(range.count));
        of_routes == Some(self.count) && self.count <= bytes / record::LEAST_BYTES_OF_A_MESSAGE
    }

    /// All of it as what was dropped for one cause.
    pub(super) fn ranges(&self, epoch: Epoch, cause: DropCause) -> impl Iterator<Item = DroppedRange> + '_ {
        self.routes.values().map(move |range| DroppedRange { epoch, cause, ..range.clone() })
    }

    pub(super) fn encode(&self, body: &mut Vec<u8>) {
        put_u64(body, self.count);
        put_u64(body, self.last.0);
        put_time(body, self.newest);
        put_u32(body, u32::try_from(self.routes.len()).unwrap_or(u32::MAX));
        for range in self.routes.values() {
            put_text(body, Some(range.topic.as_str()));
            put_text(body, range.tag_name.as_ref().map(TagName::as_str));
            put_u64(body, range.count);
            let (first, last) = range.sequences.map_or((0, 0), |(first, last)| (first.0, last.0));
            put_u64(body, first);
            put_u64(body, last);
            put_time(body, Some(range.from_time));
            put_time(body, Some(range.to_time));
        }
    }

    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let (count, last, newest) = (fields.u64()?, Position(fields.counted()?.unwrap_or(0)), fields.time()?);
        let route_count = fields.u32()?;
        if route_count as usize > fields.left() / LEAST_BYTES_OF_A_ROUTE {
            return None;
        }
        let mut routes = BTreeMap::new();
        for _ in 0..route_count {
            let topic = TopicName::parse(&fields.text()??).ok()?;
            let tag_name = fields.text()?.map(|name| TagName::new(&name));
            let count = fields.u64()?;
            let (first, last) = (fields.counted()?, fields.counted()?);
            let (from_time, to_time) = (fields.time()??, fields.time()??);
            let sequences = first.zip(last).map(|(first, last)| (Sequence(first), Sequence(last)));
            if sequences.is_some_and(|(first, last)| first > last) {
                return None;
            }
            let key = (topic.clone(), tag_name.clone());
            let cause = DropCause::Retention;
            let epoch = Epoch(0);
            routes.insert(key, DroppedRange { tag_name, topic, epoch, sequences, from_time, to_time, count, cause });
        }
        Some(Self { count, last, newest, routes })
    }
}
