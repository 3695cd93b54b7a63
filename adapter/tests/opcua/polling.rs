//! Tags that are read instead of subscribed.

use std::time::Duration;

use tagwise::{
    config::effective::{Deadband, Mode, Tag},
    domain::{StatusCode, TagId, TagValue},
    opcua::Plc as _,
};
use tagwise_simulator::PlcOptions;

use crate::{
    proxy::Proxy,
    rig::{Rig, config, few_subscriptions, load_tag, plc, plc_at, tag},
};

fn polled(node: &str, millis: u64) -> Tag {
    let mut tag = tag(node, 7);
    tag.subscription.mode = Mode::Poll;
    tag.subscription.sampling_interval = Duration::from_millis(millis);
    tag
}

fn load() -> PlcOptions {
    PlcOptions { load_tags: 50, load_rate_hz: 20.0, ..PlcOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn polled_and_subscribed_tags_live_side_by_side() {
    let server = plc(load()).await;
    let mut tags: Vec<Tag> = (1..=40).map(|number| polled(&load_tag(number), 50)).collect();
    tags.push(tag(&load_tag(41), 1));
    tags.push(polled("\"Types\".\"Bad\"", 50));
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
    rig.wait_for_all_active().await;
    let first = rig.update(TagId(0), |_| true).await;
    assert!(first.flags.is_initial && first.source_timestamp.is_some() && first.server_timestamp.is_some());
    let mut newest = first.value.as_number().unwrap();
    for _ in 0..10 {
        let next = rig.update(TagId(0), |_| true).await;
        let value = next.value.as_number().unwrap();
        assert!(value > newest && !next.flags.is_initial, "{value} after {newest}");
        newest = value;
    }
    rig.value(TagId(39)).await;
    rig.value(TagId(40)).await;
    assert!(rig.metrics.opcua_filtered.get() > 0, "what is bad and stays so comes once");
    assert_eq!(rig.metrics.tags.with_label_values(&["active"]).get(), 42);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_value_goes_on_only_when_it_changes() {
    let server = plc(load()).await;
    let mut with_deadband = polled(&load_tag(1), 20);
    with_deadband.subscription.deadband = Some(Deadband::Absolute(9.5));
    let setpoint = "\"Machine\".\"SpeedSetpoint\"";
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), vec![polled(setpoint, 20), with_deadband]);
    let first = rig.value(TagId(0)).await;
    let one = rig.update(TagId(1), |_| true).await.value.as_number().unwrap();
    let batch = rig.batch().await;
    assert_eq!(batch.len(), 1, "the setpoint is read all the time and does not change");
    assert!(batch[0].value.as_number().unwrap() - one > 9.5);

    assert_ne!(first, TagValue::Int16(1234));
    let written = rig.plc.write(TagId(0), TagValue::Int16(1234)).await.unwrap();
    assert_eq!(written, StatusCode::GOOD);
    assert_eq!(rig.value(TagId(0)).await, TagValue::Int16(1234));
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_fails_alone_with_its_line() {
    let server = plc(load()).await;
    let tags = vec![polled(&load_tag(1), 50), polled("\"Load\".\"T9999\"", 50)];
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
    let snapshot = rig.wait_for("one failed tag", |snapshot| snapshot.failed_tags.len() == 1).await;
    let reason = &snapshot.failed_tags[&TagId(1)];
    assert!(reason.contains("BadNodeIdUnknown") && reason.contains("line 7 of the mapping"), "{reason}");
    rig.value(TagId(0)).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_subscribe_at_all_is_polled_and_its_end_is_noticed() {
    let options = PlcOptions { limits: few_subscriptions(0), ..load() };
    let server = plc(options.clone()).await;
    let address = server.local_addr();
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), vec![polled(&load_tag(1), 50)]);
    rig.value(TagId(0)).await;
    rig.wait_for_all_active().await;
    server.stop().await;
    rig.wait_for("the loss", |snapshot| snapshot.opcua.reason().is_some()).await;
    let server = plc_at(address, options).await;
    rig.update(TagId(0), |update| update.flags.is_initial).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_is_never_answered_ends_the_session() {
    let server = plc(PlcOptions { limits: few_subscriptions(0), ..load() }).await;
    let proxy = Proxy::start(server.local_addr()).await;
    let mut config = config(&proxy.url());
    config.connection.request_timeout = Duration::from_millis(500);
    // Nothing else may notice.
    config.connection.keep_alive_interval = Duration::from_mins(1);
    let mut rig = Rig::start_tags(config, vec![polled(&load_tag(1), 50)]);
    rig.value(TagId(0)).await;
    proxy.open_hole();
    let snapshot = rig.wait_for("the silence", |snapshot| snapshot.opcua.reason().is_some()).await;
    let reason = snapshot.opcua.reason().unwrap();
    assert!(reason.contains("answers nothing"), "{reason}");
    rig.stop().await;
    server.stop().await;
}
