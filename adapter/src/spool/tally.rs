//! Counts what waits, mapping by mapping.

use std::collections::BTreeMap;

use crate::domain::{Epoch, OutboundMessage, Sequence, TagName, Timestamp, TopicName};

/// Mappings that are counted one by one; only topics of verdicts, which callers name, could be more.
const MAX_MAPPINGS: usize = 65_536;

/// Messages of a lane, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub messages: u64,
    /// When the oldest of them was created.
    pub oldest: Option<Timestamp>,
    /// When the newest of them was created.
    pub newest: Option<Timestamp>,
    mappings: BTreeMap<(TopicName, Option<TagName>, Epoch), MappingTally>,
    /// Messages of more mappings than are counted one by one.
    pub of_others: u64,
}

/// Messages of one mapping and one start of the adapter, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingTally {
    /// How many.
    pub messages: u64,
    /// The first and the last sequence among them; `None` where messages are not numbered.
    pub sequences: Option<(Sequence, Sequence)>,
}

impl Tally {
    /// Counts a message that was read from a spool.
    pub fn add(&mut self, message: &OutboundMessage) {
        self.messages += 1;
        self.oldest = Some(self.oldest.map_or(message.created_at, |oldest| oldest.min(message.created_at)));
        self.newest = self.newest.max(Some(message.created_at));
        let route = &message.route;
        let key = (route.topic.clone(), route.tag_name.clone(), message.epoch.unwrap_or(Epoch(0)));
        if let Some(mapping) = self.mappings.get_mut(&key) {
            mapping.add(message.sequence);
        } else if self.mappings.len() < MAX_MAPPINGS {
            let sequences = message.sequence.map(|sequence| (sequence, sequence));
            self.mappings.insert(key, MappingTally { messages: 1, sequences });
        } else {
            self.of_others += 1;
        }
    }

    /// Each mapping's, by topic, tag name and epoch.
    pub fn mappings(&self) -> impl Iterator<Item = (&TopicName, Option<&TagName>, Epoch, MappingTally)> {
        self.mappings.iter().map(|((topic, tag_name, epoch), tally)| (topic, tag_name.as_ref(), *epoch, *tally))
    }
}

impl MappingTally {
    fn add(&mut self, sequence: Option<Sequence>) {
        self.messages += 1;
        self.sequences = match (self.sequences, sequence) {
            (Some((first, last)), Some(sequence)) => Some((first.min(sequence), last.max(sequence))),
            (known, sequence) => known.or(sequence.map(|sequence| (sequence, sequence))),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::sample::message;

    #[test]
    fn each_mapping_and_each_start_is_counted_by_itself() {
        let mut tally = Tally::default();
        for (topic, epoch, sequence) in [("b", 1, 7), ("a", 1, 3), ("a", 1, 2), ("a", 2, 1)] {
            let mut message = message(topic, sequence);
            message.epoch = Some(Epoch(epoch));
            message.created_at = Timestamp::from_unix_millis(i64::try_from(sequence).unwrap());
            tally.add(&message);
        }
        let of_mappings: Vec<_> = tally
            .mappings()
            .map(|(topic, _, epoch, of_one)| (topic.as_str(), epoch.0, of_one.messages, of_one.sequences))
            .collect();
        let sequences = |first, last| Some((Sequence(first), Sequence(last)));
        assert_eq!(
            of_mappings,
            [("a", 1, 2, sequences(2, 3)), ("a", 2, 1, sequences(1, 1)), ("b", 1, 1, sequences(7, 7))]
        );
        let times = (tally.oldest.map(Timestamp::unix_millis), tally.newest.map(Timestamp::unix_millis));
        assert_eq!((tally.messages, times), (4, (Some(1), Some(7))));
    }

    #[test]
    fn ever_new_topics_do_not_take_ever_more_memory() {
        let mut tally = Tally::default();
        for topic in 0..MAX_MAPPINGS + 5 {
            tally.add(&message(&format!("t/{topic}"), 1));
        }
        assert_eq!((tally.mappings().count(), tally.of_others), (MAX_MAPPINGS, 5));
        assert_eq!(tally.messages, (MAX_MAPPINGS + 5) as u64);
    }
}
