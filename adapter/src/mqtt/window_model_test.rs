//! The window against rumqttc's own state machine, in every order of events that a broker can bring about.

use std::{collections::BTreeSet, time::Instant};

use proptest::prelude::*;
use rumqttc::{
    Outgoing,
    v5::{
        Event, MqttState, Request,
        mqttbytes::{
            QoS,
            v5::{Filter, Packet, PubAck, PubAckReason, Publish, SubAck, Subscribe, SubscribeReasonCode},
        },
    },
};

use super::window::{Answer, Window};
use crate::{domain::Lane, spool::Position};

#[derive(Clone, Debug)]
enum Step {
    Publish {
        is_urgent: bool,
    },
    PublishVolatile,
    Skip {
        is_urgent: bool,
    },
    Subscribe,
    /// The client writes up to so many requests.
    Write(usize),
    /// The broker answers one of the packets in flight.
    Answer {
        which: prop::sample::Index,
        answer: Answer,
    },
    /// An answer to an id that is not in use.
    Stray(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        8 => Just(Answer::Accepted),
        1 => Just(Answer::RefusedForNow),
        1 => Just(Answer::Postponed),
        1 => Just(Answer::RefusedForGood),
    ];
    prop_oneof![
        8 => any::<bool>().prop_map(|is_urgent| Step::Publish { is_urgent }),
        1 => Just(Step::PublishVolatile),
        1 => any::<bool>().prop_map(|is_urgent| Step::Skip { is_urgent }),
        1 => Just(Step::Subscribe),
        8 => (1..5_usize).prop_map(Step::Write),
        8 => (any::<prop::sample::Index>(), answer).prop_map(|(which, answer)| Step::Answer { which, answer }),
        1 => (1..12_u16).prop_map(Step::Stray),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Sent {
    Message { lane: usize, position: u64 },
    Subscription,
}

/// One lane of a spool: positions are sent from `next`, and `settled` holds those that need not be sent again.
#[derive(Debug, Default)]
struct LaneModel {
    next: u64,
    watermark: u64,
    settled: BTreeSet<u64>,
}

struct Rig {
    window: Window<Sent>,
    client: MqttState,
    queue: Vec<Request>,
    in_flight: Vec<(u16, Sent)>,
    lanes: [LaneModel; 2],
}

const LANES: [Lane; 2] = [Lane::Urgent, Lane::Values];

impl Rig {
    fn new(inflight_maximum: u16) -> Self {
        Self {
            window: Window::new(inflight_maximum),
            client: MqttState::new(inflight_maximum, false),
            queue: Vec::new(),
            in_flight: Vec::new(),
            lanes: Default::default(),
        }
    }

    fn next_place(&mut self, is_urgent: bool) -> (usize, u64) {
        let lane = usize::from(!is_urgent);
        self.lanes[lane].next += 1;
        (lane, self.lanes[lane].next)
    }

    fn publish(&mut self, is_urgent: bool) {
        if self.window.room() == 0 || self.window.is_rewinding() {
            return;
        }
        let (lane, position) = self.next_place(is_urgent);
        self.window.request(Some((LANES[lane], Position(position))), Sent::Message { lane, position });
        self.queue.push(Request::Publish(Publish::new("t", QoS::AtLeastOnce, "x", None)));
    }

    fn skip(&mut self, is_urgent: bool) {
        if self.window.room() == 0 || self.window.is_rewinding() {
            return;
        }
        let (lane, position) = self.next_place(is_urgent);
        self.lanes[lane].settled.insert(position);
        self.window.skip(LANES[lane], Position(position));
    }

    fn subscribe(&mut self) {
        if self.window.room() > 0 {
            self.window.request(None, Sent::Subscription);
            self.queue.push(Request::Subscribe(Subscribe::new(Filter::new("f", QoS::AtLeastOnce), None)));
        }
    }

    fn write(&mut self, count: usize) {
        for request in self.queue.drain(..count.min(self.queue.len())) {
            self.client.handle_outgoing_packet(request).unwrap();
            assert!(self.client.collision.is_none(), "a packet id was used twice");
            match self.client.events.pop_back() {
                Some(Event::Outgoing(Outgoing::Publish(id) | Outgoing::Subscribe(id))) => {
                    self.window.on_sent(id, Instant::now()).unwrap();
                    if id != 0 {
                        self.in_flight.push((id, Sent::Subscription));
                    }
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn answer(&mut self, index: usize, answer: Answer) {
        let (id, _) = self.in_flight.remove(index);
        let sent = self.window.on_answer(id, answer).expect("the packet is in flight").content;
        let packet = match sent {
            Sent::Message { lane, position } => {
                if !matches!(answer, Answer::RefusedForNow | Answer::Postponed) {
                    self.lanes[lane].settled.insert(position);
                }
                let reason = match answer {
                    Answer::Accepted => PubAckReason::Success,
                    Answer::RefusedForNow => PubAckReason::UnspecifiedError,
                    Answer::Postponed => PubAckReason::QuotaExceeded,
                    Answer::RefusedForGood => PubAckReason::NotAuthorized,
                };
                Packet::PubAck(PubAck { pkid: id, reason, properties: None })
            }
            Sent::Subscription => {
                let return_codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
                Packet::SubAck(SubAck { pkid: id, return_codes, properties: None })
            }
        };
        self.client.handle_incoming_packet(packet).unwrap();
    }

    fn check(&mut self) {
        for (lane, model) in LANES.into_iter().zip(&mut self.lanes) {
            if let Some(position) = self.window.take_watermark(lane) {
                let passed = model.watermark + 1..=position.0;
                assert!(passed.clone().all(|position| model.settled.contains(&position)), "{passed:?} is not settled");
                model.watermark = position.0;
            }
        }
        if self.window.can_rewind() {
            self.window.rewind();
            self.lanes.iter_mut().for_each(|lane| lane.next = lane.watermark);
        }
    }

    fn settle_all(&mut self) {
        self.write(usize::MAX);
        while !self.in_flight.is_empty() {
            self.answer(self.in_flight.len() - 1, Answer::Accepted);
            self.check();
        }
    }
}

proptest! {
    #[test]
    fn no_id_collides_and_no_watermark_passes_what_is_not_settled(
        inflight_maximum in 1..12_u16,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut rig = Rig::new(inflight_maximum);
        for step in steps {
            match step {
                Step::Publish { is_urgent } => rig.publish(is_urgent),
                Step::PublishVolatile => {
                    rig.window.request_volatile();
                    rig.queue.push(Request::Publish(Publish::new("t", QoS::AtMostOnce, "x", None)));
                }
                Step::Skip { is_urgent } => rig.skip(is_urgent),
                Step::Subscribe => rig.subscribe(),
                Step::Write(count) => rig.write(count),
                Step::Answer { which, answer } if !rig.in_flight.is_empty() => {
                    let index = which.index(rig.in_flight.len());
                    rig.answer(index, answer);
                }
                Step::Answer { .. } => {}
                Step::Stray(id) => {
                    if !rig.in_flight.iter().any(|(used, _)| *used == id) {
                        prop_assert!(rig.window.on_answer(id, Answer::Accepted).is_none());
                    }
                }
            }
            rig.check();
        }
        rig.settle_all();
        prop_assert!(rig.window.is_idle());
        for lane in &rig.lanes {
            prop_assert_eq!(lane.watermark, lane.next, "all is answered, so the watermark is at the end");
        }
    }
}
