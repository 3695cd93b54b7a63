//! Messages that a broker does not take, and what others have in common with them.

use std::{collections::HashMap, time::Instant};

use super::search::{TRIED_AGAIN_AFTER, words};
use crate::{
    domain::TopicName,
    mqtt::{packet::Reason, window::Place},
};

/// Topics that are remembered at most.
const MAX_TOPICS: usize = 10_000;
/// Messages of a topic on which the broker has hung up without a word, until the topic counts as the cause: one may have
/// been of a size, or a payload, that it does not take.
const MESSAGES_OF_A_TOPIC: u32 = 2;

#[derive(Debug)]
struct Entry {
    reason: Option<Reason>,
    messages: u32,
    until: Instant,
}

/// What is known of messages that end connections.
#[derive(Debug, Default)]
pub(super) struct Convicts {
    messages: HashMap<Place, String>,
    topics: HashMap<TopicName, Entry>,
    /// From so many bytes on the broker takes no packet.
    size: Option<(usize, Instant)>,
}

impl Convicts {
    /// The broker has hung up on this message. `bytes` of its packet.
    pub(super) fn convict(
        &mut self,
        place: Place,
        topic: &TopicName,
        bytes: usize,
        reason: Option<Reason>,
        now: Instant,
    ) {
        self.accuse(place, format!("the broker ends the connection over it; {}", words(reason)));
        let until = now + TRIED_AGAIN_AFTER;
        match reason {
            Some(Reason::PACKET_TOO_LARGE) => {
                let smallest = self.size.map_or(bytes, |(smallest, _)| smallest.min(bytes));
                self.size = Some((smallest, until));
            }
            // What is wrong with a payload is wrong with this one.
            Some(Reason::PAYLOAD_FORMAT_INVALID | Reason::MALFORMED_PACKET) => {}
            reason if self.topics.len() < MAX_TOPICS => {
                let entry = self.topics.entry(topic.clone()).or_insert(Entry { reason, messages: 0, until });
                (entry.reason, entry.messages, entry.until) = (reason, entry.messages + 1, until);
            }
            _ => {}
        }
    }

    /// This message is to be given up when its turn comes.
    pub(super) fn accuse(&mut self, place: Place, reason: String) {
        self.messages.insert(place, reason);
    }

    /// Why this message is not to be sent.
    pub(super) fn verdict(&mut self, place: Place, topic: &TopicName, bytes: usize, now: Instant) -> Option<String> {
        if let Some(reason) = self.messages.remove(&place) {
            return Some(reason);
        }
        if let Some((limit, until)) = self.size {
            if now >= until {
                self.size = None;
            } else if bytes >= limit {
                return Some(format!(
                    "it has {bytes} bytes, and the broker ended the connection over one of {limit} ({}); raise the \
                     broker's limit",
                    Reason::PACKET_TOO_LARGE
                ));
            }
        }
        if self.topics.get(topic).is_some_and(|entry| now >= entry.until) {
            self.topics.remove(topic);
        }
        let entry = self.topics.get(topic)?;
        let is_certain = entry.reason.is_some() || entry.messages >= MESSAGES_OF_A_TOPIC;
        is_certain
            .then(|| format!("the broker ends the connection over messages on this topic; {}", words(entry.reason)))
    }

    /// The broker has taken a packet of so many bytes.
    pub(super) fn on_accepted(&mut self, bytes: usize) {
        if self.size.is_some_and(|(limit, _)| bytes >= limit) {
            self.size = None;
        }
    }
}
