//! Values on their way to a real broker.

use std::collections::HashMap;

use bytes::Bytes;
use tagwise::{config::effective::ProtocolVersion, domain::Lane, spool::DropCause, supervisor::Connection};

use crate::{
    gate::Gate,
    mosquitto::Mosquitto,
    rig::{Rig, message, plain, route, sequence_of, spoken},
    versions::in_both_versions,
    watcher::{Watcher, user_property},
};

in_both_versions!(
    a_broker_killed_in_the_middle_costs_no_message_and_no_order,
    a_broker_that_is_not_there_yet_gets_everything_when_it_comes,
    urgent_messages_overtake_values,
    qos_0_is_sent_once_and_counted,
);

const TOPICS: usize = 10;
const PER_TOPIC: u64 = 600;

/// What a consumer keeps per topic: the payload of each sequence.
#[derive(Default)]
struct Consumer {
    topics: HashMap<Bytes, Vec<Bytes>>,
    arrived: usize,
}

impl Consumer {
    /// A new message is the next one of its topic, a repeat is identical to what came first.
    fn take(&mut self, topic: Bytes, payload: Bytes) {
        let seen = self.topics.entry(topic).or_default();
        let sequence = usize::try_from(sequence_of(&payload)).unwrap();
        assert!(sequence <= seen.len() + 1, "{sequence} came after {}", seen.len());
        if let Some(first) = seen.get(sequence - 1) {
            assert_eq!(*first, payload);
        } else {
            seen.push(payload);
        }
        self.arrived += 1;
    }

    fn is_complete(&self) -> bool {
        self.topics.len() == TOPICS && self.topics.values().all(|seen| seen.len() as u64 == PER_TOPIC)
    }
}

async fn a_broker_killed_in_the_middle_costs_no_message_and_no_order(version: ProtocolVersion) {
    let Some(mut broker) = Mosquitto::plain().await else { return };
    let gate = Gate::open_to(broker.port).await;
    let mut watcher = Watcher::subscribe(broker.port, "machine/#").await;
    let rig = Rig::start(spoken(version, gate.port), &[]);
    rig.until_connected().await;
    let routes: Vec<_> = (0..TOPICS).map(|topic| route(&format!("machine/{topic}"))).collect();
    let mut rounds = 1..=PER_TOPIC;
    let mut append = |count: usize| {
        for sequence in rounds.by_ref().take(count) {
            rig.spool.append(Lane::Values, routes.iter().map(|route| message(route, sequence)).collect());
        }
    };
    let mut consumer = Consumer::default();
    // What mosquitto has acknowledged and holds for a watcher that lags dies with it, so the watcher must not lag.
    append(5);
    while consumer.arrived < 2_000 {
        let publish = watcher.next().await;
        assert_eq!(user_property(&publish, "replay"), None, "it was accepted after the CONNACK");
        consumer.take(publish.topic, publish.payload);
        append(usize::from(consumer.arrived % TOPICS == 0));
    }
    gate.set_open(false);
    broker.kill();
    while let Some(publish) = watcher.next_or_gone().await {
        consumer.take(publish.topic, publish.payload);
    }
    rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(!rig.spool.is_empty(), "the broker should have died with messages in flight");
    let unacknowledged = rig.spool.len();
    append(usize::MAX);
    let waiting = rig.spool.len();
    assert!(waiting > unacknowledged);

    broker.start().await;
    let mut watcher = Watcher::subscribe(broker.port, "machine/#").await;
    gate.set_open(true);
    let mut replayed = 0;
    while !consumer.is_complete() {
        let publish = watcher.next().await;
        let replay = (version == ProtocolVersion::V5).then_some("true");
        assert_eq!(user_property(&publish, "replay"), replay, "it was accepted before the CONNACK");
        consumer.take(publish.topic, publish.payload);
        replayed += 1;
    }
    rig.until_delivered().await;
    assert_eq!(replayed, waiting, "only what was not acknowledged is sent again");
}

async fn a_broker_that_is_not_there_yet_gets_everything_when_it_comes(version: ProtocolVersion) {
    let Some(mut broker) = Mosquitto::prepare(|_| String::new()) else { return };
    let rig = Rig::start(spoken(version, broker.port), &[]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(matches!(connection, Connection::Connecting { .. }), "{connection:?}");
    assert!(connection.reason().unwrap().contains("nothing listens at mqtt://127.0.0.1"), "{connection:?}");
    rig.append(&route("machine/a"), 1..=500);
    broker.start().await;
    let mut late = Watcher::subscribe(broker.port, "machine/#").await;
    rig.until_connected().await;
    rig.append(&route("machine/b"), 1..=1);
    while late.next().await.topic != "machine/b" {}
    rig.until_delivered().await;
    rig.check_published("acknowledged", 501);
}

async fn urgent_messages_overtake_values(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "#").await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    let alarm = vec![message(&route("alarm"), 1)];
    rig.append(&route("machine/a"), 1..=20_000);
    rig.spool.append(Lane::Urgent, alarm);
    let taken = rig.metric("mqtt_published_total", "result=\"acknowledged\"");
    let mut values_before = 0;
    loop {
        let publish = watcher.next().await;
        match publish.topic.as_ref() {
            b"alarm" => break,
            b"machine/a" => values_before += 1,
            _ => {}
        }
    }
    let waited = f64::from(values_before) - taken;
    assert!(waited < 3_000.0, "of {values_before} values that came before the alarm {taken} were taken already");
}

async fn qos_0_is_sent_once_and_counted(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "machine/#").await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    rig.until_connected().await;
    let route = route("machine/a");
    rig.spool.append_volatile((1..=300).map(|sequence| message(&route, sequence)).collect());
    for sequence in 1..=300 {
        assert_eq!(sequence_of(&watcher.next().await.payload), sequence);
    }
    rig.check_published("sent", 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_will_never_take_does_not_hold_up_the_rest() {
    let acl = |directory: &std::path::Path| {
        let file = directory.join("acl");
        std::fs::write(&file, "topic readwrite machine/#\ntopic readwrite tagwise/#\n").unwrap();
        format!("max_packet_size 2000\nacl_file {}", file.display())
    };
    let Some(broker) = Mosquitto::with(acl).await else { return };
    let mut watcher = Watcher::subscribe(broker.port, "machine/#").await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.until_connected().await;
    let (allowed, forbidden) = (route("machine/a"), route("forbidden/a"));
    let mut large = message(&allowed, 2);
    large.payload = Bytes::from(vec![b'x'; 3_000]);
    rig.spool.append(Lane::Values, vec![message(&allowed, 1), large, message(&forbidden, 1), message(&allowed, 3)]);
    rig.until_delivered().await;
    assert_eq!(sequence_of(&watcher.next().await.payload), 1);
    assert_eq!(sequence_of(&watcher.next().await.payload), 3);
    rig.check_published("refused", 2);
    let dropped = rig.spool.take_dropped();
    let topics: Vec<_> = dropped.iter().map(|range| (range.topic.as_str(), range.cause, range.count)).collect();
    assert_eq!(topics, [("forbidden/a", DropCause::Refused, 1), ("machine/a", DropCause::Refused, 1)]);
}
