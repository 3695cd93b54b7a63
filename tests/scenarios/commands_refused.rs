//! Commands that must not reach the PLC do not, and are told why.

use anyhow::Result;
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, UaServer, peer_or_skip};

fn mapping(server: &UaServer, broker: &Mosquitto) -> Result<Mapping> {
    let text = format!(
        "tags:
  - {{ name: speed, node: '{}', topic: speed }}
  - {{ name: wide, node: '{}' }}
  - {{ name: fixed, node: '{}' }}
  - {{ name: absent, node: '{}' }}
southbound_mappings:
  - {{ topic_filter: speed/set, tag_name: speed, range: {{ min: 0, max: 3000 }} }}
  - {{ topic_filter: speed/fresh, tag_name: speed, max_age: 5s }}
  - {{ topic_filter: wide/set, tag_name: wide }}
  - {{ topic_filter: fixed/set, tag_name: fixed }}
  - {{ topic_filter: absent/set, tag_name: absent }}
",
        UaServer::node("Types.Int16"),
        UaServer::node("Types.Int32"),
        UaServer::node("ReadOnly"),
        UaServer::node("NoSuchNode")
    );
    Ok(Mapping::between(&server.url(), &broker.url())?.with(&text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_command_is_refused_for_its_own_reason_and_writes_nothing() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let adapter = Adapter::start(&mapping(&server, &broker)?).await?;
    let before = server.read("Types.Int16").await?;

    let cases = [
        ("speed/set", "{", "malformed"),
        ("speed/set", "", "malformed"),
        ("speed/set", r#"{"speed":5}"#, "malformed"),
        ("speed/set", r#"{"value":3001}"#, "out_of_range"),
        ("speed/set", r#"{"value":-1}"#, "out_of_range"),
        ("speed/set", r#"{"value":"fast"}"#, "wrong_type"),
        ("speed/set", r#"{"value":1.5}"#, "wrong_type"),
        ("speed/set", r#"{"value":true}"#, "wrong_type"),
        ("speed/set", r#"{"value":null}"#, "wrong_type"),
        ("speed/set", r#"{"value":[1]}"#, "wrong_type"),
        ("wide/set", r#"{"value":2147483648}"#, "out_of_range"),
        ("wide/set", r#"{"value":1e300}"#, "out_of_range"),
        ("fixed/set", r#"{"value":1.0}"#, "not_writable"),
        ("absent/set", r#"{"value":1.0}"#, "unknown_node"),
        ("speed/fresh", r#"{"value":100}"#, "age_unknown"),
        ("speed/fresh", r#"{"value":100,"timestamp":1000}"#, "too_old"),
    ];
    for (topic, payload, reason) in cases {
        let verdict = probe.request(topic, payload).await?;
        assert_eq!(verdict["outcome"], "rejected", "{topic} {payload}: {verdict}");
        assert_eq!(verdict["reason"], reason, "{topic} {payload}: {verdict}");
    }
    assert_eq!(server.read("Types.Int16").await?, before, "nothing was written");
    let metrics = adapter.http().metrics().await?;
    assert_eq!(metrics.sum("tagwise_commands_total", &[("result", "rejected")]).to_string(), cases.len().to_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_the_broker_has_kept_is_not_carried_out() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let kept = |value: i32| json!({ "value": value }).to_string();
    probe.publish_with("speed/set", &kept(700), true, PublishProperties::default()).await?;
    probe.fence().await?;
    let _adapter = Adapter::start(&mapping(&server, &broker)?).await?;

    // A command that is fresh gets through, so whatever came before it at the start has been dealt with.
    assert_eq!(probe.request("speed/set", &kept(800)).await?["outcome"], "succeeded");
    assert_eq!(server.read("Types.Int16").await?, json!(800));
    probe.publish_with("speed/set", &kept(900), true, PublishProperties::default()).await?;
    let is_refusal = |json: Value| json["reason"] == "retained" && json["outcome"] == "rejected";
    probe
        .wait_for("the retained command is refused", |message| {
            message.topic == "speed/set/result" && message.json().is_ok_and(is_refusal)
        })
        .await?;
    assert_eq!(server.read("Types.Int16").await?, json!(800));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_command_passes_the_check_of_its_age() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let _adapter = Adapter::start(&mapping(&server, &broker)?).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let payload = format!("{{\"value\":42,\"timestamp\":{now}}}");
    let verdict = probe.request("speed/fresh", &payload).await?;
    assert_eq!(verdict["outcome"], "succeeded", "{verdict}");
    assert_eq!(server.read("Types.Int16").await?, json!(42));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_a_command_is_refused_and_not_kept_for_later() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mut adapter = Adapter::start(&mapping(&server, &broker)?).await?;
    server.kill()?;
    adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
    let verdict = probe.request("speed/set", r#"{"value":500}"#).await?;
    assert_eq!(verdict["outcome"], "rejected", "{verdict}");
    assert_eq!(verdict["reason"], "not_connected", "{verdict}");
    server.resume().await?;
    adapter.ready().await?;
    let verdict = probe.request("wide/set", r#"{"value":5}"#).await?;
    assert_eq!(verdict["outcome"], "succeeded", "{verdict}");
    assert_ne!(server.read("Types.Int16").await?, json!(500), "it must not be written after all");
    Ok(())
}
