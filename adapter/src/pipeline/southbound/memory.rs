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
//! One that comes again while the first is pending is not handled either: it waits for that verdict. One that has the id of
//! another, and another value, is refused.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::payload::CommandPayload;
use crate::domain::{BrokerId, Command};

/// How long a verdict is remembered.
const LIFETIME: Duration = Duration::from_mins(5);
/// Verdicts remembered at most.
const MAX_VERDICTS: usize = 100_000;
/// Bytes of keys and verdicts remembered at most.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;
/// Bytes of a key and what belongs to it, however long the id is.
const KEY_WEIGHT: usize = 64;

type Hash = [u8; 32];

/// What makes two commands the same one. Ids are the sender's own, so they count per topic of a broker; correlation data is
/// that of the one who waits at a response topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandKey {
    /// Of broker, topic and id.
    name: Hash,
    /// Of what is to be written.
    content: Hash,
}

impl CommandKey {
    /// By the id in the payload, else by the correlation data with the response topic; `None` when there is neither.
    pub(super) fn of(command: &Command, payload: &CommandPayload) -> Option<Self> {
        let BrokerId(broker) = command.broker;
        let (broker, topic) = (broker.to_le_bytes(), command.topic.as_bytes());
        let name = if let Some(id) = &payload.id {
            // As JSON, so that the number 1 and the text "1" are two ids.
            hash(&[&broker, topic, b"id", id.to_string().as_bytes()])
        } else {
            let data = command.correlation_data.as_deref().filter(|data| !data.is_empty())?;
            let response_topic = command.response_topic.as_deref().unwrap_or_default();
            hash(&[&broker, topic, b"data", data, response_topic.as_bytes()])
        };
        let content = match &payload.value {
            Ok(value) => hash(&[value.to_string().as_bytes()]),
            Err(_) => hash(&[&command.payload[..]]),
        };
        Some(Self { name, content })
    }
}

/// Of parts, each with its length, so that no two lists of parts are alike.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The memory, for the task and for those who cannot hand a command over to it.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedMemory(Arc<Mutex<VerdictMemory>>);

impl SharedMemory {
    /// For one look or one change.
    pub(super) fn lock(&self) -> MutexGuard<'_, VerdictMemory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a command; of one without a key, nothing.
    pub(super) fn recall(&self, key: Option<&CommandKey>, now: Instant) -> Recalled {
        key.map_or(Recalled::Unknown, |key| self.lock().recall(key, now))
    }
}

/// Bounded in time, number and bytes.
#[derive(Debug, Default)]
pub(super) struct VerdictMemory {
    /// By the name of the command.
    entries: HashMap<Hash, Entry>,
    /// In the order in which they expire.
    order: VecDeque<(Instant, Hash)>,
    weight: usize,
}

#[derive(Debug)]
struct Entry {
    content: Hash,
    /// `None` while the command is pending.
    verdict: Option<Bytes>,
}

/// What is known of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    Unknown,
    /// The first of this key has no verdict yet.
    Pending,
    /// The encoded first verdict.
    Known(Bytes),
    /// The first of this name has another value.
    Reused,
}

impl VerdictMemory {
    /// What is known of this command.
    pub(super) fn recall(&mut self, key: &CommandKey, now: Instant) -> Recalled {
        self.forget(now);
        match self.entries.get(&key.name) {
            None => Recalled::Unknown,
            Some(entry) if entry.content != key.content => Recalled::Reused,
            Some(Entry { verdict: None, .. }) => Recalled::Pending,
            Some(Entry { verdict: Some(verdict), .. }) => Recalled::Known(verdict.clone()),
        }
    }

    /// Whether one more can be remembered.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < MAX_VERDICTS && self.weight < MAX_WEIGHT
    }

    /// Keeps a place for the verdict on a command that is unknown, if there is room.
    pub(super) fn begin(&mut self, key: &CommandKey) {
        if self.has_room() && !self.entries.contains_key(&key.name) {
            self.weight += KEY_WEIGHT;
            self.entries.insert(key.name, Entry { content: key.content, verdict: None });
        }
    }

    /// Remembers the first verdict on a command, if there is a place for it.
    pub(super) fn remember(&mut self, key: &CommandKey, verdict: Bytes, now: Instant) {
        self.begin(key);
        let Some(entry) = self.entries.get_mut(&key.name).filter(|entry| entry.verdict.is_none()) else { return };
        self.weight += verdict.len();
        self.order.push_back((now + LIFETIME, key.name));
        entry.verdict = Some(verdict);
    }

    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(expires, _)| *expires <= now) {
            let Some((_, name)) = self.order.pop_front() else { return };
            let verdict = self.entries.remove(&name).and_then(|entry| entry.verdict).unwrap_or_default();
            self.weight -= KEY_WEIGHT + verdict.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: usize) -> CommandKey {
        CommandKey { name: hash(&[&id.to_le_bytes()]), content: Hash::default() }
    }

    fn key_of(topic: &str, data: Option<&[u8]>, response_topic: Option<&str>, payload: &str) -> Option<CommandKey> {
        let command = Command {
            broker: BrokerId(0),
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            is_retained: false,
            is_duplicate: false,
            response_topic: response_topic.map(str::to_owned),
            correlation_data: data.map(Bytes::copy_from_slice),
            message_expiry_seconds: None,
            received_at: Instant::now().into_std(),
        };
        CommandKey::of(&command, &CommandPayload::read(&command.payload, None))
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
        assert_eq!((memory.weight, memory.order.len(), memory.entries.len()), (0, 0, 0));
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
    fn ids_differ_by_kind_topic_and_who_waits() {
        let names = [
            key_of("a", None, None, r#"{"id":1}"#),
            key_of("a", None, None, r#"{"id":"1"}"#),
            key_of("b", None, None, r#"{"id":1}"#),
            key_of("a", Some(b"1"), None, "{}"),
            key_of("a", Some(b"1"), Some("resp/A"), "{}"),
            key_of("a", Some(b"1"), Some("resp/B"), "{}"),
        ]
        .map(|key| key.unwrap().name);
        for (position, name) in names.iter().enumerate() {
            assert!(!names[..position].contains(name), "{position}");
        }
        assert_eq!(key_of("a", Some(b"x"), Some("r"), r#"{"id":1}"#).unwrap().name, names[0]);
        assert_eq!(key_of("a", None, None, "5"), None);
        assert_eq!(key_of("a", Some(b""), Some("r"), "5"), None);
    }

    #[test]
    fn a_name_that_comes_again_with_another_value_is_no_repeat() {
        let mut memory = VerdictMemory::default();
        let (start, of) = (Instant::now(), |payload| key_of("a", None, None, payload).unwrap());
        memory.begin(&of(r#"{"id":9,"value":33}"#));
        assert_eq!(memory.recall(&of(r#"{"id":9,"value":44}"#), start), Recalled::Reused);
        memory.remember(&of(r#"{"id":9,"value":33}"#), "first".into(), start);
        assert_eq!(memory.recall(&of(r#"{"id":9,"value":44}"#), start), Recalled::Reused);
        let stamped = of(r#"{"value":33,"timestamp":1767225600000,"id":9}"#);
        assert_eq!(memory.recall(&stamped, start), Recalled::Known("first".into()));
    }

    #[test]
    fn long_ids_take_no_more_room_than_short_ones() {
        let mut memory = VerdictMemory::default();
        for number in 0..640 {
            let payload = format!(r#"{{"id":"{number}{}","value":1}}"#, "x".repeat(60_000));
            memory.begin(&key_of("a", None, None, &payload).unwrap());
            let data = format!("{number}{}", "x".repeat(60_000)).into_bytes();
            memory.begin(&key_of("a", Some(&data), Some(&"r".repeat(60_000)), "1").unwrap());
        }
        assert!(memory.has_room() && memory.weight < 100_000, "{}", memory.weight);
    }
}
