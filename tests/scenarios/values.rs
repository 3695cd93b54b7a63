//! Values arrive enriched, in order and without a hole in the sequence.

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, SequenceCheck, Simulator, SimulatorOptions, UaServer, peer_or_skip,
};

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_arrives_with_all_that_the_mapping_includes_in_the_promised_order() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "models:
  steady: {{ detector: {{ kind: ewma_z }}, training: {{ samples: 10 }} }}
tags:
  - {{ name: line1/counter, node: '{}' }}
northbound_mappings:
  - tag_name: line1/counter
    topic: plant/{{adapter}}/{{tag[-1]}}
    model: steady
    include_tag_names: true
    include_metadata: true
    mqtt_user_properties: {{ site: plant1 }}
    message_expiry_interval: 1h
    anomaly_user_properties: always
",
        UaServer::node("Counter1")
    ));
    let _adapter = Adapter::start(&mapping).await?;

    let messages = probe.wait_for_count("plant/line1/counter", 20).await?;
    SequenceCheck::check(&messages)?;
    let first = messages.first().context("no message")?.json()?;
    assert_eq!(keys(&first), ["value", "timestamp", "tagName", "epoch", "sequence", "metadata", "anomaly"]);
    assert_eq!(first["sequence"], 1);
    assert_eq!(first["tagName"], "line1/counter");
    assert!(first["metadata"]["flags"].to_string().contains("initial"), "{first}");
    assert_eq!(first["anomaly"]["status"], "warming_up");
    assert!(first["anomaly"]["label"].is_null() && first["anomaly"]["score"].is_null(), "{first}");

    let scored = probe
        .wait_for("a value is scored", |message| message.json().is_ok_and(|json| json["anomaly"]["status"] == "scored"))
        .await?;
    let json = scored.json()?;
    assert_eq!(keys(&json["anomaly"]), ["score", "threshold", "label", "status", "model", "version"]);
    assert_eq!(json["anomaly"]["model"], "steady");
    assert_eq!(json["metadata"]["statusCode"], serde_json::json!({"code": 0, "symbol": "Good"}));
    assert_eq!(json["timestamp"], json["metadata"]["sourceTimestamp"]);
    assert!(!scored.payload.contains(&b'\n'), "one line: {:?}", scored.payload);
    assert_eq!(scored.user_property("site"), Some("plant1"));
    assert_eq!(scored.user_property("anomaly-status"), Some("scored"));
    assert_eq!(scored.user_property("anomaly-model"), Some("steady"));
    assert_eq!(scored.user_property("anomaly-score"), Some(json["anomaly"]["score"].to_string().as_str()));
    assert_eq!(scored.user_property("anomaly-label"), Some(json["anomaly"]["label"].to_string().as_str()));
    let expiry = scored.expiry_seconds.context("no expiry")?;
    assert!((3500..=3600).contains(&expiry), "{expiry}");
    assert!(!scored.is_retained);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_short_form_sends_value_timestamp_and_identity() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let _adapter = Adapter::start(&mapping).await?;
    let messages = probe.wait_for_count("a/b", 5).await?;
    for message in &messages {
        assert_eq!(keys(&message.json()?), ["value", "timestamp", "epoch", "sequence"]);
        assert!(message.user_properties.is_empty(), "{message:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_of_two_hundred_tags_is_lost_or_overtaken() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = SimulatorOptions { tags: 200, rate: Some(10.0), user: None };
    let simulator = Simulator::start_with(options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .publishing(std::time::Duration::from_millis(500), 0)
        .with(&load_tags(200, ""));
    let _adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T0200", 60).await?;

    let messages = probe.messages();
    let check = SequenceCheck::check(&messages)?;
    assert_eq!(check.series_count(), 200);
    // The counter in the value tells what the sequence cannot: whether the server's values all came.
    for number in 1..=200 {
        let topic = format!("load/T{number:04}");
        let counters: Vec<f64> = messages
            .iter()
            .filter(|message| message.topic == topic)
            .filter_map(|message| message.json().ok()?["value"].as_f64())
            .collect();
        for pair in counters.windows(2) {
            assert!((pair[1] - pair[0] - 1.0).abs() < 1e-9, "{topic} goes from {} to {}", pair[0], pair[1]);
        }
    }
    Ok(())
}

/// `tags:` for the simulator's load tags on `load/<tag>`, each with `more` keys.
pub(crate) fn load_tags(count: usize, more: &str) -> String {
    let tags = (1..=count).map(|number| {
        let node = Simulator::node("Load", &format!("T{number:04}"));
        format!("  - {{ name: T{number:04}, node: '{node}', topic: load/T{number:04}{more} }}\n")
    });
    std::iter::once("tags:\n".to_owned()).chain(tags).collect()
}
