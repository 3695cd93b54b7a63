//! The command filters: subscribed after each CONNACK, asked for again when the broker refuses them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{Filter, RetainForwardRule, SubAck},
};

use super::{
    publisher::{Publisher, Sent},
    reason,
};
use crate::domain::TopicFilter;

/// Filters in one SUBSCRIBE.
const FILTERS_PER_PACKET: usize = 32;
/// After how long a refused filter is asked for again; permissions change.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// What is asked of the broker and what it has refused, on one connection.
#[derive(Debug)]
pub(super) struct Subscriptions {
    filters: Vec<TopicFilter>,
    to_subscribe: VecDeque<Vec<TopicFilter>>,
    to_unsubscribe: VecDeque<TopicFilter>,
    refused: BTreeMap<TopicFilter, &'static str>,
    retry_at: Option<Instant>,
}

impl Subscriptions {
    pub(super) fn new(filters: &[TopicFilter]) -> Self {
        Self {
            filters: filters.to_vec(),
            to_subscribe: filters.chunks(FILTERS_PER_PACKET).map(<[_]>::to_vec).collect(),
            to_unsubscribe: VecDeque::new(),
            refused: BTreeMap::new(),
            retry_at: None,
        }
    }

    /// Sends what is due, as far as the window has room.
    pub(super) fn feed(&mut self, publisher: &mut Publisher) {
        while let Some(filters) = self.to_subscribe.front() {
            let request = filters.iter().map(filter_options).collect::<Vec<_>>();
            let sent = Sent::Subscription(filters.clone());
            if !publisher.send_own(sent, |client| client.try_subscribe_many(request).is_ok()) {
                return;
            }
            self.to_subscribe.pop_front();
        }
        while let Some(filter) = self.to_unsubscribe.front() {
            if !publisher.send_own(Sent::Unsubscription, |client| client.try_unsubscribe(filter.as_str()).is_ok()) {
                return;
            }
            self.to_unsubscribe.pop_front();
        }
    }

    /// The broker has answered the SUBSCRIBE for `filters`.
    pub(super) fn on_suback(&mut self, filters: Vec<TopicFilter>, suback: &SubAck, now: Instant) {
        for (filter, code) in filters.into_iter().zip(&suback.return_codes) {
            match reason::subscribe_refusal(*code) {
                None => {
                    self.refused.remove(&filter);
                }
                Some(reason) => {
                    tracing::warn!(%filter, reason, "the broker refuses the subscription; no commands will come from it");
                    self.refused.insert(filter, reason);
                    self.retry_at = Some(now + RETRY_AFTER);
                }
            }
        }
    }

    /// Asks again for what was refused, when the time has come.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            let refused: Vec<_> = self.refused.keys().cloned().collect();
            self.to_subscribe.extend(refused.chunks(FILTERS_PER_PACKET).map(<[_]>::to_vec));
        }
    }

    /// No more commands: unsubscribes all.
    pub(super) fn close(&mut self) {
        self.to_subscribe.clear();
        self.retry_at = None;
        self.to_unsubscribe = std::mem::take(&mut self.filters).into();
    }

    /// What the broker refuses, in a sentence with the way out; `None` when it refuses nothing.
    pub(super) fn trouble(&self) -> Option<String> {
        let (filter, reason) = self.refused.first_key_value()?;
        let others = match self.refused.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Some(format!(
            "the broker refuses the subscription to `{filter}`{others} ({reason}); allow this client to subscribe to it"
        ))
    }
}

/// Only fresh commands of others: nothing that the broker had kept (Retain Handling 2), nothing of our own. The retain
/// bit of what is published later stays on, so that it can be refused.
fn filter_options(filter: &TopicFilter) -> Filter {
    Filter {
        path: filter.as_str().to_owned(),
        qos: QoS::AtLeastOnce,
        nolocal: true,
        preserve_retain: true,
        retain_forward_rule: RetainForwardRule::Never,
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::v5::SubscribeReasonCode;

    use super::*;

    #[test]
    fn a_refused_filter_is_named_and_asked_for_again() {
        let filters = ["a/+", "b"].map(|text| TopicFilter::parse(text).unwrap());
        let mut subscriptions = Subscriptions::new(&filters);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        let return_codes = vec![SubscribeReasonCode::NotAuthorized, SubscribeReasonCode::Success(QoS::AtLeastOnce)];
        let now = Instant::now();
        subscriptions.on_suback(asked, &SubAck { pkid: 1, return_codes, properties: None }, now);
        let sentence = subscriptions.trouble().unwrap();
        assert!(sentence.contains("`a/+` (not authorized)"), "{sentence}");
        subscriptions.tick(now);
        assert!(subscriptions.to_subscribe.is_empty());
        subscriptions.tick(now + RETRY_AFTER);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        assert_eq!(asked, filters[..1]);
        let return_codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
        subscriptions.on_suback(asked, &SubAck { pkid: 2, return_codes, properties: None }, now);
        assert_eq!(subscriptions.trouble(), None);
    }
}
