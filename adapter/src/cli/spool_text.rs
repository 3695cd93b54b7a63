//! What `tagwise spool stat` says.

use std::{fmt::Write as _, path::PathBuf};

use serde_json::{Value, json};

use super::printable::{printable, time};
use crate::{
    domain::{Lane, TagName, Timestamp},
    spool::{DeadLetterCount, Passed, Position, Tally},
};

/// The spools of one adapter.
pub(super) struct SpoolStat {
    pub(super) state_dir: PathBuf,
    /// The process that works with them, as it calls itself.
    pub(super) holder: Option<String>,
    pub(super) brokers: Vec<BrokerStat>,
}

/// What waits for one broker.
pub(super) struct BrokerStat {
    pub(super) broker: String,
    pub(super) lanes: Vec<LaneStat>,
    pub(super) dead_letters: Option<DeadLetterCount>,
}

/// What waits in one lane.
pub(super) struct LaneStat {
    pub(super) lane: Lane,
    pub(super) acknowledged: Position,
    pub(super) waiting: Tally,
    pub(super) passed: Passed,
}

impl SpoolStat {
    /// For people.
    pub(super) fn text(&self, is_by_mapping: bool) -> String {
        let directory = printable(&self.state_dir.display().to_string());
        let mut text = match &self.holder {
            Some(holder) => format!("{directory}: in use by process {}\n", printable(holder)),
            None => format!("{directory}: not in use\n"),
        };
        if self.brokers.is_empty() {
            text.push_str("nothing was ever spooled here\n");
        }
        for broker in &self.brokers {
            broker.describe(&mut text, is_by_mapping);
        }
        text
    }

    /// For machines. Times are milliseconds since 1970.
    pub(super) fn json(&self) -> Value {
        json!({
            "stateDir": self.state_dir.display().to_string(),
            "heldBy": self.holder,
            "brokers": self.brokers.iter().map(BrokerStat::json).collect::<Vec<_>>(),
        })
    }
}

impl BrokerStat {
    fn describe(&self, text: &mut String, is_by_mapping: bool) {
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("\nbroker {}", printable(&self.broker)));
        for lane in &self.lanes {
            lane.lines().into_iter().for_each(&mut line);
            if is_by_mapping {
                lane.mapping_lines().into_iter().for_each(&mut line);
            }
        }
        if let Some(dead) = self.dead_letters {
            line(format!("  dead letters  {} messages, {} bytes", dead.messages, dead.bytes));
        }
    }

    fn json(&self) -> Value {
        let dead_letters = self.dead_letters.map(|dead| json!({ "messages": dead.messages, "bytes": dead.bytes }));
        json!({
            "broker": self.broker,
            "lanes": self.lanes.iter().map(LaneStat::json).collect::<Vec<_>>(),
            "deadLetters": dead_letters,
        })
    }
}

impl LaneStat {
    fn lines(&self) -> Vec<String> {
        let Self { lane, acknowledged, waiting, passed } = self;
        let mut first = format!("  {:<12}  {} messages wait", lane.as_str(), waiting.messages);
        if waiting.messages > 0 {
            let (oldest, newest) = (time(waiting.oldest), time(waiting.newest));
            // Writing to a String cannot fail.
            let _unused: std::fmt::Result = write!(first, ", created from {oldest} to {newest}");
        }
        let files = if passed.segments == 1 { "file" } else { "files" };
        let second = format!(
            "  {:<12}  acknowledged up to position {}; {} bytes in {} {files}",
            "", acknowledged.0, passed.bytes, passed.segments
        );
        let mut lines = vec![first, second];
        if passed.damaged_segments > 0 {
            lines.push(format!(
                "  {:<12}  damaged: {} of these, {} bytes; at least {} messages cannot be read",
                "", passed.damaged_segments, passed.damaged_bytes, passed.unreadable_messages
            ));
        }
        if passed.unfinished_bytes > 0 {
            lines.push(format!("  {:<12}  {} bytes at the end are half written", "", passed.unfinished_bytes));
        }
        lines
    }

    fn mapping_lines(&self) -> Vec<String> {
        let of_one = self.waiting.mappings().map(|(topic, tag_name, epoch, tally)| {
            let tag_name = tag_name.map_or_else(|| "-".to_owned(), |name| printable(name.as_str()));
            let topic = printable(topic.as_str());
            let sequences = tally
                .sequences
                .map_or_else(String::new, |(first, last)| format!(", sequence {} to {}", first.0, last.0));
            format!("    {topic}  tag {tag_name}, epoch {}{sequences}: {} messages", epoch.0, tally.messages)
        });
        let others = Some(self.waiting.of_others).filter(|others| *others > 0);
        of_one.chain(others.map(|others| format!("    other topics: {others} messages"))).collect()
    }

    fn json(&self) -> Value {
        let Self { lane, acknowledged, waiting, passed } = self;
        let mappings = waiting.mappings().map(|(topic, tag_name, epoch, tally)| {
            json!({
                "topic": topic.as_str(),
                "tagName": tag_name.map(TagName::as_str),
                "epoch": epoch.0,
                "firstSequence": tally.sequences.map(|(first, _)| first.0),
                "lastSequence": tally.sequences.map(|(_, last)| last.0),
                "messages": tally.messages,
            })
        });
        json!({
            "lane": lane.as_str(),
            "messages": waiting.messages,
            "oldest": waiting.oldest.map(Timestamp::unix_millis),
            "newest": waiting.newest.map(Timestamp::unix_millis),
            "acknowledgedPosition": acknowledged.0,
            "bytes": passed.bytes,
            "segments": passed.segments,
            "damagedSegments": passed.damaged_segments,
            "damagedBytes": passed.damaged_bytes,
            "unreadableMessages": passed.unreadable_messages,
            "unfinishedBytes": passed.unfinished_bytes,
            "mappings": mappings.collect::<Vec<_>>(),
            "messagesOfOtherMappings": waiting.of_others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Epoch, spool::sample};

    fn stat() -> SpoolStat {
        let mut waiting = Tally::default();
        for sequence in [3, 4] {
            let mut message = sample::message("line\u{202e}1", sequence);
            message.epoch = Some(Epoch(2));
            waiting.add(&message);
        }
        let passed = Passed { segments: 2, bytes: 900, damaged_segments: 1, damaged_bytes: 70, ..Passed::default() };
        let values = LaneStat { lane: Lane::Values, acknowledged: Position(5), waiting, passed };
        let dead_letters = Some(DeadLetterCount { messages: 1, bytes: 80 });
        let broker = BrokerStat { broker: "cloud".to_owned(), lanes: vec![values], dead_letters };
        SpoolStat { state_dir: "state/line1".into(), holder: Some("17".to_owned()), brokers: vec![broker] }
    }

    #[test]
    fn people_read_what_waits_where_and_what_is_broken() {
        assert_eq!(
            stat().text(true),
            "state/line1: in use by process 17\n\
             \nbroker cloud\n  \
             values        2 messages wait, created from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.000Z\n                \
             acknowledged up to position 5; 900 bytes in 2 files\n                \
             damaged: 1 of these, 70 bytes; at least 0 messages cannot be read\n    \
             line\\u{202e}1  tag line\\u{202e}1, epoch 2, sequence 3 to 4: 2 messages\n  \
             dead letters  1 messages, 80 bytes\n"
        );
        assert!(!stat().text(false).contains("epoch"));
    }

    #[test]
    fn an_adapter_that_never_ran_has_nothing_waiting() {
        let stat = SpoolStat { state_dir: "s".into(), holder: None, brokers: Vec::new() };
        assert_eq!(stat.text(true), "s: not in use\nnothing was ever spooled here\n");
        assert_eq!(stat.json(), json!({ "stateDir": "s", "heldBy": null, "brokers": [] }));
    }

    #[test]
    fn machines_get_each_mapping() {
        let json = stat().json();
        let lane = &json["brokers"][0]["lanes"][0];
        assert_eq!((&lane["messages"], &lane["bytes"], &lane["damagedBytes"]), (&json!(2), &json!(900), &json!(70)));
        let mapping = json!({
            "topic": "line\u{202e}1", "tagName": "line\u{202e}1", "epoch": 2,
            "firstSequence": 3, "lastSequence": 4, "messages": 2,
        });
        assert_eq!(lane["mappings"], json!([mapping]));
        assert_eq!(json["brokers"][0]["deadLetters"], json!({ "messages": 1, "bytes": 80 }));
    }
}
