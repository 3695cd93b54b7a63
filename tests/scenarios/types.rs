//! Each OPC UA type becomes the right JSON, from two servers that encode independently.

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Simulator, UaServer, peer_or_skip};

/// What a node of each name in the simulator's `"Types"` shall become.
fn of_simulator() -> Vec<(&'static str, Value)> {
    vec![
        ("Boolean", json!(true)),
        ("SByte", json!(i8::MIN)),
        ("Byte", json!(u8::MAX)),
        ("Int16", json!(i16::MIN)),
        ("UInt16", json!(u16::MAX)),
        ("Int32", json!(i32::MIN)),
        ("UInt32", json!(u32::MAX)),
        ("Int64", json!(i64::MIN)),
        ("UInt64", json!(u64::MAX)),
        ("Float", json!(0.1)),
        ("Double", json!(f64::MAX)),
        ("String", json!("Prüfstand \"Ω\" \\ 🏭\nline 2\ttab")),
        ("DateTime", json!("2038-01-19T03:14:08.123456700Z")),
        ("Guid", json!("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ("ByteString", json!("AH+A/w==")),
        ("XmlElement", json!("<limit unit=\"mm/s\">4.5 &amp; less</limit>")),
        ("NodeId", json!("ns=3;s=\"Machine\".\"Vibration\"")),
        ("ExpandedNodeId", json!("nsu=http://www.siemens.com/simatic-s7-opcua;s=\"Machine\".\"Speed\"")),
        ("QualifiedName", json!({"name": "Vibration", "namespaceIndex": 3})),
        ("LocalizedText", json!({"locale": "de", "text": "Schwingung"})),
        ("Int16Array", json!([-32768, -1, 0, 1, 32767])),
        ("DoubleArray", json!([-1.5, 0.0, 2.5])),
        ("StringArray", json!(["", "a", "ü"])),
        ("NaN", Value::Null),
    ]
}

/// What a node of each name in asyncua's `Types` shall become.
fn of_asyncua() -> Vec<(&'static str, Value)> {
    vec![
        ("Boolean", json!(true)),
        ("SByte", json!(-128)),
        ("Byte", json!(255)),
        ("Int16", json!(-32768)),
        ("UInt16", json!(65535)),
        ("Int32", json!(i32::MIN)),
        ("UInt32", json!(u32::MAX)),
        ("Int64", json!(-9_007_199_254_740_993_i64)),
        ("UInt64", json!(u64::MAX)),
        ("Float", json!(0.1)),
        ("Double", json!(0.1)),
        ("String", json!("grün \"q\" \n")),
        ("DateTime", json!("2026-01-02T03:04:05.123456Z")),
        ("ByteString", json!("AAEH")),
        ("NaN", Value::Null),
        ("Int32Array", json!([1, 2, 3])),
        ("DoubleArray", json!([1.5, -2.0])),
        ("BooleanArray", json!([true, false])),
        ("StringArray", json!(["a", "ü"])),
    ]
}

async fn check(
    mapping: Mapping,
    node: impl Fn(&str) -> String,
    expected: &[(&str, Value)],
    broker: &Mosquitto,
) -> Result<()> {
    let probe = MqttProbe::connect(broker.access()).await?;
    let mut text = "defaults: { northbound_mapping: { include_metadata: true } }\ntags:\n".to_owned();
    for (name, _) in expected {
        text.extend([format!("  - {{ name: {name}, node: '{}', topic: types/{name} }}\n", node(name))]);
    }
    let _adapter = Adapter::start(&mapping.with(&text)).await?;
    for (name, value) in expected {
        let topic = format!("types/{name}");
        let message = probe.wait_for(&format!("{name} came"), |message| message.topic == topic).await?;
        assert_eq!(message.json()?["value"], *value, "{name}: {:?}", message.payload);
    }
    let not_a_number = probe.on_topic("types/NaN").remove(0).json()?;
    assert_eq!(not_a_number["metadata"]["number"], "NaN", "{not_a_number}");
    let float = probe.on_topic("types/Float").remove(0);
    assert!(float.payload.starts_with(b"{\"value\":0.1,"), "no digits that the Float never had: {:?}", float.payload);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_of_asyncua_becomes_the_right_json() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let mapping = Mapping::between(&server.url(), &broker.url())?;
    check(mapping, |name| UaServer::node(&format!("Types.{name}")), &of_asyncua(), &broker).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_of_the_simulated_plc_becomes_the_right_json() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let mapping = Mapping::between(&simulator.url(), &broker.url())?;
    check(mapping, |name| Simulator::node("Types", name), &of_simulator(), &broker).await
}
