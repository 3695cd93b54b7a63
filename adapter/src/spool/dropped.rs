//! What was dropped and has to be announced as a gap.

use std::{collections::BTreeMap, mem};

use crate::domain::{Epoch, OutboundMessage, Sequence, TagName, Timestamp, TopicName};

/// Ranges kept until they are announced; mappings are fewer, only response topics could be more.
const MAX_RANGES: usize = 16_384;

/// Why a message was dropped, as the metrics spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The spool was full and this was the oldest message.
    Retention,
    /// The message was older than its expiry when its turn came.
    Expired,
    /// QoS 0 while there was no connection.
    Away,
    /// QoS 0 while the connection was slower than the values.
    Overflow,
    /// The broker will never take it; counted as published with result `refused`, too.
    Refused,
    /// Kept as long as `max_age` says.
    Age,
    /// The disk refused it and memory was full, or what was on the disk cannot be read any more.
    Disk,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 7] =
        [Self::Retention, Self::Expired, Self::Away, Self::Overflow, Self::Refused, Self::Age, Self::Disk];

    /// The label value in `spool_dropped_total`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Expired => "expired",
            Self::Away => "away",
            Self::Overflow => "overflow",
            Self::Refused => "refused",
            Self::Age => "age",
            Self::Disk => "disk",
        }
    }

    /// The cause that the gap message gives.
    pub const fn cause(self) -> DropCause {
        match self {
            Self::Retention | Self::Expired | Self::Age => DropCause::Retention,
            Self::Away | Self::Overflow => DropCause::Overflow,
            Self::Refused => DropCause::Refused,
            Self::Disk => DropCause::Disk,
        }
    }
}

/// Why a range is missing, as gap messages spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropCause {
    /// Kept as long as was allowed.
    Retention,
    /// A bounded queue was full.
    Overflow,
    /// The broker refused it for good.
    Refused,
    /// The disk.
    Disk,
}

impl DropCause {
    /// The cause as payloads spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            // The payload's shape has no word of its own for a refusal; the log and `spool_dropped_total` have.
            Self::Retention | Self::Refused => "retention",
            Self::Overflow => "overflow",
            Self::Disk => "disk",
        }
    }
}

/// Messages of one mapping (or of one other topic) that were dropped for one cause and not yet announced.
///
/// The drops between two announcements become one range: where messages between them arrived, `count` is smaller than
/// the span of sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRange {
    /// Whose values; `None` for alarms, gaps and verdicts.
    pub tag_name: Option<TagName>,
    /// Where they would have gone.
    pub topic: TopicName,
    /// The start of the adapter that numbered them.
    pub epoch: Epoch,
    /// The first and the last sequence among them; `None` where messages are not numbered.
    pub sequences: Option<(Sequence, Sequence)>,
    /// The oldest source time among them (time of creation where there is none).
    pub from_time: Timestamp,
    /// The newest source time among them.
    pub to_time: Timestamp,
    /// How many.
    pub count: u64,
    /// Why.
    pub cause: DropCause,
}

impl DroppedRange {
    pub(super) fn new(message: &OutboundMessage, epoch: Epoch, cause: DropCause) -> Self {
        let time = message.source_timestamp.unwrap_or(message.created_at);
        Self {
            tag_name: message.route.tag_name.clone(),
            topic: message.route.topic.clone(),
            epoch,
            sequences: message.sequence.map(|sequence| (sequence, sequence)),
            from_time: time,
            to_time: time,
            count: 1,
            cause,
        }
    }

    /// What of it comes after `last`; all of it without one. `None` where that is nothing, or is not known.
    pub(super) fn after(self, last: Option<Sequence>) -> Option<Self> {
        let Some(last) = last else { return Some(self) };
        let (_, end) = self.sequences?;
        let first = Sequence(last.0 + 1);
        (first <= end).then(|| Self { sequences: Some((first, end)), count: end.0 - last.0, ..self })
    }

    /// Counts one more message of the same mapping.
    pub(super) fn add(&mut self, message: &OutboundMessage) {
        let time = message.source_timestamp.unwrap_or(message.created_at);
        self.sequences = match (self.sequences, message.sequence) {
            (Some((from, to)), Some(sequence)) => Some((from.min(sequence), to.max(sequence))),
            (own, sequence) => own.or(sequence.map(|sequence| (sequence, sequence))),
        };
        self.from_time = self.from_time.min(time);
        self.to_time = self.to_time.max(time);
        self.count += 1;
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.sequences = match (self.sequences, other.sequences) {
            (Some((from, to)), Some((other_from, other_to))) => Some((from.min(other_from), to.max(other_to))),
            (own, other) => own.or(other),
        };
        self.from_time = self.from_time.min(other.from_time);
        self.to_time = self.to_time.max(other.to_time);
        self.count = self.count.saturating_add(other.count);
    }
}

/// The ranges not yet announced, by topic, tag, epoch and cause.
#[derive(Debug, Default)]
pub(super) struct DropLedger {
    ranges: BTreeMap<(TopicName, Option<TagName>, Epoch, DropCause), DroppedRange>,
    unannounced: u64,
}

impl DropLedger {
    pub(super) fn note(&mut self, range: DroppedRange) {
        let key = (range.topic.clone(), range.tag_name.clone(), range.epoch, range.cause);
        if let Some(known) = self.ranges.get_mut(&key) {
            known.extend(&range);
        } else if self.ranges.len() < MAX_RANGES {
            self.ranges.insert(key, range);
        } else {
            self.unannounced += range.count;
        }
    }

    pub(super) fn take(&mut self) -> Vec<DroppedRange> {
        if self.unannounced > 0 {
            let messages = mem::take(&mut self.unannounced);
            tracing::warn!(messages, "dropped on more topics than can be announced one by one");
        }
        mem::take(&mut self.ranges).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::sample::message;

    fn range(topic: &str, sequence: u64, cause: DropCause) -> DroppedRange {
        DroppedRange::new(&message(topic, sequence), Epoch(1), cause)
    }

    #[test]
    fn drops_of_one_mapping_become_one_range_per_cause() {
        let mut ledger = DropLedger::default();
        for sequence in [4, 3, 9] {
            ledger.note(range("a", sequence, DropCause::Retention));
        }
        ledger.note(range("a", 5, DropCause::Refused));
        ledger.note(range("b", 1, DropCause::Retention));
        let ranges = ledger.take();
        let summary: Vec<_> =
            ranges.iter().map(|range| (range.topic.as_str(), range.cause, range.count, range.sequences)).collect();
        let sequences = |from, to| Some((Sequence(from), Sequence(to)));
        assert_eq!(
            summary,
            [
                ("a", DropCause::Retention, 3, sequences(3, 9)),
                ("a", DropCause::Refused, 1, sequences(5, 5)),
                ("b", DropCause::Retention, 1, sequences(1, 1)),
            ]
        );
        assert_eq!((ranges[0].from_time.unix_millis(), ranges[0].to_time.unix_millis()), (3, 9));
        assert!(ledger.take().is_empty());
    }

    #[test]
    fn the_ledger_is_bounded() {
        let mut ledger = DropLedger::default();
        for topic in 0..MAX_RANGES + 5 {
            ledger.note(range(&format!("t/{topic}"), 1, DropCause::Retention));
        }
        assert_eq!(ledger.unannounced, 5);
        assert_eq!(ledger.take().len(), MAX_RANGES);
    }
}
