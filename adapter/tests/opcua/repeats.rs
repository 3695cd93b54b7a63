//! What is sent although nothing came: heartbeats and stale values.

use std::time::Duration;

use tagwise::{
    config::effective::{Mode, Tag},
    domain::{TagId, TagUpdate},
    supervisor::TagState,
};
use tagwise_simulator::PlcOptions;

use crate::rig::{Rig, config, plc, plc_at, tag};

/// A value that nobody changes.
const SETPOINT: &str = "\"Machine\".\"SpeedSetpoint\"";
const SHORT: Duration = Duration::from_millis(200);

fn with_limits(mode: Mode, heartbeat: Option<Duration>, stale_after: Option<Duration>) -> Tag {
    let mut tag = tag(SETPOINT, 1);
    tag.subscription.mode = mode;
    tag.subscription.sampling_interval = Duration::from_millis(50);
    tag.subscription.heartbeat = heartbeat;
    tag.subscription.stale_after = stale_after;
    tag
}

fn is_plain_heartbeat(update: &TagUpdate) -> bool {
    update.flags.is_heartbeat && !update.flags.is_stale
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_rests_is_repeated_and_without_a_session_it_is_not_vouched_for() {
    for mode in [Mode::Subscribe, Mode::Poll] {
        let server = plc(PlcOptions::default()).await;
        let address = server.local_addr();
        let tags = vec![with_limits(mode, Some(SHORT), None)];
        let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
        let first = rig.update(TagId(0), |_| true).await;
        assert!(!first.flags.is_heartbeat);
        for _ in 0..2 {
            let repeated = rig.update(TagId(0), is_plain_heartbeat).await;
            assert_eq!(
                (&repeated.value, repeated.source_timestamp),
                (&first.value, first.source_timestamp),
                "{mode:?}"
            );
            assert!(repeated.received_at > first.received_at);
        }
        server.stop().await;
        rig.update(TagId(0), |update| update.flags.is_heartbeat && update.flags.is_stale).await;
        let server = plc_at(address, PlcOptions::default()).await;
        rig.update(TagId(0), |update| update.flags.is_initial).await;
        rig.update(TagId(0), is_plain_heartbeat).await;
        if mode == Mode::Subscribe {
            assert_eq!(
                rig.metrics.opcua_values.with_label_values(&["good"]).get(),
                2,
                "repeats are no values received"
            );
        }
        rig.stop().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_without_a_value_for_too_long_is_stale_until_the_next_one() {
    let server = plc(PlcOptions::default()).await;
    let address = server.local_addr();
    // A polled tag has a value as long as the server answers, a subscribed one only when it changes.
    let tags = vec![
        with_limits(Mode::Poll, None, Some(Duration::from_secs(1))),
        with_limits(Mode::Subscribe, None, Some(SHORT)),
    ];
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
    let snapshot = rig.wait_for("a stale tag", |snapshot| !snapshot.stale_tags.is_empty()).await;
    assert_eq!(snapshot.stale_tags.keys().collect::<Vec<_>>(), [&TagId(1)]);
    assert!(snapshot.stale_tags[&TagId(1)].contains("stale_after"), "{snapshot:?}");
    let stale = rig.update(TagId(1), |update| update.flags.is_stale).await;
    assert!(stale.value.as_number().is_some() && !stale.flags.is_heartbeat);
    assert_eq!(rig.board.tags()[0], TagState::Active);
    assert_eq!(rig.metrics.tags.with_label_values(&["stale"]).get(), 1);

    server.stop().await;
    rig.wait_for("both stale", |snapshot| snapshot.stale_tags.len() == 2).await;
    rig.update(TagId(0), |update| update.flags.is_stale).await;
    let server = plc_at(address, PlcOptions::default()).await;
    rig.wait_for("the polled one is well", |snapshot| !snapshot.stale_tags.contains_key(&TagId(0))).await;
    rig.update(TagId(0), |update| update.flags.is_initial && !update.flags.is_stale).await;
    rig.stop().await;
    server.stop().await;
}
