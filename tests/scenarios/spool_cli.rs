//! `tagwise spool` says what waits on the disk, while an adapter runs and after it was killed, and changes nothing.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{
    Adapter, Mapping, Metrics, Mosquitto, MqttProbe, Simulator, SimulatorOptions, peer_or_skip, run_to_end,
};

use crate::values::load_tags;

const DEADLINE: Duration = Duration::from_secs(30);

async fn spool(directory: &Path, arguments: &[&str]) -> Result<String> {
    let arguments: Vec<&str> = ["spool"].iter().chain(arguments).copied().collect();
    let output = run_to_end(&arguments, directory, DEADLINE).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    Ok(output.stdout)
}

async fn stat(directory: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&spool(directory, &["stat", "line1.yaml", "--format", "json"]).await?)?)
}

/// The lane of values of the one broker.
fn values(stat: &Value) -> Result<&Value> {
    let lanes = stat["brokers"][0]["lanes"].as_array().context("no lanes")?;
    lanes.iter().find(|lane| lane["lane"] == "values").with_context(|| format!("no values in {stat}"))
}

/// All files below a directory, with their bytes.
fn content(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(content(&path)?);
        } else {
            files.insert(path.display().to_string(), fs::read(&path)?);
        }
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_told_and_exported_and_is_what_a_consumer_then_gets() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 5, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&load_tags(5, ""));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0005", 5).await?;
    broker.kill()?;
    let has_backlog = |metrics: &Metrics| metrics.sum("tagwise_spool_messages", &[]) >= 100.0;
    adapter.metrics_where("a backlog has grown", has_backlog).await?;

    // While it runs, under its hands.
    let directory = adapter.directory().to_owned();
    let running = stat(&directory).await?;
    assert_eq!(running["heldBy"], adapter.id()?.to_string(), "{running}");
    assert!(values(&running)?["messages"].as_u64() >= Some(100), "{running}");
    assert_eq!(values(&running)?["damagedSegments"], 0, "{running}");
    adapter.ensure_running()?;
    let text = spool(&directory, &["stat", "--dir", "state/line1", "--by-mapping"]).await?;
    assert!(text.contains("in use by process") && text.contains("load/T0005  tag "), "{text}");

    adapter.kill()?;
    let before = content(&directory.join("state"))?;
    let killed = stat(&directory).await?;
    let exported = spool(&directory, &["export", "line1.yaml", "--lane", "values"]).await?;
    spool(&directory, &["export", "--dir", "state/line1", "--lane", "values", "--output", "waiting.jsonl"]).await?;
    assert_eq!(fs::read_to_string(directory.join("waiting.jsonl"))?, exported);
    assert_eq!(content(&directory.join("state"))?, before, "looking changes nothing");
    assert_eq!(killed["heldBy"], Value::Null);
    let lines = exported.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(values(&killed)?["messages"], lines.len(), "{killed}");
    assert_eq!(values(&killed)?["mappings"].as_array().map(Vec::len), Some(5), "{killed}");

    let mark = probe.mark();
    broker.resume().await?;
    adapter.resume()?;
    let last = lines.iter().rev().find(|line| line["topic"] == "load/T0005").context("nothing of T0005")?;
    let is_last = |payload: &Value| payload["sequence"] == last["sequence"] && payload["epoch"] == last["epoch"];
    probe
        .wait_after(mark, "the last exported value came", |message| {
            message.topic == "load/T0005" && message.json().is_ok_and(|payload| is_last(&payload))
        })
        .await?;
    let messages = probe.messages().split_off(mark);
    for tag in 1..=5 {
        let topic = format!("load/T{tag:04}");
        let epoch = &last["epoch"];
        let payloads = messages.iter().filter(|message| message.topic == topic).map(tagwise_tests::Message::json);
        let received: Vec<Value> = payloads.collect::<Result<_>>()?;
        let received: Vec<&Value> = received.iter().filter(|payload| payload["epoch"] == *epoch).collect();
        let waited: Vec<&Value> =
            lines.iter().filter(|line| line["topic"] == topic.as_str()).map(|line| &line["payload"]).collect();
        // The tags' last values may still be on their way; what has come is what was exported, from the first one on.
        assert!(waited.windows(2).all(|pair| pair[0]["sequence"].as_u64() < pair[1]["sequence"].as_u64()), "{topic}");
        let both = received.len().min(waited.len());
        assert!(both > 10, "{topic}: {} received, {} exported", received.len(), waited.len());
        assert_eq!(received[..both], waited[..both], "{topic}");
    }
    Ok(())
}

#[tokio::test]
async fn a_place_without_a_spool_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = async |arguments: &[&str]| run_to_end(arguments, folder.path(), DEADLINE).await;
    let output = run(&["spool", "stat", "--dir", "nowhere"]).await?;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("nowhere/spool") && output.stderr.contains("adapter.state_dir"), "{output:?}");
    fs::write(folder.path().join("bad.yaml"), "version: 1\n")?;
    assert_eq!(run(&["spool", "export", "bad.yaml"]).await?.code, Some(78));
    assert_eq!(run(&["spool", "stat"]).await?.code, Some(2));
    fs::create_dir_all(folder.path().join("state/spool/cloud"))?;
    let output = run(&["spool", "export", "--dir", "state", "--broker", "cluod"]).await?;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("there is: cloud"), "{output:?}");
    Ok(())
}
