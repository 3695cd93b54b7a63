//! No value may be lost or come twice on its way into a subscription.

use std::time::Duration;

use opcua::types::{DateTime, StatusCode, Variant};
use tagwise_simulator::{Plc, PlcOptions, load_tag_node_id};
use tokio::sync::mpsc;

use crate::client::{Client, Notification, PATIENCE};

/// Receives until every one of `tags` items has counted `ticks` further than its first value, checking each step.
async fn check_contiguous(values: &mut mpsc::UnboundedReceiver<Notification>, tags: usize, ticks: u32) {
    let mut counts: Vec<Option<f64>> = vec![None; tags];
    let mut firsts = vec![0.0; tags];
    let mut previous: Vec<Option<DateTime>> = vec![None; tags];
    let mut unfinished = tags;
    while unfinished > 0 {
        let (item, value) = values.recv().await.expect("the subscription should live on");
        assert_eq!(value.status(), StatusCode::Good, "item {item}: {value:?}");
        let count = value.value.as_ref().unwrap().as_f64().unwrap();
        match counts[item] {
            Some(last) => assert!((count - last - 1.0).abs() < 1e-9, "item {item}: {count} after {last}"),
            None => firsts[item] = count,
        }
        assert!(value.source_timestamp > previous[item], "item {item}: {value:?}");
        previous[item] = value.source_timestamp;
        counts[item] = Some(count);
        if (count - firsts[item] - f64::from(ticks)).abs() < 1e-9 {
            unfinished -= 1;
        }
    }
}

async fn check_every_tick_arrives(tags: usize, rate_hz: f64, publishing_ms: u64, sampling_ms: f64, ticks: u32) {
    let load = PlcOptions { load_tags: tags, load_rate_hz: rate_hz, ..PlcOptions::default() };
    let plc = Plc::start(load).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let ids: Vec<String> = (1..=tags).map(load_tag_node_id).collect();

    let (created, mut values) = client.watch(&ids, Duration::from_millis(publishing_ms), sampling_ms, 1000).await;
    assert!(created.iter().all(StatusCode::is_good));
    tokio::time::timeout(PATIENCE, check_contiguous(&mut values, tags, ticks)).await.expect("all ticks in time");
    plc.stop().await;
}

#[tokio::test]
async fn every_tick_of_fifty_tags_arrives_once_with_the_fastest_sampling() {
    check_every_tick_arrives(50, 20.0, 100, 0.0, 60).await;
}

#[tokio::test]
async fn every_tick_arrives_once_when_sampled_faster_than_it_ticks() {
    check_every_tick_arrives(50, 20.0, 200, 10.0, 40).await;
}

#[tokio::test]
async fn every_tick_arrives_once_when_sampled_exactly_as_fast_as_it_ticks() {
    check_every_tick_arrives(50, 20.0, 100, 50.0, 40).await;
}

#[tokio::test]
async fn a_thousand_ticks_a_second_arrive_once() {
    check_every_tick_arrives(10, 1000.0, 50, 0.0, 2000).await;
}

#[tokio::test]
async fn ten_thousand_tags_fit_into_one_subscription_and_one_call() {
    check_every_tick_arrives(10_000, 2.0, 250, 0.0, 4).await;
}

#[tokio::test]
async fn no_tick_is_lost_while_items_are_created() {
    let plc = Plc::start(PlcOptions { load_tags: 1000, load_rate_hz: 250.0, ..PlcOptions::default() }).await.unwrap();
    let ids: Vec<String> = (1..=1000).map(load_tag_node_id).collect();
    // Each creation takes a part of a tick, so several of these see a tick pass by.
    for _ in 0..20 {
        let client = Client::connect(&plc.endpoint_url()).await;
        let (_, mut values) = client.watch(&ids, Duration::from_millis(10), 0.0, 1000).await;
        tokio::time::timeout(PATIENCE, check_contiguous(&mut values, 1000, 5)).await.unwrap();
        client.disconnect().await;
    }
    plc.stop().await;
}

#[tokio::test]
async fn each_subscription_of_each_client_gets_every_tick() {
    let plc = Plc::start(PlcOptions { load_tags: 5, load_rate_hz: 50.0, ..PlcOptions::default() }).await.unwrap();
    let ids: Vec<String> = (1..=5).map(load_tag_node_id).collect();
    let (one, other) = (Client::connect(&plc.endpoint_url()).await, Client::connect(&plc.endpoint_url()).await);
    let publishing = Duration::from_millis(50);
    let mut streams = vec![
        one.watch(&ids, publishing, 0.0, 100).await.1,
        one.watch(&ids, publishing, 0.0, 100).await.1,
        other.watch(&ids, publishing, 0.0, 100).await.1,
    ];
    for values in &mut streams {
        tokio::time::timeout(PATIENCE, check_contiguous(values, 5, 50)).await.unwrap();
    }
    plc.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_exist_is_refused_and_the_others_are_watched() {
    let plc = Plc::start(PlcOptions { load_tags: 1, ..PlcOptions::default() }).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let ids = ["\"Machine\".\"Missing\"", "\"Load\".\"T0002\"", "\"Load\".\"T0001\""].map(str::to_owned);
    let (created, mut values) = client.watch(&ids, Duration::from_millis(20), 0.0, 10).await;
    assert_eq!(created, [StatusCode::BadNodeIdUnknown, StatusCode::BadNodeIdUnknown, StatusCode::Good]);
    let (item, _) = tokio::time::timeout(PATIENCE, values.recv()).await.unwrap().unwrap();
    assert_eq!(item, 2);
    plc.stop().await;
}

/// Of two writes within a sampling interval the server sends the second at the next sample, also where nothing comes after
/// it: 200 times, with pauses up to the interval.
#[tokio::test]
async fn the_last_of_two_quick_writes_always_arrives() {
    const TYPES: [&str; 4] = ["Int16", "Int32", "Float", "Double"];
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let ids = TYPES.map(|name| format!("\"Types\".\"{name}\""));
    let (_, mut values) = client.watch(&ids, Duration::from_millis(20), 50.0, 10).await;
    let write_all = async |number: i16| {
        let number_of_each: [Variant; 4] =
            [number.into(), i32::from(number).into(), f32::from(number).into(), f64::from(number).into()];
        for (id, value) in ids.iter().zip(number_of_each) {
            assert_eq!(client.write(id, value).await, StatusCode::Good, "{id}");
        }
    };
    for round in 0..50_i16 {
        write_all(1000 + 2 * round).await;
        // The passing of time is what this is about.
        tokio::time::sleep(Duration::from_millis(u64::from(round.unsigned_abs() % 25) + 25)).await;
        let last = 1001 + 2 * round;
        write_all(last).await;
        let mut waiting: Vec<usize> = (0..TYPES.len()).collect();
        let all_came = async {
            while !waiting.is_empty() {
                let (item, value) = values.recv().await.expect("the subscription should live on");
                let is_last = value.value.and_then(|value| value.as_f64()) == Some(f64::from(last));
                waiting.retain(|other| *other != item || !is_last);
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), all_came).await;
        assert!(waited.is_ok(), "round {round}: the last values of {waiting:?} never came");
    }
    plc.stop().await;
}

#[tokio::test]
async fn a_forced_fault_shows_in_the_watched_vibration() {
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    let vibration = ["\"Machine\".\"Vibration\"".to_owned()];
    let (_, mut values) = client.watch(&vibration, Duration::from_millis(50), 0.0, 10).await;

    plc.start_fault();
    let grown = async { while values.recv().await.unwrap().1.value.unwrap().as_f64().unwrap() < 4.0 {} };
    tokio::time::timeout(PATIENCE, grown).await.unwrap();
    plc.stop().await;
}
