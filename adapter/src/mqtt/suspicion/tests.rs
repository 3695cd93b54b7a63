use proptest::prelude::*;

use std::time::{Duration, Instant};

use super::{search::*, *};
use crate::{domain::Lane, spool::Position};
use crate::{
    domain::{TopicFilter, TopicName},
    mqtt::{packet::Reason, window::Place},
};

fn topic(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

fn filters(count: usize) -> Vec<TopicFilter> {
    (0..count).map(|number| TopicFilter::parse(&format!("c/{number:03}")).unwrap()).collect()
}

fn place(position: u64) -> Place {
    (Lane::Values, Position(position))
}

fn message(position: u64, topic_text: &str) -> Culprit {
    Culprit::Message(place(position), topic(topic_text), 100)
}

fn death(alone: Option<Culprit>) -> Death {
    Death { reason: None, alone, in_flight: 1, lived: Duration::from_secs(1) }
}

fn said(alone: Option<Culprit>, reason: Reason) -> Death {
    Death { reason: Some(reason), ..death(alone) }
}

fn verdict(suspicion: &mut Suspicion, position: u64, topic_text: &str, bytes: usize) -> Option<String> {
    suspicion.verdict(place(position), &topic(topic_text), bytes, Instant::now())
}

#[test]
fn the_fifth_connection_that_dies_on_the_same_message_convicts_it_alone() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    for expected in [false, true] {
        suspicion.on_death(death(None), now);
        assert_eq!(suspicion.is_probing(), expected);
    }
    for strike in 1..=3 {
        assert_eq!(verdict(&mut suspicion, 7, "a/b", 100), None, "{strike}");
        suspicion.on_death(death(Some(message(7, "a/b"))), now);
    }
    assert!(suspicion.wants_silence());
    assert_eq!(verdict(&mut suspicion, 7, "a/b", 100), None, "another client with our id would do the same");
    suspicion.on_silence_survived(now);
    assert!(verdict(&mut suspicion, 7, "a/b", 100).unwrap().contains("hangs up without a reason"));
    assert_eq!(verdict(&mut suspicion, 8, "a/b", 100), None, "the next may be better");
    (0..3).for_each(|_| suspicion.on_death(death(Some(message(8, "a/b"))), now));
    suspicion.on_silence_survived(now);
    assert!(verdict(&mut suspicion, 9, "a/b", 100).unwrap().contains("topic"), "now it is the topic");
    assert_eq!(verdict(&mut suspicion, 10, "a/c", 100), None);
}

#[test]
fn a_client_id_that_somebody_else_uses_convicts_no_message() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    for _ in 0..10 {
        while !suspicion.wants_silence() {
            suspicion.on_death(death(Some(message(7, "a/b"))), now);
        }
        suspicion.on_death(Death { in_flight: 0, ..death(None) }, now);
        assert!(!suspicion.is_probing() && !suspicion.wants_silence());
        assert_eq!(verdict(&mut suspicion, 7, "a/b", 100), None);
    }
}

#[test]
fn a_reason_that_speaks_of_the_packet_convicts_at_once_and_its_kind() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    suspicion.on_death(Death { in_flight: 20, ..said(None, Reason::TOPIC_NAME_INVALID) }, now);
    assert!(suspicion.is_probing(), "which of twenty it was is found out at once");
    suspicion.on_death(said(Some(message(7, "deep")), Reason::TOPIC_NAME_INVALID), now);
    assert!(verdict(&mut suspicion, 7, "deep", 100).unwrap().contains("0x90"));
    assert!(verdict(&mut suspicion, 8, "deep", 100).unwrap().contains("0x90"));
    assert_eq!(verdict(&mut suspicion, 9, "flat", 100), None);
    suspicion.on_death(said(Some(Culprit::Message(place(9), topic("flat"), 131_072)), Reason::PACKET_TOO_LARGE), now);
    assert!(verdict(&mut suspicion, 10, "other", 131_072).unwrap().contains("131072 bytes"));
    assert_eq!(verdict(&mut suspicion, 11, "flat", 131_071), None);
    suspicion.on_accepted(131_072);
    assert_eq!(verdict(&mut suspicion, 12, "other", 131_072), None, "the broker's limit was raised");
}

#[test]
fn a_broker_that_goes_away_for_its_own_reasons_convicts_nothing() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    for position in 0..20 {
        suspicion.on_death(Death { lived: GOOD_LIFE, ..death(Some(message(position, "a"))) }, now);
        suspicion.on_death(Death { in_flight: 0, alone: None, ..death(None) }, now);
        assert!(!suspicion.is_probing());
    }
}

#[test]
fn a_filter_that_is_not_taken_is_found_by_halves_and_the_others_stay() {
    let all = filters(20);
    let (mut suspicion, now) = (Suspicion::new(&all), Instant::now());
    let bad = &all[13];
    let mut connections = 0;
    while let Some(packet) = suspicion.filters().into_iter().find(|packet| packet.contains(bad)) {
        assert!(packet.len() <= 8);
        let alone = suspicion.is_probing().then_some(Culprit::Subscribe(packet));
        suspicion.on_death(death(alone), now);
        connections += 1;
    }
    assert!(connections <= 8, "{connections}");
    assert_eq!(suspicion.filters().concat().len(), 19);
    let concerns = suspicion.concerns(&topic("t/status"));
    assert!(concerns.iter().any(|concern| concern.contains("`c/013` (it hangs up")), "{concerns:?}");
    suspicion.begin(now + TRIED_AGAIN_AFTER);
    assert_eq!(suspicion.filters().concat().len(), 20);
    assert!(suspicion.concerns(&topic("t/status")).is_empty());
}

#[test]
fn a_broker_that_takes_fifty_subscriptions_keeps_fifty() {
    let all = filters(80);
    let (mut suspicion, now) = (Suspicion::new(&all), Instant::now());
    let mut connections = 0;
    loop {
        let (mut taken, mut culprit) = (0, None);
        for packet in suspicion.filters() {
            if taken + packet.len() > 50 {
                culprit = Some(Culprit::Subscribe(packet));
                break;
            }
            taken += packet.len();
        }
        let Some(culprit) = culprit else { break };
        let alone = suspicion.is_probing().then_some(culprit);
        suspicion.on_death(death(alone), now);
        connections += 1;
        assert!(connections < 20, "{connections}");
    }
    assert_eq!(suspicion.filters().concat().len(), 50);
}

#[test]
fn of_the_status_first_the_retain_bit_is_given_up() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    suspicion.on_death(said(Some(Culprit::Status), Reason::RETAIN_NOT_SUPPORTED), now);
    assert_eq!(suspicion.status(), Sending::NotRetained);
    suspicion.on_death(said(Some(Culprit::Status), Reason::TOPIC_NAME_INVALID), now);
    assert_eq!(suspicion.status(), Sending::Not);
    let concerns = suspicion.concerns(&topic("t/status"));
    assert!(concerns[0].contains("`t/status`") && concerns[0].contains("`adapter.status_topic`"), "{concerns:?}");
    suspicion.begin(now + TRIED_AGAIN_AFTER);
    assert_eq!(suspicion.status(), Sending::Whole);
}

#[test]
fn a_will_that_is_refused_by_name_is_sent_with_less_at_once() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    assert_eq!(suspicion.begin(now), Sending::Whole);
    suspicion.on_connect_failed(Some(Reason::RETAIN_NOT_SUPPORTED));
    assert_eq!(suspicion.begin(now), Sending::NotRetained);
    suspicion.on_let_in(now);
    assert_eq!(suspicion.begin(now), Sending::NotRetained, "and stays so");
    assert!(suspicion.concerns(&topic("t/status"))[0].contains("the Will on `t/status` retained"));
    suspicion.on_connect_failed(Some(Reason::TOPIC_NAME_INVALID));
    assert_eq!(suspicion.begin(now), Sending::Not);
    suspicion.on_let_in(now);
    assert_eq!(suspicion.begin(now + TRIED_AGAIN_AFTER), Sending::Whole);
}

#[test]
fn a_broker_that_hangs_up_on_connect_is_tried_with_less_of_the_will_and_blamed_for_nothing_else() {
    let (mut suspicion, now) = (Suspicion::new(&[]), Instant::now());
    let mut tried = Vec::new();
    for _ in 0..8 {
        tried.push(suspicion.begin(now));
        suspicion.on_connect_failed(None);
    }
    let cycle = [Sending::Whole, Sending::Whole, Sending::NotRetained, Sending::Not];
    assert_eq!(tried, [cycle, cycle].concat());
    suspicion.begin(now);
    suspicion.on_let_in(now);
    assert!(suspicion.concerns(&topic("t/status")).is_empty(), "it was let in with all of it");
    suspicion.begin(now);
    suspicion.on_connect_failed(Some(Reason::BAD_USER_NAME_OR_PASSWORD));
    suspicion.on_connect_failed(Some(Reason::BAD_USER_NAME_OR_PASSWORD));
    assert_eq!(suspicion.begin(now), Sending::Whole, "that says nothing about the Will");
}

proptest! {
    /// A broker with one poisoned message, which acknowledges what it reads before it or not, as it likes.
    #[test]
    fn only_the_poisoned_message_is_given_up(
        poisoned in 1_u64..40,
        delivered in prop::collection::vec(0_u64..30, 200),
        lives in prop::collection::vec(any::<bool>(), 200),
    ) {
        let (mut suspicion, mut head, now) = (Suspicion::new(&[]), 1, Instant::now());
        for (delivered, is_long) in delivered.into_iter().zip(lives) {
            while verdict(&mut suspicion, head, &format!("t/{head}"), 100).is_some() {
                prop_assert_eq!(head, poisoned);
                head += 1;
            }
            if suspicion.wants_silence() {
                suspicion.on_silence_survived(now);
                continue;
            }
            let target = if head <= poisoned { poisoned } else { u64::MAX };
            let probes = suspicion.is_probing();
            head += if probes { target.min(40) - head } else { delivered.min(target - head) };
            if head >= 40 { break; }
            let alone = (probes && head == target).then(|| message(head, &format!("t/{head}")));
            let lived = if is_long { GOOD_LIFE } else { Duration::from_secs(1) };
            suspicion.on_death(Death { lived, in_flight: 5, ..death(alone) }, now);
        }
    }
}
