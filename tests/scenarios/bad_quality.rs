//! Bad quality is visible, and never scored.

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Message, Mosquitto, MqttProbe, UaServer, peer_or_skip};

fn status_of(message: &Message) -> String {
    message.json().map(|json| json["metadata"]["statusCode"]["symbol"].to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sensor_shows_in_metadata_and_is_not_scored() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let node = UaServer::node("Counter1");
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "models:
  steady: {{ detector: {{ kind: ewma_z }}, training: {{ samples: 10 }} }}
tags:
  - {{ name: sensor, node: '{node}', topic: all, model: steady, include_metadata: true }}
northbound_mappings:
  - {{ tag_name: sensor, topic: good_only, include_metadata: true, quality: {{ bad: drop }} }}
"
    ));
    let mut adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("good_only", 8).await?;
    server.set_status("Counter1", "BadSensorFailure").await?;
    let bad = probe.wait_for("the bad value came", |message| status_of(message).contains("BadSensorFailure")).await?;
    let json = bad.json()?;
    assert_eq!(json["metadata"]["statusCode"]["code"], 2_156_658_688_u32);
    assert_eq!(json["anomaly"]["status"], "bad_quality", "{json}");
    assert!(json["anomaly"]["label"].is_null(), "{json}");

    adapter
        .metrics_where("the bad value is counted", |metrics| {
            metrics.sum("tagwise_opcua_values_total", &[("quality", "bad")]) >= 1.0
        })
        .await?;
    probe.fence().await?;
    let dropped = probe.on_topic("good_only").iter().filter(|message| status_of(message).contains("Bad")).count();
    assert_eq!(dropped, 0, "what is to be dropped is not sent");
    adapter.ensure_running()
}
