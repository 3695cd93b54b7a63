//! The promise of identity: no hole, in order, and a repeat is byte for byte the same.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use anyhow::{Result, bail};

use crate::Message;

/// How a message broke the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Numbers are missing between two messages.
    Hole {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A message came after a later one, and is no repeat.
    OutOfOrder {
        /// Its number.
        found: u64,
    },
    /// A repeat differs from the first.
    ChangedRepeat {
        /// Its number.
        found: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hole { expected, found } => write!(formatter, "expected {expected}, got {found}"),
            Self::OutOfOrder { found } => write!(formatter, "{found} came late"),
            Self::ChangedRepeat { found } => write!(formatter, "the repeat of {found} differs"),
        }
    }
}

/// Who numbers: the mapping (by its topic and tag) within one start of the adapter.
type Series = (String, String, u64);

#[derive(Debug, Default)]
struct Seen {
    first: u64,
    last: u64,
    /// A hash of each payload; whole payloads would fill the memory of a soak.
    payloads: HashMap<u64, u64>,
}

/// Follows all series at once.
#[derive(Debug)]
pub struct SequenceCheck {
    begins_at_one: bool,
    series: HashMap<Series, Seen>,
    faults: Vec<(Series, Fault)>,
    repeats: usize,
}

impl SequenceCheck {
    /// For a probe that was there before the adapter: every series begins at 1.
    pub fn from_the_start() -> Self {
        Self { begins_at_one: true, series: HashMap::new(), faults: Vec::new(), repeats: 0 }
    }

    /// For a probe that came later: a series may begin anywhere.
    pub fn from_midway() -> Self {
        Self { begins_at_one: false, ..Self::from_the_start() }
    }

    /// Takes in every numbered message of `messages` and fails at the first fault of all.
    pub fn check<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Result<Self> {
        let mut check = Self::from_the_start();
        check.take_all(messages)?;
        Ok(check)
    }

    /// As `check`, for a check that exists.
    pub fn take_all<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) -> Result<()> {
        for message in messages {
            self.take(message);
        }
        if let Some(((topic, tag, epoch), fault)) = self.faults.first() {
            bail!("{} faults in sequences; the first: {topic} ({tag}) epoch {epoch}: {fault}", self.faults.len());
        }
        Ok(())
    }

    /// Takes in one message; one without a sequence is no business of this check.
    pub fn take(&mut self, message: &Message) {
        let Ok(json) = message.json() else { return };
        let (Some(epoch), Some(sequence)) = (json["epoch"].as_u64(), json["sequence"].as_u64()) else { return };
        let tag = json["tagName"].as_str().unwrap_or_default().to_owned();
        self.note((message.topic.clone(), tag, epoch), sequence, &message.payload);
    }

    fn note(&mut self, series: Series, sequence: u64, payload: &[u8]) {
        let begins_at_one = self.begins_at_one;
        let hash = hash_of(payload);
        let seen = self.series.entry(series.clone()).or_insert_with(|| {
            let first = if begins_at_one { 1 } else { sequence };
            Seen { first, last: first.saturating_sub(1), payloads: HashMap::new() }
        });
        let fault = match seen.payloads.get(&sequence) {
            Some(first) if *first == hash => {
                self.repeats += 1;
                return;
            }
            Some(_) => Some(Fault::ChangedRepeat { found: sequence }),
            None if sequence <= seen.last => Some(Fault::OutOfOrder { found: sequence }),
            None if sequence > seen.last + 1 => Some(Fault::Hole { expected: seen.last + 1, found: sequence }),
            None => None,
        };
        seen.last = seen.last.max(sequence);
        seen.payloads.insert(sequence, hash);
        self.faults.extend(fault.map(|fault| (series, fault)));
    }

    /// Messages that came more than once.
    pub fn repeats(&self) -> usize {
        self.repeats
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The shortest series; 0 when there is none.
    pub fn shortest(&self) -> u64 {
        self.series.values().map(|seen| seen.last + 1 - seen.first).min().unwrap_or(0)
    }

    /// Everything wrong so far.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|(_, fault)| fault)
    }
}

fn hash_of(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(sequences: &[(u64, &'static str)], mut check: SequenceCheck) -> Vec<Fault> {
        for (sequence, payload) in sequences {
            check.note(("topic".to_owned(), "tag".to_owned(), 1), *sequence, payload.as_bytes());
        }
        check.faults().cloned().collect()
    }

    #[test]
    fn repeats_are_harmless_when_they_are_the_same() {
        assert_eq!(faults(&[(1, "a"), (2, "b"), (1, "a"), (2, "b"), (3, "c")], SequenceCheck::from_the_start()), []);
        let changed = faults(&[(1, "a"), (1, "b")], SequenceCheck::from_the_start());
        assert_eq!(changed, [Fault::ChangedRepeat { found: 1 }]);
    }

    #[test]
    fn holes_and_late_messages_are_found() {
        let found = faults(&[(1, "a"), (3, "c"), (2, "b"), (4, "d")], SequenceCheck::from_the_start());
        assert_eq!(found, [Fault::Hole { expected: 2, found: 3 }, Fault::OutOfOrder { found: 2 }]);
    }

    #[test]
    fn only_a_late_comer_may_miss_the_beginning() {
        assert_eq!(faults(&[(7, "a"), (8, "b")], SequenceCheck::from_midway()), []);
        let found = faults(&[(2, "a")], SequenceCheck::from_the_start());
        assert_eq!(found, [Fault::Hole { expected: 1, found: 2 }]);
    }
}
