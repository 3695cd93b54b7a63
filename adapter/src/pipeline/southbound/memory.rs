//! The verdicts of the last minutes, so that a command which comes again is answered again and not written again.
//!
//! Nothing is forgotten early: when the memory is full, commands with a new id are refused until there is room. That
//! takes more than 300 commands a second with an id, for minutes.
//!
//! | a command is | and then | it is |
//! |---|---|---|
//! | unknown | `begin`: it waits for its turn | pending |
//! | unknown or pending | `remember` | known for `LIFETIME`, with its verdict |
//! | known | its time is over | unknown |
//!
//! One that comes again while the first is pending is not handled either: it waits for that verdict.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{BrokerId, Command};

/// How long a verdict is remembered.
const LIFETIME: Duration = Duration::from_mins(5);
/// Verdicts remembered at most.
const MAX_VERDICTS: usize = 100_000;
/// Bytes of ids and verdicts remembered at most.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;

/// What makes two commands the same one. Ids are the sender's own, so they count per topic of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CommandKey {
    broker: BrokerId,
    topic: String,
    id: CommandId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum CommandId {
    /// As JSON, so that the number 1 and the text "1" are two ids.
    Payload(String),
    Correlation(Bytes),
}

impl CommandKey {
    /// By the id in the payload, else by the correlation data; `None` when there is neither.
    pub(super) fn of(command: &Command, id: Option<&Value>) -> Option<Self> {
        let correlation = || command.correlation_data.clone().filter(|data| !data.is_empty());
        let id = match id {
            Some(id) => CommandId::Payload(id.to_string()),
            None => CommandId::Correlation(correlation()?),
        };
        Some(Self { broker: command.broker, topic: command.topic.clone(), id })
    }

    fn weight(&self) -> usize {
        let id = match &self.id {
            CommandId::Payload(text) => text.len(),
            CommandId::Correlation(data) => data.len(),
        };
        self.topic.len() + id
    }
}

/// Bounded in time, number and bytes.
#[derive(Debug, Default)]
pub(super) struct VerdictMemory {
    /// `None` while a command is pending.
    verdicts: HashMap<Arc<CommandKey>, Option<Bytes>>,
    /// In the order in which they expire.
    order: VecDeque<(Instant, Arc<CommandKey>)>,
    weight: usize,
}

/// What is known of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    Unknown,
    /// The first of this key has no verdict yet.
    Pending,
    /// The encoded first verdict.
    Known(Bytes),
}

impl VerdictMemory {
    /// What is known of this command.
    pub(super) fn recall(&mut self, key: &CommandKey, now: Instant) -> Recalled {
        self.forget(now);
        match self.verdicts.get(key) {
            None => Recalled::Unknown,
            Some(None) => Recalled::Pending,
            Some(Some(verdict)) => Recalled::Known(verdict.clone()),
        }
    }

    /// Whether one more can be remembered.
    pub(super) fn has_room(&self) -> bool {
        self.verdicts.len() < MAX_VERDICTS && self.weight < MAX_WEIGHT
    }

    /// Keeps a place for the verdict on a command that is unknown, if there is room.
    pub(super) fn begin(&mut self, key: &CommandKey) {
        if self.has_room() && !self.verdicts.contains_key(key) {
            self.weight += key.weight();
            self.verdicts.insert(Arc::new(key.clone()), None);
        }
    }

    /// Remembers the first verdict on a command, if there is a place for it.
    pub(super) fn remember(&mut self, key: &CommandKey, verdict: Bytes, now: Instant) {
        self.begin(key);
        let Some((key, None)) = self.verdicts.get_key_value(key) else { return };
        let key = Arc::clone(key);
        self.weight += verdict.len();
        self.order.push_back((now + LIFETIME, Arc::clone(&key)));
        self.verdicts.insert(key, Some(verdict));
    }

    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(expires, _)| *expires <= now) {
            let Some((_, key)) = self.order.pop_front() else { return };
            let verdict = self.verdicts.remove(&key).flatten().unwrap_or_default();
            self.weight -= key.weight() + verdict.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: usize) -> CommandKey {
        CommandKey { broker: BrokerId(0), topic: "a/set".into(), id: CommandId::Payload(id.to_string()) }
    }

    #[test]
    fn a_verdict_is_remembered_for_five_minutes() {
        let mut memory = VerdictMemory::default();
        let start = Instant::now();
        memory.remember(&key(1), Bytes::from_static(b"first"), start);
        memory.remember(&key(1), Bytes::from_static(b"second"), start);
        assert_eq!(memory.recall(&key(1), start + Duration::from_millis(299_999)), Recalled::Known("first".into()));
        assert_eq!(memory.recall(&key(2), start), Recalled::Unknown);
        assert_eq!(memory.recall(&key(1), start + LIFETIME), Recalled::Unknown);
        assert_eq!((memory.weight, memory.order.len()), (0, 0));
    }

    #[test]
    fn a_command_is_pending_until_its_verdict_however_long_that_takes() {
        let mut memory = VerdictMemory::default();
        let start = Instant::now();
        memory.begin(&key(1));
        assert_eq!(memory.recall(&key(1), start + 2 * LIFETIME), Recalled::Pending);
        memory.remember(&key(1), Bytes::from_static(b"first"), start + 2 * LIFETIME);
        assert_eq!(memory.recall(&key(1), start + 2 * LIFETIME), Recalled::Known("first".into()));
        assert_eq!(memory.recall(&key(1), start + 3 * LIFETIME), Recalled::Unknown);
        assert_eq!((memory.weight, memory.order.len(), memory.verdicts.len()), (0, 0, 0));
    }

    #[test]
    fn a_full_memory_takes_no_more_until_something_expires() {
        let mut memory = VerdictMemory::default();
        let start = Instant::now();
        for id in 0..MAX_VERDICTS {
            assert!(memory.has_room());
            memory.remember(&key(id), Bytes::new(), start);
        }
        assert!(!memory.has_room());
        memory.remember(&key(MAX_VERDICTS), Bytes::new(), start);
        assert_eq!(memory.recall(&key(MAX_VERDICTS), start), Recalled::Unknown);
        assert_eq!(memory.recall(&key(0), start + LIFETIME), Recalled::Unknown);
        assert!(memory.has_room());
    }

    #[test]
    fn long_verdicts_fill_it_too() {
        let mut memory = VerdictMemory::default();
        memory.remember(&key(1), Bytes::from(vec![0; MAX_WEIGHT]), Instant::now());
        assert!(!memory.has_room());
    }

    #[test]
    fn ids_differ_by_kind_and_topic() {
        let command = |topic: &str, correlation: Option<&'static [u8]>| Command {
            broker: BrokerId(0),
            topic: topic.into(),
            payload: Bytes::new(),
            is_retained: false,
            is_duplicate: false,
            response_topic: None,
            correlation_data: correlation.map(Bytes::from_static),
            message_expiry_seconds: None,
            received_at: Instant::now().into_std(),
        };
        let of = |topic, correlation, id: Option<Value>| CommandKey::of(&command(topic, correlation), id.as_ref());
        let keys = [
            of("a", None, Some(1.into())),
            of("a", None, Some("1".into())),
            of("b", None, Some(1.into())),
            of("a", Some(b"1"), None),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(key.is_some() && !keys[..position].contains(key), "{key:?}");
        }
        assert_eq!(of("a", Some(b"x"), Some(1.into())), keys[0]);
        assert_eq!(of("a", None, None), None);
        assert_eq!(of("a", Some(b""), None), None);
    }
}
