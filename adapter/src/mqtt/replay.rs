//! What need not be sent again on a new connection.
//!
//! Where answers stayed away, messages behind them were answered. On a new connection only those without an answer are sent
//! again, and those on the same topics that follow them: whoever keeps the last value of a topic finds the right one.

use std::collections::{BTreeSet, HashSet};

use super::window::Place;
use crate::{
    domain::{Lane, TopicName},
    spool::Position,
};

/// Messages that were answered on connections before, and that the spool still has.
#[derive(Debug, Default)]
pub(super) struct Replay {
    urgent: BTreeSet<Position>,
    values: BTreeSet<Position>,
    sent_again: HashSet<TopicName>,
}

impl Replay {
    /// A connection has ended: these were answered on it.
    pub(super) fn keep(&mut self, settled: impl Iterator<Item = Place>) {
        // What was sent again may have settled ones on its topic that are still to come.
        if self.urgent.is_empty() && self.values.is_empty() {
            self.sent_again.clear();
        }
        for (lane, position) in settled {
            self.of(lane).insert(position);
        }
    }

    /// Whether a message, whose turn has come, is to be sent. Messages of a lane are asked about in order.
    pub(super) fn is_needed(&mut self, (lane, position): Place, topic: &TopicName) -> bool {
        let settled = self.of(lane);
        // What is before it has gone from the spool meanwhile.
        while settled.first().is_some_and(|first| *first < position) {
            settled.pop_first();
        }
        if settled.is_empty() {
            return true;
        }
        let is_settled = settled.remove(&position);
        if is_settled && !self.sent_again.contains(topic) {
            return false;
        }
        self.sent_again.insert(topic.clone());
        true
    }

    const fn of(&mut self, lane: Lane) -> &mut BTreeSet<Position> {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Values => &mut self.values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_left_out_unless_it_follows_on_its_topic_what_was_not() {
        let topics = ["a", "b"].map(|text| TopicName::parse(text).unwrap());
        let [a, b] = &topics;
        let mut replay = Replay::default();
        let place = |position| (Lane::Values, Position(position));
        replay.keep([2, 4, 5, 6].map(place).into_iter());
        let sequence =
            [(1, a, true), (2, b, false), (3, a, true), (4, a, true), (5, b, false), (6, a, true), (7, b, true)];
        for (position, topic, expected) in sequence {
            assert_eq!(replay.is_needed(place(position), topic), expected, "{position}");
        }
        assert!(replay.is_needed((Lane::Urgent, Position(6)), a), "lanes count by themselves");
    }

    #[test]
    fn what_follows_what_was_sent_again_is_sent_again_although_another_connection_ends_in_between() {
        let topic = TopicName::parse("a").unwrap();
        let mut replay = Replay::default();
        let place = |position| (Lane::Values, Position(position));
        replay.keep([2, 3].map(place).into_iter());
        assert!(replay.is_needed(place(1), &topic));
        replay.keep(std::iter::empty());
        assert!(replay.is_needed(place(2), &topic) && replay.is_needed(place(3), &topic));
    }

    #[test]
    fn what_has_gone_from_the_spool_is_forgotten() {
        let topic = TopicName::parse("a").unwrap();
        let mut replay = Replay::default();
        replay.keep([(Lane::Values, Position(2))].into_iter());
        assert!(replay.is_needed((Lane::Values, Position(9)), &topic));
        assert!(replay.values.is_empty());
    }
}
