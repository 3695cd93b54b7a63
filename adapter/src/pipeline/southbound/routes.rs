//! Which mapping a topic belongs to, and where the verdict on a command goes.
//!
//! A verdict must never be taken for a command, or it would be written or answered in turn. Two rules see to that:
//!
//! - For each command topic `t`, `t/result` is a verdict topic, whatever the filters say: with the filter `line1/#` a
//!   message on `line1/speed/result` is nobody's command. It is counted as `ignored` and gets no verdict.
//! - A response topic that would be a command topic is not used; the verdict then goes to `<topic>/result`.
//!
//! Nor must a verdict be taken for a value, an alarm or a status: whoever may only send commands could otherwise have us
//! put a number of their choice on the topic of a measurement. A response topic that is one of our own is not used.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    config::effective::SouthboundMapping,
    domain::{BrokerId, Command, TagId, TopicName},
};

const VERDICT_LEVEL: &str = "/result";

/// What a message on some topic is.
#[derive(Debug)]
pub(super) enum Destination<'routes> {
    /// A command for this mapping's tag.
    Command(&'routes Arc<SouthboundMapping>),
    /// The verdict on a command.
    Verdict,
    /// Nothing that a mapping names.
    Unmapped,
}

/// The southbound mappings, by topic and by tag.
#[derive(Debug)]
pub(super) struct CommandRoutes {
    mappings: Vec<Arc<SouthboundMapping>>,
    by_broker: HashMap<BrokerId, Filters>,
    /// Where values, alarms and status messages go.
    own: HashSet<TopicName>,
}

/// The topic filters at one broker, with the positions of their mappings.
#[derive(Debug, Default)]
struct Filters {
    exact: HashMap<String, usize>,
    wildcards: Vec<usize>,
}

impl CommandRoutes {
    pub(super) fn new(mappings: Vec<SouthboundMapping>, own: HashSet<TopicName>) -> Self {
        let mut by_broker: HashMap<BrokerId, Filters> = HashMap::new();
        for (position, mapping) in mappings.iter().enumerate() {
            let Some(filter) = &mapping.topic_filter else { continue };
            let filters = by_broker.entry(mapping.broker).or_default();
            if filter.as_str().contains(['+', '#']) {
                filters.wildcards.push(position);
            } else {
                filters.exact.insert(filter.as_str().to_owned(), position);
            }
        }
        Self { mappings: mappings.into_iter().map(Arc::new).collect(), by_broker, own }
    }

    /// What a message of this broker on `topic` is.
    pub(super) fn find(&self, broker: BrokerId, topic: &str) -> Destination<'_> {
        let command = topic.strip_suffix(VERDICT_LEVEL);
        if command.is_some_and(|command| self.mapping(broker, command).is_some()) {
            return Destination::Verdict;
        }
        self.mapping(broker, topic).map_or(Destination::Unmapped, Destination::Command)
    }

    /// The mapping by which an alarm may write `tag`: the one without a topic where there is one, else the first.
    pub(super) fn for_alarm(&self, tag: TagId) -> Option<&SouthboundMapping> {
        let of_tag = || self.mappings.iter().map(|mapping| &**mapping).filter(|mapping| mapping.tag == tag);
        of_tag().find(|mapping| mapping.topic_filter.is_none()).or_else(|| of_tag().next())
    }

    /// Where the verdict on `command` goes; `None` when every topic for it is no topic, one of our own, or would
    /// make it a command.
    pub(super) fn verdict_topic(&self, command: &Command) -> Option<TopicName> {
        let fallback = format!("{}{VERDICT_LEVEL}", command.topic);
        let wished = command.response_topic.as_deref();
        wished.into_iter().chain([fallback.as_str()]).find_map(|topic| self.verdict_topic_from(command.broker, topic))
    }

    fn verdict_topic_from(&self, broker: BrokerId, topic: &str) -> Option<TopicName> {
        let name = TopicName::parse(topic).ok()?;
        let is_free = !self.own.contains(&name) && !matches!(self.find(broker, topic), Destination::Command(_));
        is_free.then_some(name)
    }

    fn mapping(&self, broker: BrokerId, topic: &str) -> Option<&Arc<SouthboundMapping>> {
        let filters = self.by_broker.get(&broker)?;
        let matches = |position: &&usize| {
            self.mappings[**position].topic_filter.as_ref().is_some_and(|filter| filter.matches(topic))
        };
        let position = filters.exact.get(topic).or_else(|| filters.wildcards.iter().find(matches))?;
        self.mappings.get(*position)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::*;
    use crate::{config::effective::Range, domain::TopicFilter};

    fn routes(filters: &[Option<&str>]) -> CommandRoutes {
        let mapping = |(tag, filter): (u32, Option<&str>)| SouthboundMapping {
            topic_filter: filter.map(|filter| TopicFilter::parse(filter).unwrap()),
            broker: BrokerId(0),
            tag: TagId(tag),
            value: None,
            range: Range::default(),
            max_age: None,
            max_wait: Duration::from_secs(10),
            accepts_retained: false,
            line: 1,
        };
        let own = HashSet::from([TopicName::parse("machine/vib").unwrap()]);
        CommandRoutes::new((0..).zip(filters.iter().copied()).map(mapping).collect(), own)
    }

    #[track_caller]
    fn check(filters: &[Option<&str>], topic: &str, expected: &str) {
        let found = match routes(filters).find(BrokerId(0), topic) {
            Destination::Command(mapping) => format!("command for {}", mapping.tag.0),
            Destination::Verdict => "verdict".to_owned(),
            Destination::Unmapped => "unmapped".to_owned(),
        };
        assert_eq!(found, expected, "{topic}");
    }

    #[test]
    fn a_topic_finds_its_mapping() {
        let filters = [None, Some("a/set"), Some("b/+/set"), Some("c/#")];
        check(&filters, "a/set", "command for 1");
        check(&filters, "b/x/set", "command for 2");
        check(&filters, "c", "command for 3");
        check(&filters, "a/get", "unmapped");
        check(&filters, "", "unmapped");
    }

    #[test]
    fn a_topic_counts_at_the_broker_of_its_mapping() {
        let routes = routes(&[Some("a/set"), Some("b/#")]);
        for topic in ["a/set", "a/set/result", "b/x"] {
            assert!(matches!(routes.find(BrokerId(1), topic), Destination::Unmapped), "{topic}");
        }
    }

    #[test]
    fn the_result_of_a_command_topic_is_no_command() {
        check(&[Some("a/#")], "a/speed/result", "verdict");
        check(&[Some("a/#")], "a/result", "verdict");
        check(&[Some("a/#")], "a/speed/result/result", "verdict");
        check(&[Some("a/set")], "a/set/result", "verdict");
        check(&[Some("a/result")], "a/result", "command for 0");
        check(&[Some("+/result")], "result/result", "command for 0");
    }

    #[track_caller]
    fn check_verdict_topic(
        filters: &[Option<&str>],
        topic: &str,
        response_topic: Option<&str>,
        expected: Option<&str>,
    ) {
        let command = Command {
            broker: BrokerId(0),
            topic: topic.to_owned(),
            payload: Bytes::new(),
            is_retained: false,
            is_duplicate: false,
            response_topic: response_topic.map(str::to_owned),
            correlation_data: None,
            message_expiry_seconds: None,
            received_at: Instant::now(),
        };
        let found = routes(filters).verdict_topic(&command);
        assert_eq!(found.as_ref().map(TopicName::as_str), expected, "{topic}, {response_topic:?}");
    }

    #[test]
    fn a_verdict_goes_where_the_sender_listens() {
        let filters = [Some("a/set")];
        check_verdict_topic(&filters, "a/set", Some("answers/7"), Some("answers/7"));
        check_verdict_topic(&filters, "a/set", None, Some("a/set/result"));
        for bad in ["answers/+", "", "a/#", "$SYS/x", "a\0b"] {
            check_verdict_topic(&filters, "a/set", Some(bad), Some("a/set/result"));
        }
    }

    #[test]
    fn a_verdict_never_goes_to_a_command_topic() {
        check_verdict_topic(&[Some("a/set"), Some("b/set")], "a/set", Some("b/set"), Some("a/set/result"));
        check_verdict_topic(&[Some("#")], "a/set", Some("answers/7"), Some("a/set/result"));
        check_verdict_topic(&[Some("#")], "a/set", Some("answers/7/result"), Some("answers/7/result"));
        check_verdict_topic(&[Some("a/+/result")], "a/x", None, None);
        check_verdict_topic(&[Some("a")], &"x".repeat(65_530), None, None);
    }

    #[test]
    fn a_verdict_never_goes_where_values_go() {
        check_verdict_topic(&[Some("a/set")], "a/set", Some("machine/vib"), Some("a/set/result"));
        check_verdict_topic(&[Some("a/set")], "a/set", Some("machine/vib/x"), Some("machine/vib/x"));
    }

    #[test]
    fn an_alarm_prefers_the_entry_that_is_its_own() {
        let mut routes = routes(&[Some("a"), Some("b"), None]);
        assert!(routes.for_alarm(TagId(2)).is_some_and(|mapping| mapping.topic_filter.is_none()));
        assert!(routes.for_alarm(TagId(1)).is_some_and(|mapping| mapping.topic_filter.is_some()));
        assert!(routes.for_alarm(TagId(9)).is_none());
        Arc::make_mut(&mut routes.mappings[2]).tag = TagId(0);
        assert!(routes.for_alarm(TagId(0)).is_some_and(|mapping| mapping.topic_filter.is_none()));
    }
}
