//! MQTT topic names and topic filters that are known to be well formed.

use std::{fmt, sync::Arc};

use thiserror::Error;

use super::characters::{Codepoint, unsendable};

/// Why a text is no topic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicError {
    /// MQTT has no empty topics.
    #[error("a topic must not be empty")]
    Empty,
    /// MQTT's length prefix has 16 bits.
    #[error("a topic has at most 65535 bytes, this one has {length}")]
    TooLong {
        /// The length found, in bytes.
        length: usize,
    },
    /// Messages are published to one topic; only filters have wildcards.
    #[error("the wildcard `{wildcard}` may stand in a topic filter, not in a topic that is published to")]
    Wildcard {
        /// `+` or `#`.
        wildcard: char,
    },
    /// Control characters and noncharacters make brokers close the connection.
    #[error("the character {} must not stand in a topic", Codepoint(*character))]
    UnsendableCharacter {
        /// The character found.
        character: char,
    },
    /// `#` is the last level or does not stand at all; `+` fills its whole level.
    #[error("`{level}` is no level of a topic filter: `+` stands alone in its level, `#` alone in the last one")]
    MisplacedWildcard {
        /// The level at fault.
        level: String,
    },
    /// `$share/group/filter`, when a filter starts like that.
    #[error(
        "shared subscriptions (`$share/…`) are not possible here: a command would reach only one of several adapters"
    )]
    Shared,
    /// Topics that start with `$` are the broker's own.
    #[error("topics that start with `$` belong to the broker")]
    Reserved,
}

/// A topic that can be published to: no wildcards, 1 to 65,535 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Checks `text` by MQTT 5.0, section 4.7.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check_common(text)?;
        match text.chars().find(|&character| matches!(character, '+' | '#')) {
            Some(wildcard) => Err(TopicError::Wildcard { wildcard }),
            None => Ok(Self(text.into())),
        }
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A filter that can be subscribed to, wildcards included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Checks `text` by MQTT 5.0, section 4.7.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        if text.starts_with("$share/") {
            return Err(TopicError::Shared);
        }
        check_common(text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let is_last = levels.peek().is_none();
            let is_misplaced = match level {
                "+" => false,
                "#" => !is_last,
                _ => level.contains(['+', '#']),
            };
            if is_misplaced {
                return Err(TopicError::MisplacedWildcard { level: level.to_owned() });
            }
        }
        Ok(Self(text.into()))
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether messages published to `topic` match.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut names = topic.split('/');
        for level in self.0.split('/') {
            match (level, names.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Whether some topic matches both filters.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.0.split('/'), other.0.split('/'));
        loop {
            match (left.next(), right.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
                _ => return false,
            }
        }
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn check_common(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong { length: text.len() });
    }
    if text.starts_with('$') {
        return Err(TopicError::Reserved);
    }
    match unsendable(text) {
        Some(character) => Err(TopicError::UnsendableCharacter { character }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap()
    }

    #[test]
    fn a_topic_name_has_no_wildcards() {
        assert!(TopicName::parse("machine/s71500/vib").is_ok());
        assert_eq!(TopicName::parse("machine/+/vib"), Err(TopicError::Wildcard { wildcard: '+' }));
        assert_eq!(TopicName::parse(""), Err(TopicError::Empty));
        assert_eq!(TopicName::parse("a\0b"), Err(TopicError::UnsendableCharacter { character: '\0' }));
        assert!(matches!(TopicName::parse(&"x".repeat(65_536)), Err(TopicError::TooLong { .. })));
    }

    #[test]
    fn wildcards_fill_whole_levels() {
        for good in ["a/+/b", "+", "#", "a/#", "+/+"] {
            assert!(TopicFilter::parse(good).is_ok(), "{good}");
        }
        for bad in ["a/b+", "a/#/b", "a#", "$share/g/a", "$SYS/#"] {
            assert!(TopicFilter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn matching_follows_the_standard() {
        assert!(filter("a/+/c").matches("a/b/c"));
        assert!(!filter("a/+/c").matches("a/b/d"));
        assert!(filter("a/#").matches("a"));
        assert!(filter("a/#").matches("a/b/c"));
        assert!(!filter("a/+").matches("a"));
        assert!(!filter("#").matches("$SYS/uptime"));
    }

    #[test]
    fn overlap_is_seen_through_wildcards() {
        assert!(filter("a/+/c").overlaps(&filter("a/b/+")));
        assert!(filter("a/#").overlaps(&filter("a/b/c")));
        assert!(filter("a/#").overlaps(&filter("a")));
        assert!(!filter("a/b").overlaps(&filter("a/c")));
        assert!(!filter("a/b").overlaps(&filter("a/b/c")));
    }
}
