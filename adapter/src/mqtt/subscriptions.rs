//! The command filters: subscribed after each CONNACK, asked for again when the broker refuses them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::BytesMut;

use super::{
    packet::{Codec, Reason},
    publisher::Publisher,
    sent::Sent,
};
use crate::domain::TopicFilter;

/// Filters in one UNSUBSCRIBE, and in a SUBSCRIBE of what was refused.
const FILTERS_PER_PACKET: usize = 8;
/// After how long a refused filter is asked for again; permissions change.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// What is asked of the broker and what it has refused, on one connection.
#[derive(Debug)]
pub(super) struct Subscriptions {
    filters: Vec<TopicFilter>,
    to_subscribe: VecDeque<Vec<TopicFilter>>,
    to_unsubscribe: VecDeque<Vec<TopicFilter>>,
    unanswered: usize,
    refused: BTreeMap<TopicFilter, String>,
    retry_at: Option<Instant>,
}

impl Subscriptions {
    /// `packets` of them are to be subscribed, those of one SUBSCRIBE together.
    pub(super) fn new(filters: &[TopicFilter], packets: Vec<Vec<TopicFilter>>) -> Self {
        Self {
            filters: filters.to_vec(),
            to_subscribe: packets.into(),
            to_unsubscribe: VecDeque::new(),
            unanswered: 0,
            refused: BTreeMap::new(),
            retry_at: None,
        }
    }

    /// The broker has no wildcards: filters with some are not asked for.
    pub(super) fn leave_out_wildcards(&mut self) {
        for packet in &mut self.to_subscribe {
            for filter in packet.extract_if(.., |filter| filter.as_str().contains(['+', '#'])) {
                self.refused.insert(filter, "it says that it has no wildcards".to_owned());
            }
        }
        self.to_subscribe.retain(|packet| !packet.is_empty());
    }

    /// Writes what is due, as far as the window has room.
    pub(super) fn feed(&mut self, publisher: &mut Publisher<'_>, codec: Codec, out: &mut BytesMut, now: Instant) {
        while let Some(filters) = self.to_subscribe.front() {
            let sent = Sent::Subscription(filters.clone());
            match publisher.send_own(sent, now, |id| codec.subscribe(out, id, filters)) {
                Ok(true) => self.unanswered += 1,
                Ok(false) => return,
                Err(error) => {
                    let refused = filters.iter().map(|filter| (filter.clone(), error.to_string()));
                    self.refused.extend(refused);
                }
            }
            self.to_subscribe.pop_front();
        }
        while let Some(filters) = self.to_unsubscribe.front() {
            match publisher.send_own(Sent::Unsubscription, now, |id| codec.unsubscribe(out, id, filters)) {
                Ok(false) => return,
                Ok(true) | Err(_) => drop(self.to_unsubscribe.pop_front()),
            }
        }
    }

    /// Whether a SUBSCRIBE is due, or has not been answered.
    pub(super) fn is_waiting(&self) -> bool {
        !self.to_subscribe.is_empty() || self.unanswered > 0
    }

    /// The broker has answered the SUBSCRIBE for `filters`, each with a reason. One that it does not mention is refused.
    pub(super) fn on_suback(&mut self, filters: Vec<TopicFilter>, reasons: &[Reason], now: Instant) {
        self.unanswered = self.unanswered.saturating_sub(1);
        let reasons = reasons.iter().copied().map(Some).chain(std::iter::repeat(None));
        for (filter, reason) in filters.into_iter().zip(reasons) {
            let refusal = match reason {
                Some(reason) if !reason.is_error() => None,
                Some(reason) => Some(reason.to_string()),
                None => Some("its answer does not mention it".to_owned()),
            };
            match refusal {
                None => drop(self.refused.remove(&filter)),
                Some(reason) => {
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
        let filters = std::mem::take(&mut self.filters);
        self.to_unsubscribe = filters.chunks(FILTERS_PER_PACKET).map(<[_]>::to_vec).collect();
    }

    /// What the broker refuses, in a sentence with the way out; `None` when it refuses nothing.
    pub(super) fn trouble(&self) -> Option<String> {
        let (filter, reason) = self.refused.first_key_value()?;
        let others = match self.refused.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Some(format!(
            "the broker refuses the subscription to `{filter}`{others} ({reason}); allow this client to subscribe to it, or \
             correct `topic_filter`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_filter_is_named_and_asked_for_again() {
        let filters = ["a/+", "b", "c"].map(|text| TopicFilter::parse(text).unwrap());
        let mut subscriptions = Subscriptions::new(&filters, vec![filters.to_vec()]);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        let now = Instant::now();
        subscriptions.on_suback(asked, &[Reason::NOT_AUTHORIZED, Reason(1)], now);
        let sentence = subscriptions.trouble().unwrap();
        assert!(sentence.contains("`a/+` and 1 more (not authorized (0x87))"), "{sentence}");
        subscriptions.tick(now);
        assert!(subscriptions.to_subscribe.is_empty());
        subscriptions.tick(now + RETRY_AFTER);
        let asked = subscriptions.to_subscribe.pop_front().unwrap();
        assert_eq!(asked, [filters[0].clone(), filters[2].clone()]);
        subscriptions.on_suback(asked, &[Reason(1), Reason(0)], now);
        assert_eq!(subscriptions.trouble(), None);
    }
}
