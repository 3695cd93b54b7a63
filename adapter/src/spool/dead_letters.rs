//! Messages that a broker will never take, kept for a person to look at.
//!
//! One JSON object a line, the newest at the end: `at`, `reason`, `topic`, `tagName`, `epoch`, `sequence`, `createdAt`,
//! `userProperties`, `correlationData` (base64), and `payload` as text, or `payloadBase64` where it is none; times are
//! milliseconds since 1970. When the file has half of the bytes that are allowed it is renamed to
//! `dead-letters.old.jsonl`, and what had that name goes: a mapping that a broker refuses fills no disk.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::domain::{Epoch, OutboundMessage, TagName, Timestamp};

pub(super) const NAME: &str = "dead-letters.jsonl";
pub(super) const OLD_NAME: &str = "dead-letters.old.jsonl";
/// Bytes of both files together.
const MAX_BYTES: u64 = 16 << 20;

/// The file, which is made with the first letter.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    old_path: PathBuf,
    max_bytes: u64,
    /// What is written to, and how long it is.
    file: Mutex<Option<(File, u64)>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter<'a> {
    at: i64,
    reason: &'a str,
    topic: &'a str,
    tag_name: Option<&'a str>,
    epoch: u64,
    sequence: Option<u64>,
    created_at: i64,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    user_properties: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
    #[serde(flatten)]
    payload: Payload<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    #[serde(rename_all = "camelCase")]
    Text { payload: &'a str },
    #[serde(rename_all = "camelCase")]
    Bytes { payload_base64: String },
}

impl DeadLetters {
    /// In the directory `below`, which is there when the first letter comes.
    pub fn below(below: &Path) -> Self {
        let (path, old_path) = (below.join(NAME), below.join(OLD_NAME));
        Self { path, old_path, max_bytes: MAX_BYTES, file: Mutex::default() }
    }

    /// Where the letters are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a message of the start `epoch`, and why it was given up.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(super) fn add(&self, message: &OutboundMessage, epoch: Epoch, reason: &str, now: Timestamp) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Letter::of(message, epoch, reason, now))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.as_ref().is_some_and(|(_, length)| *length + line.len() as u64 > self.max_bytes / 2) {
            *file = None;
            fs::rename(&self.path, &self.old_path)?;
        }
        let (opened, length) = match &mut *file {
            Some(opened) => opened,
            None => file.insert(self.open()?),
        };
        let written = opened.write_all(&line);
        *length += line.len() as u64;
        written
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let mut file = File::options().append(true).create(true).open(&self.path)?;
        let length = file.metadata()?.len();
        // A line that a full disk has cut must not spoil the next one.
        if length > 0 {
            file.write_all(b"\n")?;
        }
        Ok((file, length))
    }
}

impl<'a> Letter<'a> {
    fn of(message: &'a OutboundMessage, epoch: Epoch, reason: &'a str, now: Timestamp) -> Self {
        let of_route = message.route.user_properties.iter().map(|(name, value)| (name.as_str(), value));
        let of_message = message.user_properties.iter().map(|(name, value)| (name.as_ref(), value));
        Self {
            at: now.unix_millis(),
            reason,
            topic: message.route.topic.as_str(),
            tag_name: message.route.tag_name.as_ref().map(TagName::as_str),
            epoch: message.epoch.unwrap_or(epoch).0,
            sequence: message.sequence.map(|sequence| sequence.0),
            created_at: message.created_at.unix_millis(),
            user_properties: of_route
                .chain(of_message)
                .map(|(name, value)| (name.to_owned(), value.as_str().into()))
                .collect(),
            correlation_data: message.correlation_data.as_ref().map(|data| STANDARD.encode(data)),
            payload: match std::str::from_utf8(&message.payload) {
                Ok(payload) => Payload::Text { payload },
                Err(_) => Payload::Bytes { payload_base64: STANDARD.encode(&message.payload) },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::spool::sample::message;

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn add(letters: &DeadLetters, message: &OutboundMessage) {
        letters.add(message, Epoch(7), "not authorized", Timestamp::from_unix_millis(1_000)).unwrap();
    }

    #[test]
    fn a_letter_has_all_that_is_needed_to_send_it_by_hand() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::below(directory.path());
        let mut whole = message("a/b", 4);
        whole.user_properties = vec![("anomaly-label".into(), "1".to_owned())];
        whole.correlation_data = Some(Bytes::from_static(&[0, 255]));
        add(&letters, &whole);
        add(
            &letters,
            &OutboundMessage { payload: Bytes::from_static(&[255]), epoch: Some(Epoch(3)), ..message("c", 5) },
        );
        let expected = json!({
            "at": 1_000, "reason": "not authorized", "topic": "a/b", "tagName": "a/b", "epoch": 7, "sequence": 4,
            "createdAt": 0, "userProperties": {"anomaly-label": "1"}, "correlationData": "AP8=",
            "payload": "{\"sequence\":4}",
        });
        let found = lines(letters.path());
        assert_eq!(found[0], expected);
        assert_eq!((&found[1]["payloadBase64"], &found[1]["epoch"]), (&json!("/w=="), &json!(3)));
    }

    #[test]
    fn the_newest_are_kept_within_the_bound() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters { max_bytes: 10_000, ..DeadLetters::below(directory.path()) };
        (1..=500).for_each(|sequence| add(&letters, &message("a", sequence)));
        let (old, new) = (lines(&letters.old_path), lines(letters.path()));
        let kept: Vec<u64> = old.iter().chain(&new).map(|letter| letter["sequence"].as_u64().unwrap()).collect();
        assert!(kept.iter().copied().eq(kept[0]..=500) && kept.len() > 30, "{kept:?}");
        let bytes = [&letters.path, &letters.old_path].map(|path| fs::metadata(path).unwrap().len());
        assert!(bytes.iter().sum::<u64>() <= 10_000, "{bytes:?}");
    }

    #[test]
    fn a_half_written_line_does_not_spoil_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::below(directory.path());
        fs::write(letters.path(), "{\"at\":1,\"rea").unwrap();
        add(&letters, &message("a", 1));
        let text = fs::read_to_string(letters.path()).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["sequence"], 1);
    }
}
