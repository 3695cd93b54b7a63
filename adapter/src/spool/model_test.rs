//! The spool against a model of itself that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Position, Spool, SpoolLimits, sample::message};
use crate::{
    domain::{Lane, OutboundMessage},
    telemetry::Metrics,
};

const CAPACITY: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Append {
        is_urgent: bool,
        count: u64,
    },
    Read {
        is_urgent: bool,
        max: usize,
    },
    /// Acknowledges this share of what is in hand, in percent.
    Acknowledge {
        is_urgent: bool,
        percent: usize,
    },
    LoseConnection,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), 0..8_u64).prop_map(|(is_urgent, count)| Step::Append { is_urgent, count }),
        3 => (any::<bool>(), 0..6_usize).prop_map(|(is_urgent, max)| Step::Read { is_urgent, max }),
        2 => (any::<bool>(), 0..=100_usize).prop_map(|(is_urgent, percent)| Step::Acknowledge { is_urgent, percent }),
        1 => Just(Step::LoseConnection),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    InHand,
}

/// Every live message by position, and where it is.
#[derive(Debug, Default)]
struct Model {
    lanes: [BTreeMap<u64, Place>; 2],
    newest: [u64; 2],
    dropped: u64,
}

impl Model {
    fn append(&mut self, lane: usize, count: u64) {
        for _ in 0..count {
            self.newest[lane] += 1;
            self.lanes[lane].insert(self.newest[lane], Place::Waiting);
        }
        while self.len() > CAPACITY {
            let order = [(1, Place::Waiting), (0, Place::Waiting), (1, Place::InHand), (0, Place::InHand)];
            let victim = order.iter().find_map(|&(lane, place)| {
                let found = self.lanes[lane].iter().find(|(_, at)| **at == place)?;
                Some((lane, *found.0))
            });
            let (lane, position) = victim.unwrap();
            self.lanes[lane].remove(&position);
            self.dropped += 1;
        }
    }

    fn read(&mut self, lane: usize, max: usize) -> Vec<u64> {
        let waiting = self.lanes[lane].iter_mut().filter(|(_, place)| **place == Place::Waiting).take(max);
        waiting
            .map(|(position, place)| {
                *place = Place::InHand;
                *position
            })
            .collect()
    }

    fn in_hand(&self, lane: usize) -> Vec<u64> {
        self.lanes[lane].iter().filter(|(_, place)| **place == Place::InHand).map(|(position, _)| *position).collect()
    }

    fn len(&self) -> usize {
        self.lanes[0].len() + self.lanes[1].len()
    }
}

const fn lane(is_urgent: bool) -> (usize, Lane) {
    if is_urgent { (0, Lane::Urgent) } else { (1, Lane::Values) }
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(steps in prop::collection::vec(step(), 1..80)) {
        let weight = message("a", 0).weight();
        let limits = SpoolLimits { max_bytes: CAPACITY * weight + weight / 2, max_volatile_bytes: 0 };
        let spool = Spool::new("broker", limits, &Metrics::new("test"));
        let mut model = Model::default();
        let mut announced = 0;
        for step in steps {
            match step {
                Step::Append { is_urgent, count } => {
                    let (index, lane) = lane(is_urgent);
                    let batch: Vec<OutboundMessage> = (0..count).map(|_| message("a", 0)).collect();
                    model.append(index, count);
                    prop_assert_eq!(spool.append(lane, batch), Position(model.newest[index]));
                }
                Step::Read { is_urgent, max } => {
                    let (index, lane) = lane(is_urgent);
                    let mut taken = Vec::new();
                    prop_assert_eq!(spool.read(lane, max, &mut taken), taken.len());
                    let positions: Vec<u64> = taken.iter().map(|(position, _)| position.0).collect();
                    prop_assert_eq!(positions, model.read(index, max));
                }
                Step::Acknowledge { is_urgent, percent } => {
                    let (index, lane) = lane(is_urgent);
                    let in_hand = model.in_hand(index);
                    let count = in_hand.len() * percent / 100;
                    if let Some(&up_to) = in_hand[..count].last() {
                        spool.acknowledge(lane, Position(up_to));
                        model.lanes[index].retain(|position, _| *position > up_to);
                    }
                }
                Step::LoseConnection => {
                    spool.broker_left();
                    model.lanes.iter_mut().flat_map(BTreeMap::values_mut).for_each(|place| *place = Place::Waiting);
                }
            }
            announced += spool.take_dropped().iter().map(|range| range.count).sum::<u64>();
            prop_assert_eq!(announced, model.dropped);
            prop_assert_eq!(spool.len(), model.len());
            prop_assert_eq!(spool.bytes(), model.len() * weight);
        }
    }
}
