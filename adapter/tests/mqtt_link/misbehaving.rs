//! Brokers that refuse, answer out of order, fall silent or hang up.

use std::{collections::BTreeSet, time::Duration};

use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tagwise::{config::effective::ProtocolVersion, spool::DropCause};
use tokio::time;

use crate::{
    rig::{Rig, plain, route, sequence_of, spoken},
    scripted_broker::{Reply, ScriptedBroker},
    scripted_wire::{Greeting, Heard},
    versions::in_both_versions,
    watcher::PATIENCE,
};

in_both_versions!(
    a_broker_that_hangs_up_again_and_again_gets_everything_in_order,
    a_refused_subscription_is_an_error_and_values_still_flow,
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
            return Reply::Refuse(PubAckReason::QuotaExceeded);
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
        7 | 8 => Reply::Refuse(PubAckReason::PayloadFormatInvalid),
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
        4 => Reply::Refuse(PubAckReason::NotAuthorized),
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
async fn by_mqtt_3_1_1_a_broker_that_never_answers_gets_a_thousand_messages() {
    let broker = ScriptedBroker::start(Greeting::of(ProtocolVersion::V311), |_| Reply::Ignore).await;
    let rig = Rig::start(spoken(ProtocolVersion::V311, broker.port), &[]);
    rig.append(&route("machine/a"), 1..=3_000);
    let wait = async {
        while rig.metric("mqtt_inflight", "edge") < 1_000.0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, wait).await.expect("a thousand messages should be in flight");
    assert!(sequences(&broker).into_iter().eq(1..=1_000));
    assert_eq!(rig.spool.len(), 3_000);
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
}

async fn a_refused_subscription_is_an_error_and_values_still_flow(version: ProtocolVersion) {
    let broker = ScriptedBroker::start(Greeting::of(version), |_| Reply::Acknowledge).await;
    let rig = Rig::start(spoken(version, broker.port), &["machine/set", "forbidden/set"]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    let refusal = match version {
        ProtocolVersion::V5 => "`forbidden/set` (not authorized)",
        ProtocolVersion::V311 => "`forbidden/set` (MQTT 3.1.1 gives no reason)",
    };
    assert!(connection.reason().unwrap().contains(refusal), "{connection:?}");
    rig.append(&route("machine/a"), 1..=10);
    rig.until_delivered().await;
}
