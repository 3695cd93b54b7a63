//! Commands never come late, and one slow node holds up no other.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_json::json;
use tagwise_tests::{Adapter, Message};

use crate::{
    odd_stand::{counted, heard, odd, tag},
    stacks::Stand,
};

const SLOW: usize = 7;

/// Nodes whose writes are answered late, and a healthy one.
async fn slow_nodes(stand: &mut Stand, more: &str) -> Result<String> {
    let mut tags = "tags:\n".to_owned();
    let mut mappings = "southbound_mappings:\n".to_owned();
    for number in 1..=SLOW {
        stand.server.tell(&format!("add-raw Slow{number} 0b0000000000000000 11")).await?;
        tags.push_str(&tag(&format!("slow{number}"), &format!("Slow{number}"), ""));
        writeln!(mappings, "  - {{ topic_filter: cmd/slow{number}, tag_name: slow{number}{more} }}")?;
    }
    tags.push_str(&tag("healthy", "Types.Double", ""));
    writeln!(mappings, "  - {{ topic_filter: cmd/healthy, tag_name: healthy{more} }}")?;
    Ok(tags + &mappings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_node_is_written_at_once_beside_seven_slow_ones() -> Result<()> {
    let Some(mut stand) = odd(&["slow-writes:8"]).await? else { return Ok(()) };
    let text = slow_nodes(&mut stand, "").await?;
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    for number in 1..=SLOW {
        stand.probe.publish(&format!("cmd/slow{number}"), "1.5").await?;
    }
    counted(&mut stand.server, "slow writes", 1).await?;
    let begun = Instant::now();
    let verdict = stand.probe.request("cmd/healthy", "2.5").await?;
    ensure!(verdict["outcome"] == "succeeded", "{verdict}");
    ensure!(begun.elapsed() < Duration::from_secs(3), "a healthy node was written after {:?}", begun.elapsed());
    ensure!(stand.server.read("Types.Double").await? == json!(2.5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_has_waited_too_long_is_never_executed() -> Result<()> {
    let Some(mut stand) = odd(&["slow-writes:6"]).await? else { return Ok(()) };
    let text = slow_nodes(&mut stand, ", max_wait: 3s").await?;
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    // One lane a tag: the second waits for the first, which takes six seconds.
    stand.probe.publish("cmd/slow1", "1.5").await?;
    counted(&mut stand.server, "slow writes", 1).await?;
    let verdict = stand.probe.request("cmd/slow1", "2.5").await?;
    ensure!(verdict["outcome"] == "rejected" && verdict["reason"] == "expired", "{verdict}");
    ensure!(stand.server.count_of("slow writes").await? == 1, "it never reached the server");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expiry_that_is_no_age_does_not_make_a_command_young() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let text = format!(
        "tags:\n{}southbound_mappings:\n  - {{ topic_filter: cmd, tag_name: healthy, max_age: 5s }}\n",
        tag("healthy", "Types.Double", "")
    );
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    heard(&stand.probe, "healthy", "a value came", |_| true).await?;
    for (expiry, is_taken) in [(4_294_967_295, false), (6, false), (5, true), (2, true)] {
        let properties = PublishProperties {
            message_expiry_interval: Some(expiry),
            response_topic: Some(format!("reply/{expiry}")),
            ..PublishProperties::default()
        };
        stand.probe.publish_with("cmd", "3.5", false, properties).await?;
        let topic = format!("reply/{expiry}");
        let is_reply = |message: &Message| message.topic == topic;
        let verdict = stand.probe.wait_for("the verdict came", is_reply).await?.json()?;
        let wanted = if is_taken { "succeeded" } else { "rejected" };
        ensure!(verdict["outcome"] == wanted, "an expiry of {expiry} s: {verdict}");
        ensure!(is_taken || verdict["reason"] == "age_unknown", "an expiry of {expiry} s: {verdict}");
    }
    ensure!(stand.server.count_of("Write").await? == 2, "only the young ones were executed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_may_be_written_by_now_is_written() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let text = format!(
        "tags:\n{}southbound_mappings:\n  - {{ topic_filter: cmd, tag_name: healthy }}\n",
        tag("healthy", "Types.Double", "")
    );
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    heard(&stand.probe, "healthy", "a value came", |_| true).await?;
    stand.server.tell("writable Types.Double no").await?;
    let verdict = stand.probe.request("cmd", "2.5").await?;
    ensure!(verdict["reason"] == "not_writable", "{verdict}");
    stand.server.tell("writable Types.Double yes").await?;
    let verdict = stand.probe.request("cmd", "3.5").await?;
    ensure!(verdict["outcome"] == "succeeded", "{verdict}");
    Ok(())
}
