//! From labels to a retained alarm, to a bit in the PLC, and back.

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, PATIENCE, UaServer, peer_or_skip, wait_until};

use crate::support::{healthy, until_trained, write_column};

const ALARM_TOPIC: &str = "machine/vib/alarm";

/// Gives the node a value and waits for its message, so that no value overtakes the next in the server's queue.
async fn give(server: &mut UaServer, probe: &MqttProbe, value: f64) -> Result<Value> {
    server.write("Types.Double", &json!(value)).await?;
    let is_it = |json: &Value| json["value"].as_f64().is_some_and(|found| (found - value).abs() < 1e-9);
    let what = format!("{value} came");
    let message = probe
        .wait_for(&what, |message| message.topic == "machine/vib" && message.json().is_ok_and(|json| is_it(&json)));
    message.await?.json()
}

/// Waits for the bit as the PLC itself sees it.
async fn wait_for_bit(server: &mut UaServer, expected: bool) -> Result<()> {
    wait_until(&format!("the bit in the PLC is {expected}"), PATIENCE, async || {
        Ok((server.read("Types.Boolean").await? == json!(expected)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_raised_reaches_the_plc_and_is_cleared() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let training = tempfile::tempdir()?;
    let file = training.path().join("normal.csv");
    write_column(&file, "value", healthy(400, 10.5, 0.3))?;
    server.write("Types.Boolean", &json!(false)).await?;
    server.write("Types.Double", &json!(10.5)).await?;

    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "models:
  vibration: {{ detector: {{ kind: isolation_forest, seed: 7 }}, training: {{ file: '{}' }}, threshold: {{ contamination: 0.05 }} }}
tags:
  - {{ name: vibration, node: '{}' }}
  - {{ name: vib_alarm, node: '{}' }}
northbound_mappings:
  - tag_name: vibration
    topic: machine/vib
    model: vibration
    alarm: {{ topic: {ALARM_TOPIC}, raise_after: 3, clear_after: 4, severity: major, write_tag: vib_alarm }}
southbound_mappings:
  - {{ tag_name: vib_alarm }}
",
        file.display(),
        UaServer::node("Types.Double"),
        UaServer::node("Types.Boolean")
    ));
    let adapter = Adapter::start(&mapping).await?;
    until_trained(&adapter).await?;
    for (value, label) in [(10.45, 0), (90.0, 1), (91.0, 1)] {
        let json = give(&mut server, &probe, value).await?;
        assert_eq!(json["anomaly"]["label"], label, "{json}");
    }
    assert!(probe.on_topic(ALARM_TOPIC).is_empty(), "two are not yet three");
    let third = give(&mut server, &probe, 92.0).await?;
    let raised = probe.wait_for("the alarm is raised", |message| message.topic == ALARM_TOPIC).await?;
    let json = raised.json()?;
    assert!(raised.is_retained, "a dashboard that comes later sees it");
    for (key, value) in [("state", "active"), ("severity", "major"), ("tagName", "vibration"), ("model", "vibration")] {
        assert_eq!(json[key], value, "{json}");
    }
    assert_eq!(json["score"], third["anomaly"]["score"], "{json}");
    assert!(!json["since"].is_null() && json["peakScore"].is_number(), "{json}");
    wait_for_bit(&mut server, true).await?;
    let active = adapter.http().metrics().await?.sum("tagwise_alarms_active", &[("severity", "major")]);
    assert_eq!(active.to_string(), "1");

    for value in [10.41, 10.42, 10.43, 10.44] {
        give(&mut server, &probe, value).await?;
    }
    let cleared = probe
        .wait_for("the alarm is cleared", |message| message.topic == ALARM_TOPIC && message.payload.is_empty())
        .await?;
    assert!(cleared.is_retained, "an empty retained message takes the old one away");
    wait_for_bit(&mut server, false).await
}
