//! Nodes that go and come back, descriptions in unusual forms, timestamps that are no times.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tagwise_tests::{Adapter, UaServer, run_to_end};

use crate::odd_stand::{SOON, WITH_METADATA, count_after, heard, heard_after, odd, tag};

/// How soon a node that is there again has to have values.
const HEALED: Duration = Duration::from_secs(8);

async fn a_node_goes_and_comes_back(more: &str) -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    stand.server.add_node("Goes").await?;
    let tags = format!("{WITH_METADATA}{}{}", tag("goes", "Goes", more), tag("counter", "Counter1", ""));
    let mut adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "goes", 5).await?;
    for _ in 0..2 {
        let mark = stand.probe.mark();
        stand.server.tell("delete-node Goes").await?;
        let is_gone = |json: &Value| json["metadata"]["statusCode"]["symbol"] == "BadNodeIdUnknown";
        let message = heard_after(&stand.probe, mark, "goes", "the end of the node is told", is_gone).await?;
        ensure!(message["value"].is_null(), "{message}");
        adapter.readiness("the tag is among the refused", |reply| reply.body.contains("BadNodeIdUnknown")).await?;
        count_after(&stand.probe, stand.probe.mark(), "counter", 10).await?;
        let told = stand.probe.on_topic("goes").iter().filter_map(|m| m.json().ok()).filter(is_gone).count();
        stand.server.add_node("Goes").await?;
        let (mark, begun) = (stand.probe.mark(), Instant::now());
        heard_after(&stand.probe, mark, "goes", "the node has values", |json| json["value"].is_number()).await?;
        ensure!(begun.elapsed() < HEALED, "after {:?}", begun.elapsed());
        ensure!(told <= 2, "it is told once, not {told} times");
        adapter.readiness("the tag is none of the refused", |reply| !reply.body.contains("BadNodeIdUnknown")).await?;
    }
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscribed_node_that_comes_back_has_values() -> Result<()> {
    a_node_goes_and_comes_back("").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_node_that_comes_back_has_values() -> Result<()> {
    a_node_goes_and_comes_back(", subscription: { mode: poll, sampling_interval: 100ms }").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_type_counts_as_expanded_node_id_too() -> Result<()> {
    let Some(mut stand) = odd(&["data-type-expanded"]).await? else { return Ok(()) };
    let south = "southbound_mappings:\n  - { topic_filter: cmd, tag_name: int16 }\n";
    let tags = format!("tags:\n{}{south}", tag("int16", "Types.Int16", ""));
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    let verdict = stand.probe.request("cmd", "1234").await?;
    ensure!(verdict["outcome"] == "succeeded", "{verdict}");
    ensure!(stand.server.read("Types.Int16").await? == json!(1234), "it is written");
    let folder = tempfile::tempdir()?;
    let output = run_to_end(&["browse", &stand.server.url()], folder.path(), SOON).await?;
    let line = "Types.Int16  nsu=urn:tagwise:test;s=Types.Int16  Int16  read/write";
    ensure!(output.stdout.contains(line), "{output:?}");
    let arguments = ["read", &stand.server.url(), &UaServer::node("Types.Int16"), "--format", "json"];
    let output = run_to_end(&arguments, folder.path(), SOON).await?;
    let read: Value = serde_json::from_str(output.stdout.lines().next().context("a line")?)?;
    ensure!(read["dataType"] == "Int16" && read["value"] == 1234, "{read}");
    Ok(())
}

/// The ticks, and whether a time can be told by them.
const TICKS: [(&str, &str, bool); 9] = [
    ("zero", "0", false),
    ("minus_one", "-1", false),
    ("year_1", "-504911232000000000", false),
    ("least", "-9223372036854775808", false),
    ("last", "2650467743990000000", false),
    ("year_10000", "2650467744000000000", false),
    ("most", "9223372036854775807", false),
    ("before_last", "2650467743980000000", true),
    ("good", "now", true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_outside_the_calendar_count_as_absent() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let mut tags = WITH_METADATA.to_owned();
    for (name, _, _) in TICKS {
        for kind in ["source", "both"] {
            stand.server.tell(&format!("add-raw {kind}_{name} 0b0000000000000000 11")).await?;
            tags.push_str(&tag(&format!("{kind}_{name}"), &format!("{kind}_{name}"), ""));
        }
    }
    let adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    for (name, ticks, is_time) in TICKS {
        stand.server.tell(&format!("ticks source_{name} 7 {ticks} now")).await?;
        stand.server.tell(&format!("ticks both_{name} 7 {ticks} {ticks}")).await?;
        for (kind, instead) in [("source", "server"), ("both", "receipt")] {
            let topic = format!("{kind}_{name}");
            let message = heard(&stand.probe, &topic, &format!("{topic} came"), |json| json["value"] == 7.0).await?;
            let source = &message["metadata"]["timestampSource"];
            let time = message["timestamp"].as_i64().context("a timestamp")?;
            let is_right = if is_time { source.is_null() } else { source == instead };
            ensure!(
                is_right && (time > 1_700_000_000_000) && (is_time || time < 4_000_000_000_000),
                "{topic}: {message}"
            );
        }
    }
    ensure!(!adapter.log()?.contains("10000-") && !adapter.log()?.contains("-11644"), "{}", adapter.log()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn date_times_outside_the_calendar_are_clamped() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let mut tags = WITH_METADATA.to_owned();
    for (name, ticks, _) in TICKS.iter().filter(|(_, ticks, _)| *ticks != "now") {
        // Little endian, as the wire has it.
        let bytes = ticks.parse::<i64>()?.swap_bytes();
        stand.server.tell(&format!("add-raw {name} 0d{bytes:016x} 13")).await?;
        tags.push_str(&tag(name, name, ""));
    }
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    for (name, ticks, is_time) in TICKS.iter().filter(|(_, ticks, _)| *ticks != "now") {
        let message = heard(&stand.probe, name, &format!("{name} came"), |_| true).await?;
        let wanted = match (is_time, ticks.starts_with('-') || *ticks == "0") {
            (true, _) => "9999-12-31T23:59:58Z",
            (false, true) => "1601-01-01T00:00:00Z",
            (false, false) => "9999-12-31T23:59:59Z",
        };
        ensure!(message["value"] == wanted, "{name}: {message}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_have_the_form_of_their_node_whatever_the_wire_has() -> Result<()> {
    let Some(mut stand) = odd(&["bytes"]).await? else { return Ok(()) };
    let mut text = "tags:\n".to_owned();
    let nodes = [("array", "ArrayAsString"), ("string", "StringAsArray"), ("flips", "Flips")];
    text.extend(nodes.iter().map(|(name, node)| tag(name, node, "")));
    text.push_str("southbound_mappings:\n  - { topic_filter: cmd/array, tag_name: array }\n");
    text.push_str("  - { topic_filter: cmd/string, tag_name: string }\n");
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    let (array, string) = (json!([1, 2, 255]), json!("AQL/"));
    for (topic, wanted) in [("array", &array), ("string", &string), ("flips", &array)] {
        let message = heard(&stand.probe, topic, &format!("{topic} came"), |_| true).await?;
        ensure!(&message["value"] == wanted, "{topic}: {message}");
    }
    stand.server.tell("flip array").await?;
    heard(&stand.probe, "flips", "the same form", |json| json["value"] == json!([7, 2, 255])).await?;
    for (topic, value) in [("cmd/array", json!([9, 8, 7])), ("cmd/string", json!("CQgH"))] {
        let verdict = stand.probe.request(topic, &json!({ "value": value }).to_string()).await?;
        ensure!(verdict["outcome"] == "succeeded", "what is received can be sent back, {topic}: {verdict}");
    }
    Ok(())
}
