//! The retained status and the Last Will.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use tagwise::{config::effective::ProtocolVersion, supervisor::Connection};

use crate::{
    mosquitto::Mosquitto,
    rig::{Rig, STATUS_TOPIC, route, spoken},
    versions::in_both_versions,
    watcher::Watcher,
};

in_both_versions!(
    the_newest_status_is_retained,
    the_last_will_speaks_for_a_link_that_was_cut_off,
    a_graceful_end_flushes_says_offline_once_and_leaves_no_will,
    an_end_without_a_broker_takes_no_time_when_nothing_waits,
);

async fn the_newest_status_is_retained(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, STATUS_TOPIC).await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    assert_eq!(watcher.next().await.payload, "online");
    for number in 1..=50 {
        rig.status_tx.send_replace(Bytes::from(format!("degraded {number}")));
    }
    while watcher.next().await.payload != "degraded 50" {}
    let retained = Watcher::subscribe(broker.port, STATUS_TOPIC).await.next().await;
    assert!(retained.retain);
    assert_eq!(retained.payload, "degraded 50");
}

async fn the_last_will_speaks_for_a_link_that_was_cut_off(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, STATUS_TOPIC).await;
    let rig = Rig::start(spoken(version, broker.port), &[]);
    assert_eq!(watcher.next().await.payload, "online");
    rig.task.abort();
    assert_eq!(watcher.next().await.payload, "offline");
    let retained = Watcher::subscribe(broker.port, STATUS_TOPIC).await.next().await;
    assert_eq!((retained.retain, retained.payload), (true, Bytes::from_static(b"offline")));
}

async fn a_graceful_end_flushes_says_offline_once_and_leaves_no_will(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let mut watcher = Watcher::subscribe(broker.port, STATUS_TOPIC).await;
    let mut rig = Rig::start(spoken(version, broker.port), &["machine/set"]);
    assert_eq!(watcher.next().await.payload, "online");
    rig.append(&route("machine/a"), 1..=2_000);
    rig.shut_down().await;
    assert!(rig.spool.is_empty(), "{} messages are left", rig.spool.len());
    assert_eq!(rig.board.snapshot().brokers[0].connection, Connection::Disconnected);
    assert_eq!(watcher.next().await.payload, "offline");
    // A Will would have come before the second of two messages that went through the broker since.
    for _ in 0..2 {
        let meanwhile = watcher.publish("other", "x", false, PublishProperties::default()).await;
        assert!(meanwhile.is_empty(), "{meanwhile:?}");
    }
    let retained = Watcher::subscribe(broker.port, STATUS_TOPIC).await.next().await;
    assert_eq!(retained.payload, "offline");
}

async fn an_end_without_a_broker_takes_no_time_when_nothing_waits(version: ProtocolVersion) {
    let mut rig = Rig::start(spoken(version, crate::mosquitto::free_port()), &[]);
    rig.until_broker(|connection| connection.reason().is_some()).await;
    let start = std::time::Instant::now();
    rig.shut_down().await;
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
