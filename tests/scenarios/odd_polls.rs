//! A polled node that is never answered for holds up nobody, and one that is found later is like those found at once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tagwise_tests::Adapter;

use crate::odd_stand::{WITH_METADATA, count_after, counted, heard, heard_after, odd, tag};

const NAMES: [&str; 11] =
    ["Float", "Double", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "String"];
const POLL: &str = ", subscription: { mode: poll, sampling_interval: 200ms }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_node_that_is_never_answered_for_holds_up_nobody() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let tags: String = NAMES.iter().map(|name| tag(name, &format!("Types.{name}"), POLL)).collect();
    let tags = format!("{WITH_METADATA}{tags}{}", tag("counter", "Counter1", POLL));
    let mapping = stand.mapping(&stand.server.url())?.connection("request_timeout: 2s").with(&tags);
    let mut adapter = Adapter::start(&mapping).await?;
    heard(&stand.probe, "Int16", "the node has a value", |json| json["value"] == -32768).await?;
    let mark = stand.probe.mark();
    stand.server.tell("hang-reads Types.Int16").await?;
    let is_told = |json: &Value| json["metadata"]["statusCode"]["symbol"] == "BadTimeout";
    let message = heard_after(&stand.probe, mark, "Int16", "it is told", is_told).await?;
    ensure!(message["value"].is_null(), "{message}");
    adapter.readiness("the tag is among the refused", |reply| reply.body.contains("BadTimeout")).await?;
    let begun = Instant::now();
    let hung = stand.server.count_of("hung Read").await?;
    count_after(&stand.probe, stand.probe.mark(), "counter", 40).await?;
    ensure!(begun.elapsed() < Duration::from_secs(12), "40 rounds took {:?}", begun.elapsed());
    counted(&mut stand.server, "hung Read", hung + 1).await?;
    stand.server.write("Types.Int16", &json!(7)).await?;
    stand.server.tell("hang-reads").await?;
    heard_after(&stand.probe, mark, "Int16", "the node has values again", |json| json["value"] == 7).await?;
    adapter.readiness("the tag is none of the refused", |reply| !reply.body.contains("BadTimeout")).await?;
    let told = stand.probe.on_topic("Int16").iter().filter_map(|message| message.json().ok()).filter(is_told).count();
    ensure!(told == 1, "it is told once, not {told} times");
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_node_that_is_found_later_has_its_deadband_in_percent() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let tags = "tags:\n  - { name: level, browse_path: 'nsu=urn:tagwise:test;Types/0:Level', topic: level, \
                subscription: { mode: poll, sampling_interval: 100ms, deadband: { percent: 10 } } }\n";
    let mut adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(tags)).await?;
    adapter.readiness("the node is not found", |reply| reply.body.contains("BadNoMatch")).await?;
    stand.server.tell("add-analog Level 1000").await?;
    heard(&stand.probe, "level", "the node is found", |json| json["value"] == 0.0).await?;
    for (value, is_large) in [(50.0, false), (90.0, false), (150.0, true), (200.0, false), (300.0, true)] {
        stand.server.write("Level", &json!(value)).await?;
        if is_large {
            heard(&stand.probe, "level", &format!("{value} came"), |json| json["value"] == value).await?;
        } else {
            let rounds = stand.server.count_of("Read").await? + 3;
            counted(&mut stand.server, "Read", rounds).await?;
        }
    }
    let values: Vec<Value> =
        stand.probe.on_topic("level").iter().map(|m| Ok(m.json()?["value"].clone())).collect::<Result<_>>()?;
    ensure!(values == [json!(0.0), json!(150.0), json!(300.0)], "{values:?}");
    Ok(())
}
