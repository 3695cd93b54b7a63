//! Brokers that refuse, answer out of order, fall silent or hang up.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tagwise::{
    config::effective::ProtocolVersion,
    domain::{Lane, OutboundMessage},
    spool::DropCause,
    supervisor::Connection,
};
use tokio::time;

use crate::{
    rig::{Rig, message, plain, route, sequence_of, spoken},
    scripted_broker::{Reply, ScriptedBroker},
    scripted_wire::{Greeting, Heard, NOT_AUTHORIZED, PAYLOAD_FORMAT_INVALID, QUOTA_EXCEEDED, UNKNOWN},
    versions::in_both_versions,
    watcher::PATIENCE,
};

in_both_versions!(
    a_broker_that_hangs_up_again_and_again_gets_everything_in_order,
    a_refused_subscription_is_a_concern_and_values_still_flow,
    a_message_without_its_puback_is_sent_again_and_no_other_topic_is,
    qos_0_that_was_not_written_before_a_hang_up_is_counted,
);

/// MQTT 5, and so many messages at a time.
fn taking(receive_maximum: u16) -> Greeting {
    Greeting { receive_maximum: Some(receive_maximum), ..Greeting::of(ProtocolVersion::V5) }
}

fn sequence(heard: &Heard) -> u64 {
    sequence_of(&heard.payload)
}

fn sequences(broker: &ScriptedBroker) -> Vec<u64> {
    broker.seen.lock().unwrap().iter().map(sequence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_now_is_sent_again_with_all_that_followed_it() {
    let mut refusals = 2;
    let broker = ScriptedBroker::start(taking(10), move |publish| {
        if sequence(publish) == 30 && refusals > 0 {
            refusals -= 1;
            return Reply::Refuse(QUOTA_EXCEEDED);
        }
        Reply::Acknowledge
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=100);
    rig.until_delivered().await;
    let seen = sequences(&broker);
    let last_refused = seen.iter().rposition(|&sequence| sequence == 30).unwrap();
    assert!(seen[last_refused..].iter().copied().eq(30..=100), "the last round is in order: {seen:?}");
    assert_eq!(seen.iter().copied().collect::<BTreeSet<_>>().len(), 100);
    assert!(rig.spool.take_dropped().is_empty());
    rig.check_published("refused", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_skipped_counted_and_announced() {
    let broker = ScriptedBroker::start(taking(10), |publish| match sequence(publish) {
        7 | 8 => Reply::Refuse(PAYLOAD_FORMAT_INVALID),
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=100);
    rig.until_delivered().await;
    assert!(sequences(&broker).into_iter().eq(1..=100));
    let dropped = rig.spool.take_dropped();
    let summary: Vec<_> = dropped.iter().map(|range| (range.count, range.cause)).collect();
    assert_eq!(summary, [(2, DropCause::Refused)]);
    rig.check_published("acknowledged", 98);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_out_of_order_neither_stall_nor_reorder() {
    let broker = ScriptedBroker::start(taking(3), |publish| match sequence(publish) % 5 {
        2 => Reply::AcknowledgeEarly,
        4 => Reply::Refuse(NOT_AUTHORIZED),
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=1_001);
    rig.until_delivered().await;
    assert!(sequences(&broker).into_iter().eq(1..=1_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_never_answers_gets_no_more_than_it_allows() {
    let broker = ScriptedBroker::start(taking(7), |_| Reply::Ignore).await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=1_000);
    let wait = async {
        while rig.metric("mqtt_inflight", "edge") < 7.0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("seven messages should be in flight");
    assert!(sequences(&broker).into_iter().eq(1..=7));
    assert_eq!(rig.spool.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_mqtt_3_1_1_a_broker_that_never_answers_gets_two_thousand_messages() {
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V311), |_| Reply::Ignore).await;
    let rig = Rig::start(spoken(ProtocolVersion::V311, broker.port), &[]);
    rig.append(&route("machine/a"), 1..=5_000);
    let wait = async {
        while rig.metric("mqtt_inflight", "edge") < 2_000.0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("two thousand messages should be in flight");
    assert!(sequences(&broker).into_iter().eq(1..=2_000));
    assert_eq!(rig.spool.len(), 5_000);
}

async fn a_broker_that_hangs_up_again_and_again_gets_everything_in_order(version: ProtocolVersion) {
    let mut since_connect = 0;
    let broker = ScriptedBroker::start(Greeting::of(version), move |_| {
        since_connect += 1;
        if since_connect % 100 == 0 { Reply::HangUp } else { Reply::Acknowledge }
    })
    .await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    rig.append(&route("machine/a"), 1..=500);
    rig.until_delivered().await;
    let mut newest = 0;
    for sequence in sequences(&broker) {
        assert!(sequence <= newest + 1, "{sequence} came after {newest}");
        newest = newest.max(sequence);
    }
    assert_eq!(newest, 500);
    assert!(rig.dead_letters().is_empty() && rig.spool.take_dropped().is_empty());
}

async fn a_refused_subscription_is_a_concern_and_values_still_flow(version: ProtocolVersion) {
    let broker = ScriptedBroker::start(Greeting::of(version), |_| Reply::Acknowledge).await;
    let rig = Rig::start(spoken(version, broker.port), &["machine/set", "forbidden/set"]);
    rig.until_concerned(match version {
        ProtocolVersion::V5 => "`forbidden/set` (not authorized (0x87))",
        ProtocolVersion::V311 => "`forbidden/set` (unspecified error (0x80))",
    })
    .await;
    assert_eq!(rig.board.snapshot().brokers[0].connection, Connection::Connected);
    rig.append(&route("machine/a"), 1..=10);
    rig.until_delivered().await;
}

async fn a_message_without_its_puback_is_sent_again_and_no_other_topic_is(version: ProtocolVersion) {
    let mut is_swallowed = false;
    let broker = ScriptedBroker::start(Greeting::of(version), move |heard| {
        if !is_swallowed && heard.topic == "machine/a" && sequence(heard) == 30 {
            is_swallowed = true;
            return Reply::Ignore;
        }
        Reply::Acknowledge
    })
    .await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    let routes = [route("machine/a"), route("machine/b")];
    let messages = (1..=100).flat_map(|sequence| routes.iter().map(move |route| message(route, sequence)));
    rig.spool.append(Lane::Values, messages.collect());
    rig.until_delivered().await;
    let sent = |topic: &str| -> Vec<u64> {
        broker.seen.lock().unwrap().iter().filter(|heard| heard.topic == topic).map(sequence).collect()
    };
    assert!(sent("machine/a").into_iter().eq((1..=100).chain(30..=100)), "{:?}", sent("machine/a"));
    assert!(sent("machine/b").into_iter().eq(1..=100), "{:?}", sent("machine/b"));
    assert!(rig.dead_letters().is_empty() && rig.spool.take_dropped().is_empty());
}

async fn qos_0_that_was_not_written_before_a_hang_up_is_counted(version: ProtocolVersion) {
    let broker = ScriptedBroker::start(Greeting::of(version), |heard| match heard.id {
        0 => Reply::HangUp,
        _ => Reply::Acknowledge,
    })
    .await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    rig.until_connected().await;
    // More than the kernel keeps for a broker that reads the first of them only, and less than the queue holds.
    let route = route("machine/a");
    let large = |sequence| OutboundMessage { payload: Bytes::from(vec![b'x'; 1_000_000]), ..message(&route, sequence) };
    rig.spool.append_volatile((1..=7).map(large).collect());
    let sent = || rig.metric("mqtt_published_total", "result=\"sent\"");
    let dropped = || rig.metric("spool_dropped_total", "reason=\"away\"");
    let wait = async {
        while sent() + dropped() < 7.0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("each message should be sent or dropped");
    assert!(sent() >= 1.0 && dropped() >= 1.0, "{} are sent and {} dropped", sent(), dropped());
    assert!((sent() + dropped() - 7.0).abs() < 0.1, "{} are sent and {} dropped", sent(), dropped());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_that_nobody_knows_is_one_for_now() {
    let mut refusals = 2;
    let broker = ScriptedBroker::start(taking(10), move |heard| {
        if sequence(heard) == 30 && refusals > 0 {
            refusals -= 1;
            return Reply::Refuse(UNKNOWN);
        }
        Reply::Acknowledge
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=100);
    rig.until_delivered().await;
    let seen = sequences(&broker);
    let last_round = seen.iter().rposition(|&sequence| sequence == 30).unwrap();
    assert!(seen[last_round..].iter().copied().eq(30..=100), "the last round is in order: {seen:?}");
    assert!((rig.metric("mqtt_connections_total", "connected") - 1.0).abs() < 0.1, "it ends no connection");
    assert!(rig.dead_letters().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_for_a_reason_that_nobody_knows_is_told_with_its_number() {
    let mut is_over = false;
    let broker = ScriptedBroker::start(taking(10), move |heard| {
        if sequence(heard) == 30 && !std::mem::replace(&mut is_over, true) {
            return Reply::Disconnect(UNKNOWN);
        }
        Reply::Acknowledge
    })
    .await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=100);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(connection.reason().unwrap().contains("closed the connection: reason 0xC3"), "{connection:?}");
    rig.until_delivered().await;
    assert!(rig.dead_letters().is_empty() && rig.spool.take_dropped().is_empty());
}
