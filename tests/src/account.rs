//! What a consumer can say of all numbered values: what never came, what was announced, what came twice, what came late.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    ops::RangeInclusive,
};

use serde_json::Value;

use crate::Message;

/// Follows every mapping, told apart by its topic, through all starts of the adapter.
///
/// Unlike [`SequenceCheck`](crate::SequenceCheck) it counts and goes on, reads the announcements of gaps, and looks at
/// the order over the starts. The consumer has to be there before the adapter.
#[derive(Debug, Default)]
pub struct Account {
    mappings: HashMap<String, Mapping>,
    counts: Verdict,
}

#[derive(Debug, Default)]
struct Mapping {
    /// Epoch and sequence of the newest message that came.
    newest: (u64, u64),
    starts: BTreeMap<u64, Start>,
}

/// What one start of the adapter has numbered for a mapping.
#[derive(Debug, Default)]
struct Start {
    /// Every number up to here has been given.
    due: u64,
    /// A hash of each payload; whole payloads would fill the memory of a soak.
    seen: HashMap<u64, u64>,
    announced: Vec<RangeInclusive<u64>>,
}

/// The counts, all of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Numbered by the adapter, as far as a consumer or the spool can tell.
    pub sent: u64,
    /// Never arrived.
    pub missing: u64,
    /// Never arrived, and no gap says so.
    pub lost: u64,
    /// Said to be missing by gaps of the spool.
    pub announced: u64,
    /// Said to be missing by gaps that name no numbers: lost before they were numbered.
    pub unnumbered: u64,
    /// Arrivals of what had arrived before, byte for byte the same.
    pub duplicated: u64,
    /// First arrivals after a later one of the same mapping.
    pub out_of_order: u64,
    /// Arrivals of what had arrived before, with another content.
    pub changed: u64,
}

impl Account {
    /// Takes in messages in the order of their arrival.
    pub fn take_all<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) {
        for message in messages {
            let Ok(json) = message.json() else { continue };
            if message.topic.ends_with("/gap") {
                self.take_gap(&json);
            } else if let Some((epoch, sequence)) = number(&json) {
                self.note(&message.topic, epoch, sequence, &message.payload);
            }
        }
    }

    /// Takes note of a message that the adapter has accepted, wherever it is: it has to arrive.
    pub fn expect(&mut self, topic: &str, payload: &[u8]) {
        let number = serde_json::from_slice(payload).ok().and_then(|json| number(&json));
        let Some((epoch, sequence)) = number else { return };
        let start = self.mappings.entry(topic.to_owned()).or_default().starts.entry(epoch).or_default();
        start.due = start.due.max(sequence);
    }

    /// What can be said by now.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = self.counts;
        for start in self.mappings.values().flat_map(|mapping| mapping.starts.values()) {
            let announced: BTreeSet<u64> = start.announced.iter().cloned().flatten().collect();
            verdict.sent += start.due;
            for sequence in (1..=start.due).filter(|sequence| !start.seen.contains_key(sequence)) {
                verdict.missing += 1;
                verdict.lost += u64::from(!announced.contains(&sequence));
            }
        }
        verdict
    }

    fn note(&mut self, topic: &str, epoch: u64, sequence: u64, payload: &[u8]) {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let hash = hasher.finish();
        let mapping = self.mappings.entry(topic.to_owned()).or_default();
        let start = mapping.starts.entry(epoch).or_default();
        match start.seen.get(&sequence) {
            Some(first) if *first == hash => self.counts.duplicated += 1,
            Some(_) => self.counts.changed += 1,
            None => {
                self.counts.out_of_order += u64::from((epoch, sequence) < mapping.newest);
                mapping.newest = mapping.newest.max((epoch, sequence));
                start.seen.insert(sequence, hash);
                start.due = start.due.max(sequence);
            }
        }
    }

    fn take_gap(&mut self, gap: &Value) {
        let count = gap["count"].as_u64().unwrap_or(1);
        let number = |key: &str| gap[key].as_u64();
        let range = number("epoch").zip(number("fromSequence")).zip(number("toSequence"));
        let (Some(topic), Some(((epoch, from), to))) = (gap["topic"].as_str(), range) else {
            self.counts.unnumbered += count;
            return;
        };
        let start = self.mappings.entry(topic.to_owned()).or_default().starts.entry(epoch).or_default();
        start.announced.push(from..=to);
        start.due = start.due.max(to);
        self.counts.announced += count;
    }
}

fn number(json: &Value) -> Option<(u64, u64)> {
    Some((json["epoch"].as_u64()?, json["sequence"].as_u64()?))
}

impl Verdict {
    /// Whether every value came, in order and as it was, and nothing was announced.
    pub const fn is_clean(&self) -> bool {
        self.missing == 0 && self.announced == 0 && self.is_orderly()
    }

    /// Whether all that came did so in order and as it was.
    pub const fn is_orderly(&self) -> bool {
        self.out_of_order == 0 && self.changed == 0
    }

    /// What has come to it since an earlier one.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            missing: self.missing.saturating_sub(earlier.missing),
            lost: self.lost.saturating_sub(earlier.lost),
            announced: self.announced - earlier.announced,
            unnumbered: self.unnumbered - earlier.unnumbered,
            duplicated: self.duplicated - earlier.duplicated,
            out_of_order: self.out_of_order - earlier.out_of_order,
            changed: self.changed - earlier.changed,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, missing, lost, announced, unnumbered, duplicated, out_of_order, changed } = self;
        write!(
            formatter,
            "sent={sent} missing={missing} lost={lost} announced={announced} unnumbered={unnumbered} \
             duplicated={duplicated} out_of_order={out_of_order} changed={changed}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(arrivals: &[(u64, u64, &str)]) -> Account {
        let mut account = Account::default();
        for (epoch, sequence, payload) in arrivals {
            account.note("a", *epoch, *sequence, payload.as_bytes());
        }
        account
    }

    #[test]
    fn what_comes_in_order_through_two_starts_is_clean() {
        let verdict = account(&[(1, 1, ""), (1, 2, ""), (2, 1, ""), (1, 2, ""), (2, 2, "")]).verdict();
        assert_eq!(verdict, Verdict { sent: 4, duplicated: 1, ..Verdict::default() });
        assert!(verdict.is_clean());
    }

    #[test]
    fn what_comes_late_or_changed_is_counted() {
        let verdict =
            account(&[(1, 1, "a"), (1, 3, "c"), (1, 2, "b"), (2, 1, "d"), (1, 4, "e"), (1, 1, "x")]).verdict();
        assert_eq!(verdict, Verdict { sent: 5, out_of_order: 2, changed: 1, ..Verdict::default() });
        assert!(!verdict.is_orderly());
    }

    #[test]
    fn what_is_missing_is_lost_unless_a_gap_names_it() {
        let mut account = account(&[(1, 1, ""), (1, 5, "")]);
        account.take_gap(&json!({"topic": "a", "epoch": 1, "fromSequence": 2, "toSequence": 3, "count": 2}));
        account.take_gap(&json!({"topic": null, "epoch": 1, "fromSequence": null, "toSequence": null, "count": 9}));
        let expected = Verdict { sent: 5, missing: 3, lost: 1, announced: 2, unnumbered: 9, ..Verdict::default() };
        assert_eq!(account.verdict(), expected);
    }

    #[test]
    fn what_was_accepted_last_and_never_came_is_lost() {
        let mut account = account(&[(1, 1, "")]);
        account.expect("a", br#"{"value":1,"epoch":1,"sequence":3}"#);
        account.expect("b", br#"{"value":1,"epoch":1,"sequence":1}"#);
        assert_eq!(account.verdict(), Verdict { sent: 4, missing: 3, lost: 3, ..Verdict::default() });
    }
}
