//! The command filters: subscribed after each CONNACK, asked for again when the broker refuses them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::publisher::{Publisher, Sent};
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
            let sent = Sent::Subscription(filters.clone());
            if !publisher.send_own(sent, |requests| requests.subscribe(filters)) {
                return;
            }
            self.to_subscribe.pop_front();
        }
        while let Some(filter) = self.to_unsubscribe.front() {
            if !publisher.send_own(Sent::Unsubscription, |requests| requests.unsubscribe(filter)) {
                return;
            }
            self.to_unsubscribe.pop_front();
        }
    }

    /// The broker has answered the SUBSCRIBE for `filters`: for each, why it is refused, or `None`.
    pub(super) fn on_suback(&mut self, filters: Vec<TopicFilter>, refusals: Vec<Option<&'static str>>, now: Instant) {
        for (filter, refusal) in filters.into_iter().zip(refusals) {
            match refusal {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_filter_is_named_and_asked_for_again() {
        let filters = ["a/+", "b"].map(|text| TopicFilter::parse(text).unwrap());
        let mut subscriptions = Subscriptions::new(&filters);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        let now = Instant::now();
        subscriptions.on_suback(asked, vec![Some("not authorized"), None], now);
        let sentence = subscriptions.trouble().unwrap();
        assert!(sentence.contains("`a/+` (not authorized)"), "{sentence}");
        subscriptions.tick(now);
        assert!(subscriptions.to_subscribe.is_empty());
        subscriptions.tick(now + RETRY_AFTER);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        assert_eq!(asked, filters[..1]);
        subscriptions.on_suback(asked, vec![None], now);
        assert_eq!(subscriptions.trouble(), None);
    }
}
