//! Topics whose messages the broker has refused for good, said on the board for a while.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::domain::TopicName;

/// How long a refusal is said.
const SAID_FOR: Duration = Duration::from_mins(10);
const MAX_TOPICS: usize = 1_000;
/// Topics that are named.
const NAMED: usize = 3;

/// What was refused of late, and why.
#[derive(Debug, Default)]
pub(super) struct RefusedTopics(BTreeMap<TopicName, (String, Instant)>);

impl RefusedTopics {
    /// A message on this topic was refused for good.
    pub(super) fn note(&mut self, topic: &TopicName, reason: &str, now: Instant) {
        if self.0.len() < MAX_TOPICS || self.0.contains_key(topic) {
            self.0.insert(topic.clone(), (reason.to_owned(), now));
        }
    }

    /// Whether a message on this topic was refused for good of late.
    pub(super) fn contains(&self, topic: &TopicName) -> bool {
        self.0.contains_key(topic)
    }

    /// Forgets what was long ago.
    pub(super) fn tick(&mut self, now: Instant) {
        self.0.retain(|_, (_, at)| now.saturating_duration_since(*at) < SAID_FOR);
    }

    /// In a sentence with the way out; `None` when nothing was refused of late.
    pub(super) fn concern(&self) -> Option<String> {
        let (_, (reason, _)) = self.0.first_key_value()?;
        let named: Vec<String> = self.0.keys().take(NAMED).map(|topic| format!("`{topic}`")).collect();
        let others = match self.0.len().saturating_sub(NAMED) {
            0 => String::new(),
            count => format!(" and {count} more topics"),
        };
        let named = named.join(", ");
        Some(format!(
            "the broker does not take messages on {named}{others} ({reason}); they are among the dead letters. Allow them \
             at the broker, or correct the topic"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_for_ten_minutes() {
        let (mut refused, now) = (RefusedTopics::default(), Instant::now());
        assert_eq!(refused.concern(), None);
        for topic in ["b", "a", "d", "c"] {
            refused.note(&TopicName::parse(topic).unwrap(), "not authorized (0x87)", now);
        }
        let said = refused.concern().unwrap();
        assert!(said.contains("`a`, `b`, `c` and 1 more topics (not authorized (0x87))"), "{said}");
        refused.tick(now + SAID_FOR);
        assert_eq!(refused.concern(), None);
    }
}
