//! Models that see more than a value: windows, other tags, and why they say what they say.

use anyhow::{Context, Result};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Simulator, SimulatorOptions, peer_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_and_other_tags_are_scored_and_an_anomaly_names_what_made_it() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let plc = Simulator::start_with(SimulatorOptions { tags: 1, rate: Some(20.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    // The load tag only ever grows, so that it soon leaves the range that it was trained on.
    let mapping = Mapping::between(&plc.url(), &broker.url())?.with(&format!(
        "models:
  joint:
    detector: {{ kind: isolation_forest }}
    features: [ {{ kind: window, size: 4, statistics: [ mean, slope ] }}, {{ kind: value, tag: speed }} ]
    guard: 0.2
    training: {{ samples: 15 }}
    explain: 2
tags:
  - {{ name: load, node: '{}', topic: plant/load, model: joint }}
  - {{ name: speed, node: '{}' }}
northbound_mappings:
  - {{ tag_name: speed, topic: plant/speed }}
",
        Simulator::node("Load", "T0001"),
        Simulator::node("Machine", "Speed"),
    ));
    let _adapter = Adapter::start(&mapping).await?;
    // Trained on so few values, it may find the speed odd first.
    let is_the_load = |json: serde_json::Value| {
        json["anomaly"]["label"] == 1 && json["anomaly"]["contributions"][0]["feature"] == "mean_4(load)"
    };
    let anomalous =
        probe.wait_for("the load is an anomaly", |message| message.json().is_ok_and(is_the_load)).await?.json()?;
    let contributions = anomalous["anomaly"]["contributions"].as_array().context("no contributions")?;
    assert!((1..=2).contains(&contributions.len()), "{anomalous}");
    assert!(contributions[0]["share"].as_f64().is_some_and(|share| share > 0.5), "{anomalous}");

    let filling = probe.wait_for_count("plant/load", 1).await?;
    assert_eq!(filling[0].json()?["anomaly"]["status"], "warming_up");
    Ok(())
}
