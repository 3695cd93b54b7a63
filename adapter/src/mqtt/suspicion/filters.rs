//! The command filters: how many in one SUBSCRIBE, and which of them not.

use std::{collections::BTreeMap, time::Instant};

use super::search::{TRIED_AGAIN_AFTER, words};
use crate::{domain::TopicFilter, mqtt::packet::Reason};

/// Filters in one SUBSCRIBE; some clouds take no more.
const FILTERS_PER_PACKET: usize = 8;
/// Filters given up in a row, from which on the number of subscriptions is taken for the reason.
const TOO_MANY: usize = 3;

/// What is to be subscribed.
#[derive(Debug)]
pub(super) struct FilterPlan {
    all: Vec<TopicFilter>,
    per_packet: usize,
    given_up: BTreeMap<TopicFilter, Option<Reason>>,
    until: Option<Instant>,
}

impl FilterPlan {
    pub(super) fn new(filters: &[TopicFilter]) -> Self {
        Self { all: filters.to_vec(), per_packet: FILTERS_PER_PACKET, given_up: BTreeMap::new(), until: None }
    }

    /// A connection is about to be made.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            self.given_up.clear();
            self.per_packet = FILTERS_PER_PACKET;
            self.until = None;
        }
    }

    /// The filters to subscribe, those of one SUBSCRIBE together.
    pub(super) fn packets(&self) -> Vec<Vec<TopicFilter>> {
        let wanted: Vec<_> = self.all.iter().filter(|filter| !self.given_up.contains_key(filter)).cloned().collect();
        wanted.chunks(self.per_packet).map(<[_]>::to_vec).collect()
    }

    /// The broker hangs up on a SUBSCRIBE of these.
    pub(super) fn give_up(&mut self, filters: &[TopicFilter], reason: Option<Reason>, now: Instant) {
        self.until = Some(now + TRIED_AGAIN_AFTER);
        let [filter] = filters else {
            self.per_packet = (filters.len().min(self.per_packet) / 2).max(1);
            return;
        };
        self.given_up.insert(filter.clone(), reason);
        let Some(place) = self.all.iter().position(|other| other == filter) else { return };
        let before = place.saturating_sub(TOO_MANY - 1);
        let is_number = place >= FILTERS_PER_PACKET
            && self.all.iter().take(place + 1).skip(before).all(|filter| self.given_up.contains_key(filter));
        if is_number {
            let rest = self.all.iter().skip(place);
            self.given_up.extend(rest.map(|filter| (filter.clone(), reason)));
        }
    }

    /// In a sentence with the way out; `None` while nothing is given up.
    pub(super) fn concern(&self) -> Option<String> {
        let (filter, reason) = self.given_up.first_key_value()?;
        let words = words(*reason);
        let others = match self.given_up.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Some(format!(
            "the broker ends the connection over the subscription to `{filter}`{others} ({words}), so no commands come \
             from there; allow it at the broker or correct `topic_filter`"
        ))
    }
}
