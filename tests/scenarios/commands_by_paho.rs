//! A command from a client that is not ours gets its verdict by MQTT 5 request and response.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, UaServer, peer_or_skip, workspace_root};

use crate::commands::writable;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paho_gets_the_verdict_on_its_response_topic_with_its_correlation_data() -> Result<()> {
    let python = peer_or_skip!(Paho);
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&writable(&["Int16"]));
    let _adapter = Adapter::start(&mapping).await?;

    let mut request = Command::new(python);
    request.arg(workspace_root().join("tests/peers/paho_request.py"));
    request.args([&broker.access().port.to_string(), "cmd/Int16", r#"{"value":77}"#]);
    let output = tokio::task::spawn_blocking(move || request.output()).await??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer: Value =
        serde_json::from_str(&text).with_context(|| format!("{text:?} {}", String::from_utf8_lossy(&output.stderr)))?;
    assert_eq!(answer["correlation"], "paho-1");
    assert_eq!(answer["verdict"]["outcome"], "succeeded", "{answer}");
    assert_eq!(server.read("Types.Int16").await?, json!(77));
    Ok(())
}
