//! The messages that both sides publish.

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use tagwise::domain::{OutboundMessage, Qos, Route, Sequence, TagName, Timestamp, TopicName};

/// What flows.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flow {
    /// Messages in a turn.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) messages: u64,
    /// Mappings that they come from in turn, each with a topic of its own.
    #[arg(long, default_value_t = 100)]
    pub(crate) mappings: u64,
    /// Messages that are handed over at a time.
    #[arg(long, default_value_t = 500)]
    pub(crate) batch: u64,
    /// Bytes of each payload, 64 at least.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(64..))]
    pub(crate) payload: u64,
    /// User properties on each message; with any of them, an expiry too.
    #[arg(long, default_value_t = 0)]
    pub(crate) properties: usize,
    /// Messages per second; 0 is as many as the broker acknowledges.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
}

impl Flow {
    /// The same for a child process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { messages, mappings, batch, payload, properties, rate } = self;
        let pairs = [
            ("--messages", *messages),
            ("--mappings", *mappings),
            ("--batch", *batch),
            ("--payload", *payload),
            ("--properties", *properties as u64),
            ("--rate", *rate),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]).collect()
    }

    /// The topic of each mapping.
    pub(crate) fn topics(&self) -> Vec<String> {
        (0..self.mappings).map(|number| format!("bench/line-{}/machine-{number:04}/vibration", number % 7)).collect()
    }

    /// What each mapping puts on its messages.
    pub(crate) fn user_properties(&self) -> Vec<(String, String)> {
        (0..self.properties).map(|number| (format!("property-{number}"), "a value".to_owned())).collect()
    }

    /// After how long the messages expire, where they do.
    pub(crate) fn message_expiry(&self) -> Option<Duration> {
        (self.properties > 0).then_some(Duration::from_hours(1))
    }

    /// Payload of the message of this number, which says when it was handed over.
    pub(crate) fn payload(&self, number: u64, now: Timestamp) -> Bytes {
        let size = usize::try_from(self.payload).unwrap_or(usize::MAX);
        let mut payload = Vec::with_capacity(size);
        let head = write!(payload, "{{\"appended\":{:016},\"number\":{number:010},\"rest\":\"", now.unix_micros());
        debug_assert!(head.is_ok(), "a vector takes all bytes");
        payload.resize(size - 2, b'x');
        payload.extend_from_slice(b"\"}");
        Bytes::from(payload)
    }

    /// When the message of this payload was handed over, in microseconds since 1970.
    pub(crate) fn appended(payload: &[u8]) -> Option<i64> {
        std::str::from_utf8(payload.get(12..28)?).ok()?.parse().ok()
    }

    /// One route for each mapping.
    pub(crate) fn routes(&self) -> Result<Vec<Arc<Route>>> {
        let route = |topic: &String| {
            Ok(Arc::new(Route {
                topic: TopicName::parse(topic)?,
                qos: Qos::AtLeastOnce,
                is_retained: false,
                user_properties: self.user_properties(),
                message_expiry: self.message_expiry(),
                content_type: None,
                tag_name: Some(TagName::new(topic)),
            }))
        };
        self.topics().iter().map(route).collect()
    }

    /// The messages from number `first` on, as the pipeline hands them over.
    pub(crate) fn batch(&self, first: u64, routes: &[Arc<Route>]) -> Vec<OutboundMessage> {
        let now = Timestamp::now();
        let message = |number: u64| OutboundMessage {
            route: Arc::clone(&routes[usize::try_from(number % self.mappings).unwrap_or_default()]),
            payload: self.payload(number, now),
            epoch: None,
            sequence: Some(Sequence(number / self.mappings + 1)),
            user_properties: Vec::new(),
            correlation_data: None,
            source_timestamp: Some(now),
            created_at: now,
            received_at: None,
        };
        (first..self.messages.min(first + self.batch)).map(message).collect()
    }
}
