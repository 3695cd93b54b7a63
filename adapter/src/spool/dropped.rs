//! What was dropped and has to be announced as a gap.

use std::{collections::BTreeMap, mem};

use crate::domain::{OutboundMessage, Sequence, TagName, Timestamp, TopicName};

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
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Retention, Self::Expired, Self::Away, Self::Overflow, Self::Refused];

    /// The label value in `spool_dropped_total`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Expired => "expired",
            Self::Away => "away",
            Self::Overflow => "overflow",
            Self::Refused => "refused",
        }
    }

    /// The cause that the gap message gives.
    pub const fn cause(self) -> DropCause {
        match self {
            Self::Retention | Self::Expired => DropCause::Retention,
            Self::Away | Self::Overflow => DropCause::Overflow,
            Self::Refused => DropCause::Refused,
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
}

impl DropCause {
    /// The cause as payloads spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            // The payload's shape has no word of its own for a refusal; the log and `spool_dropped_total` have.
            Self::Retention | Self::Refused => "retention",
            Self::Overflow => "overflow",
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
    fn new(message: &OutboundMessage, cause: DropCause) -> Self {
        let time = message.source_timestamp.unwrap_or(message.created_at);
        Self {
            tag_name: message.route.tag_name.clone(),
            topic: message.route.topic.clone(),
            sequences: message.sequence.map(|sequence| (sequence, sequence)),
            from_time: time,
            to_time: time,
            count: 1,
            cause,
        }
    }

    fn extend(&mut self, other: &Self) {
        self.sequences = match (self.sequences, other.sequences) {
            (Some((from, to)), Some((other_from, other_to))) => Some((from.min(other_from), to.max(other_to))),
            (own, other) => own.or(other),
        };
        self.from_time = self.from_time.min(other.from_time);
        self.to_time = self.to_time.max(other.to_time);
        self.count += other.count;
    }
}

/// The ranges not yet announced, by topic, tag and cause.
#[derive(Debug, Default)]
pub(super) struct DropLedger {
    ranges: BTreeMap<(TopicName, Option<TagName>, DropCause), DroppedRange>,
    unannounced: u64,
}

impl DropLedger {
    pub(super) fn note(&mut self, message: &OutboundMessage, cause: DropCause) {
        let key = (message.route.topic.clone(), message.route.tag_name.clone(), cause);
        let range = DroppedRange::new(message, cause);
        if let Some(known) = self.ranges.get_mut(&key) {
            known.extend(&range);
        } else if self.ranges.len() < MAX_RANGES {
            self.ranges.insert(key, range);
        } else {
            self.unannounced += 1;
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

    #[test]
    fn drops_of_one_mapping_become_one_range_per_cause() {
        let mut ledger = DropLedger::default();
        for sequence in [4, 3, 9] {
            ledger.note(&message("a", sequence), DropCause::Retention);
        }
        ledger.note(&message("a", 5), DropCause::Refused);
        ledger.note(&message("b", 1), DropCause::Retention);
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
            ledger.note(&message(&format!("t/{topic}"), 1), DropCause::Retention);
        }
        assert_eq!(ledger.unannounced, 5);
        assert_eq!(ledger.take().len(), MAX_RANGES);
    }
}
