//! Subscriptions by publishing interval, and filters by the server or in its place.

use std::time::Duration;

use tagwise::{
    config::effective::{Deadband, Tag, Trigger},
    domain::TagId,
    opcua::FilterPlace,
};
use tagwise_simulator::{Plc, PlcOptions};

use crate::rig::{Rig, config, few_subscriptions, load_tag, plc, tag};

const VIBRATION: &str = "\"Machine\".\"Vibration\"";
const TEMPERATURE: &str = "\"Machine\".\"Temperature\"";

async fn server(options: PlcOptions) -> Plc {
    plc(PlcOptions { load_tags: 10, load_rate_hz: 50.0, ..options }).await
}

fn with_deadband(node: &str, deadband: Deadband) -> Tag {
    let mut tag = tag(node, 1);
    tag.subscription.deadband = Some(deadband);
    tag
}

fn publishing(node: &str, millis: u64) -> Tag {
    let mut tag = tag(node, 1);
    tag.subscription.publishing_interval = Duration::from_millis(millis);
    tag
}

/// The next values of a tag, so many at least, none left out.
async fn values(rig: &mut Rig, tag: TagId, count: usize) -> Vec<f64> {
    let mut values = Vec::new();
    while values.len() < count {
        let batch = rig.batch().await;
        let of_tag = batch.iter().filter(|update| update.tag == tag);
        values.extend(of_tag.filter_map(|update| update.value.as_number()));
    }
    values
}

fn smallest_step(values: &[f64]) -> f64 {
    values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min)
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_publish_as_often_as_each_of_them_asks() {
    let server = server(PlcOptions::default()).await;
    let tags = vec![publishing(&load_tag(1), 50), publishing(&load_tag(2), 300), publishing(&load_tag(3), 50)];
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
    for tag in 0..3 {
        rig.value(TagId(tag)).await;
    }
    let granted: Vec<_> =
        (0..3).map(|tag| rig.grants.grant(TagId(tag)).unwrap().publishing_interval.as_millis()).collect();
    assert_eq!(granted, [50, 300, 50]);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_few_subscriptions_gets_all_tags_into_those_it_has() {
    let server = server(PlcOptions { limits: few_subscriptions(2), ..PlcOptions::default() }).await;
    let tags = (1..=4).zip([50, 100, 200, 400]).map(|(number, millis)| publishing(&load_tag(number), millis)).collect();
    let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
    rig.wait_for_all_active().await;
    for tag in 0..4 {
        rig.value(TagId(tag)).await;
    }
    let granted: Vec<_> =
        (0..4).map(|tag| rig.grants.grant(TagId(tag)).unwrap().publishing_interval.as_millis()).collect();
    assert_eq!(granted, [50, 100, 100, 100], "the nearest faster one takes them");
    assert_eq!(rig.metrics.opcua_reconnects.get(), 0, "the session is not lost for it");
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadband_is_applied_by_the_server_or_else_here() {
    for (takes_filters, place) in [(true, FilterPlace::Server), (false, FilterPlace::Here)] {
        let server = server(PlcOptions { takes_filters, ..PlcOptions::default() }).await;
        let tags = vec![with_deadband(&load_tag(1), Deadband::Absolute(4.5))];
        let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
        let values = values(&mut rig, TagId(0), 12).await;
        // What came before the filter was put in place here is let through.
        let step = smallest_step(&values[4..]);
        assert!(step > 4.5, "{place:?}: {values:?}");
        assert_eq!(rig.grants.grant(TagId(0)).unwrap().filter, place);
        assert_eq!(rig.metrics.opcua_filtered.get() > 0, place == FilterPlace::Here);
        rig.stop().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadband_in_percent_needs_the_node_s_range_wherever_it_is_applied() {
    for (takes_filters, place) in [(true, FilterPlace::Server), (false, FilterPlace::Here)] {
        let server = server(PlcOptions { takes_filters, ..PlcOptions::default() }).await;
        let tags = vec![
            with_deadband(TEMPERATURE, Deadband::Percent(100.0)),
            with_deadband(&load_tag(1), Deadband::Percent(100.0)),
            tag(TEMPERATURE, 1),
        ];
        let mut rig = Rig::start_tags(config(&server.endpoint_url()), tags);
        // The load tag has no EURange, so every change of it comes; by then the temperature has changed often.
        let values = values(&mut rig, TagId(1), 10).await;
        assert!(smallest_step(&values) <= 1.0, "{values:?}");
        assert_eq!(rig.grants.grant(TagId(1)).unwrap().filter, FilterPlace::Nowhere);
        assert_eq!(rig.grants.grant(TagId(0)).unwrap().filter, place);
        let mut unfiltered = 0;
        let mut filtered = 0;
        while unfiltered < 20 {
            for update in rig.batch().await {
                unfiltered += u32::from(update.tag == TagId(2));
                filtered += u32::from(update.tag == TagId(0));
            }
        }
        assert!(filtered <= 2, "{filtered} values changed by more than the whole range");
        rig.stop().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_on_the_status_alone_keeps_changes_of_the_value_back() {
    for takes_filters in [true, false] {
        let server = server(PlcOptions { takes_filters, ..PlcOptions::default() }).await;
        let mut quiet = tag(VIBRATION, 1);
        quiet.subscription.trigger = Trigger::Status;
        let mut rig = Rig::start_tags(config(&server.endpoint_url()), vec![quiet, tag(VIBRATION, 2)]);
        rig.wait_for_all_active().await;
        let (mut kept, mut all) = (0, 0);
        while all < 20 {
            for update in rig.batch().await {
                if update.tag == TagId(0) { kept += 1 } else { all += 1 }
            }
        }
        assert!((1..=3).contains(&kept), "{kept}");
        rig.stop().await;
        server.stop().await;
    }
}
