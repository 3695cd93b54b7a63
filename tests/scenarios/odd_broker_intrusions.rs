//! Brokers that send what nobody asked for: no value is lost for it, and nothing falls over.

use std::time::Duration;

use anyhow::{Result, ensure};
use tagwise_tests::{Behaviour, PATIENCE};

use crate::odd_broker_stand::{SOON, Terms, V3, V5};

/// Each connection gets these bytes half a second after its CONNACK, until they no longer come; `is_harmless` when they
/// are no reason to end it. Where they are one, it may be ended or not.
async fn intruded(version: &'static str, bytes: &[u8], is_harmless: bool) -> Result<()> {
    let behaviour = Behaviour::default().intruding(Duration::from_millis(500), bytes);
    let mut stand = Terms::of(version).load(10, 10.0, "").stand(behaviour).await?;
    stand.flows("load/", 100, SOON).await?;
    if is_harmless {
        stand.at_most(1)?;
    }
    stand.at_most(30)?;
    stand.broker.behave(Behaviour::default());
    stand.flows("load/", 200, PATIENCE).await?;
    let health = stand.adapter.http().get("/healthz").await?;
    ensure!(health.status == 200, "{}", health.body);
    let usage = tagwise_tests::Usage::of(stand.adapter.id()?)?;
    ensure!(usage.peak_resident_bytes < 200 << 20, "{usage:?}");
    stand.everything_arrives(PATIENCE).await?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_puback_for_an_id_that_is_not_in_flight_is_harmless() -> Result<()> {
    intruded(V5, &[0x40, 2, 0xff, 0xfe], true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_puback_for_an_id_that_is_not_in_flight_is_harmless_by_the_old_version() -> Result<()> {
    intruded(V3, &[0x40, 2, 0xff, 0xfe], true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pong_that_was_not_asked_for_is_harmless() -> Result<()> {
    intruded(V5, &[0xd0, 0, 0xd0, 0], true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auth_that_was_not_asked_for_costs_no_value() -> Result<()> {
    intruded(V5, &[0xf0, 2, 0x18, 0], false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_auth_costs_no_value() -> Result<()> {
    intruded(V5, &[0xf0, 0], false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pubrel_costs_no_value() -> Result<()> {
    intruded(V5, &[0x62, 2, 0, 1], false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connack_costs_no_value() -> Result<()> {
    intruded(V5, &[0x20, 3, 0, 0, 0], false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_mqtt_cost_no_value() -> Result<()> {
    intruded(V5, b"HTTP/1.1 400 Bad Request\r\n\r\n", false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_of_256_megabytes_costs_neither_memory_nor_a_value() -> Result<()> {
    intruded(V5, &[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a'], false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_never_ends_costs_no_value() -> Result<()> {
    intruded(V3, &[0x30, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], false).await
}
