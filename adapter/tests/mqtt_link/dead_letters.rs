//! Messages that a broker never takes: they are kept with their reason, and block nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tagwise::{config::effective::ProtocolVersion, domain::Lane, spool::DropCause};
use tokio::time;

use crate::{
    rig::{Rig, message, plain, route, sequence_of, spoken},
    scripted_broker::{Reply, ScriptedBroker},
    scripted_wire::{Greeting, NOT_AUTHORIZED, PAYLOAD_FORMAT_INVALID},
    versions::in_both_versions,
    watcher::PATIENCE,
};

in_both_versions!(a_message_on_which_connections_die_is_given_up_and_no_other);

async fn a_message_on_which_connections_die_is_given_up_and_no_other(version: ProtocolVersion) {
    let deaths = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&deaths);
    let broker = ScriptedBroker::start(Greeting::of(version), move |heard| {
        if sequence_of(&heard.payload) == 30 {
            counted.fetch_add(1, Ordering::Relaxed);
            return Reply::HangUp;
        }
        Reply::Acknowledge
    })
    .await;
    let rig = Rig::start(spoken(version, broker.port), &["machine/set"]);
    rig.append(&route("machine/a"), 1..=100);
    rig.until_delivered().await;
    let letters = rig.dead_letters();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((&letter["sequence"], &letter["topic"]), (&30.into(), &"machine/a".into()));
    assert!(letter["reason"].as_str().unwrap().contains("hangs up without a reason"), "{letter}");
    // Two until it is searched for, and three on which it was alone.
    assert_eq!(deaths.load(Ordering::Relaxed), 5);
    let dropped = rig.spool.take_dropped();
    let dropped: Vec<_> = dropped.iter().map(|range| (range.count, range.cause)).collect();
    assert_eq!(dropped, [(1, DropCause::Refused)]);
    rig.check_published("acknowledged", 99);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_away_while_it_has_answered_nothing_costs_no_message() {
    let mut connections = 0;
    // Whatever comes first on a connection is its last, a message or not: nothing says that the message is at fault.
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V5), move |heard| {
        connections += 1;
        if connections <= 4 && heard.id <= 2 { Reply::HangUp } else { Reply::Acknowledge }
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=50);
    rig.until_delivered().await;
    assert!(rig.dead_letters().is_empty() && rig.spool.take_dropped().is_empty());
    rig.check_published("acknowledged", 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qos_0_flows_again_after_the_search_although_few_messages_are_acknowledged() {
    let mut deaths = 0;
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V5), move |heard| {
        if heard.id == 0 {
            return Reply::Ignore;
        }
        deaths += 1;
        if deaths <= 2 { Reply::HangUp } else { Reply::Acknowledge }
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    let route = route("machine/a");
    rig.append(&route, 1..=1);
    rig.until_delivered().await;
    rig.spool.append_volatile(vec![message(&route, 2)]);
    let is_heard = || broker.seen.lock().unwrap().iter().any(|heard| heard.id == 0);
    let wait = async {
        while !is_heard() {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("a message of QoS 0 should come");
    assert!(rig.dead_letters().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_kept_with_the_broker_s_words() {
    let greeting = Greeting::of(ProtocolVersion::V5);
    let broker = ScriptedBroker::start(greeting, |heard| match sequence_of(&heard.payload) {
        7 => Reply::Refuse(NOT_AUTHORIZED),
        8 => Reply::Refuse(PAYLOAD_FORMAT_INVALID),
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=20);
    rig.until_delivered().await;
    let letters = rig.dead_letters();
    let found: Vec<_> = letters.iter().map(|letter| (letter["sequence"].as_u64(), letter["reason"].as_str())).collect();
    assert_eq!(found, [(Some(7), Some("not authorized (0x87)")), (Some(8), Some("payload format invalid (0x99)"))]);
    assert_eq!(sequence_of(letters[0]["payload"].as_str().unwrap().as_bytes()), 7, "as it was to be sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_hangs_up_behind_its_refusal_costs_the_refused_message_and_no_other() {
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V5), |heard| match heard.topic.as_str() {
        "forbidden/a" => Reply::RefuseAndHangUp(NOT_AUTHORIZED),
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    let (allowed, forbidden) = (route("machine/a"), route("forbidden/a"));
    rig.spool.append(Lane::Values, vec![message(&allowed, 1), message(&forbidden, 1), message(&allowed, 2)]);
    rig.until_delivered().await;
    let letters = rig.dead_letters();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter["topic"], "forbidden/a");
    assert!(letter["reason"].as_str().unwrap().contains("not authorized (0x87)"), "{letter}");
    rig.check_published("acknowledged", 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_messages_in_a_row_on_which_connections_die_are_both_given_up() {
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V5), |heard| match heard.topic.as_str() {
        "forbidden/a" | "forbidden/b" => Reply::Disconnect(NOT_AUTHORIZED),
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    let (allowed, a, b) = (route("machine/a"), route("forbidden/a"), route("forbidden/b"));
    rig.spool.append(Lane::Values, vec![message(&a, 1), message(&b, 1), message(&allowed, 1)]);
    rig.until_delivered().await;
    let letters = rig.dead_letters();
    let topics: Vec<_> = letters.iter().map(|letter| letter["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["forbidden/a", "forbidden/b"]);
    rig.check_published("acknowledged", 1);
}
