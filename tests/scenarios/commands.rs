//! Commands reach the PLC as the node's own type, and each gets its verdict.

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Simulator, UaServer, peer_or_skip};

/// Tags and southbound mappings on `cmd/<name>` for nodes of asyncua.
pub(crate) fn writable(names: &[&str]) -> String {
    let tags = names.iter().map(|name| {
        let node = UaServer::node(&format!("Types.{name}"));
        format!("  - {{ name: {name}, node: '{node}' }}\n")
    });
    let mappings = names.iter().map(|name| format!("  - {{ topic_filter: cmd/{name}, tag_name: {name} }}\n"));
    let head = |text: &str| std::iter::once(text.to_owned());
    head("tags:\n").chain(tags).chain(head("southbound_mappings:\n")).chain(mappings).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_written_as_the_type_of_its_node() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let cases: [(&str, Value); 12] = [
        ("Float", json!(1.5)),
        ("Double", json!(7)),
        ("SByte", json!(-5)),
        ("Byte", json!(200)),
        ("Int16", json!(1500)),
        ("UInt16", json!(60000)),
        ("Int32", json!(-70000)),
        ("UInt32", json!(4_000_000_000_u32)),
        ("Int64", json!(9_007_199_254_740_993_i64)),
        ("UInt64", json!(18_446_744_073_709_551_614_u64)),
        ("String", json!("grün")),
        ("Boolean", json!(false)),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, _)| *name).collect();
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&writable(&names));
    let adapter = Adapter::start(&mapping).await?;

    for (name, value) in &cases {
        let verdict = probe.request(&format!("cmd/{name}"), &json!({ "value": value }).to_string()).await?;
        assert_eq!(verdict["outcome"], "succeeded", "{name}: {verdict}");
        assert_eq!(verdict["tagName"], *name, "{verdict}");
        assert_eq!(verdict["value"], *value, "{verdict}");
        assert!(!verdict["completedAt"].is_null(), "{verdict}");
        let written = server.read(&format!("Types.{name}")).await?;
        assert_eq!(written.as_f64(), value.as_f64(), "{name}: {written}");
        assert_eq!(written.as_str(), value.as_str(), "{name}: {written}");
    }
    let metrics = adapter.http().metrics().await?;
    assert_eq!(metrics.sum("tagwise_commands_total", &[("result", "succeeded")]).to_string(), "12");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_scalar_and_a_path_into_any_json_will_do() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "tags:
  - {{ name: speed, node: '{}' }}
  - {{ name: label, node: '{}' }}
southbound_mappings:
  - {{ topic_filter: speed/set, tag_name: speed }}
  - {{ topic_filter: label/set, tag_name: label, value: $.order.name }}
",
        UaServer::node("Types.Int16"),
        UaServer::node("Types.String")
    ));
    let _adapter = Adapter::start(&mapping).await?;
    assert_eq!(probe.request("speed/set", "321").await?["outcome"], "succeeded");
    assert_eq!(server.read("Types.Int16").await?, json!(321));
    let payload = json!({"order": {"name": "A7", "size": 3}, "id": "order-1"}).to_string();
    let verdict = probe.request("label/set", &payload).await?;
    assert_eq!(verdict["outcome"], "succeeded", "{verdict}");
    assert_eq!(verdict["id"], "order-1", "{verdict}");
    assert_eq!(server.read("Types.String").await?, json!("A7"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_response_topic_the_verdict_goes_to_the_result_topic() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&format!(
        "tags:
  - {{ name: speed, node: '{}', topic: speed }}
southbound_mappings:
  - {{ topic_filter: speed/set, tag_name: speed, range: {{ min: 0, max: 3000 }} }}
",
        Simulator::node("Machine", "SpeedSetpoint")
    ));
    let _adapter = Adapter::start(&mapping).await?;
    probe.publish("speed/set", r#"{"value":1234}"#).await?;
    let verdict = probe.wait_for("the verdict came", |message| message.topic == "speed/set/result").await?;
    assert_eq!(verdict.json()?["outcome"], "succeeded", "{verdict:?}");
    let is_new_speed = |json: Value| json["value"] == 1234;
    probe
        .wait_for("the new speed came back", |message| {
            message.topic == "speed" && message.json().is_ok_and(is_new_speed)
        })
        .await?;
    Ok(())
}
