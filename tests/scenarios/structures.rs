//! Structures, enumerations and members of structures, from two servers that encode independently.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tagwise_tests::{
    Adapter, Mapping, Message, Mosquitto, MqttProbe, Simulator, UaServer, UaServerOptions, peer_or_skip,
};

/// Each server has it: a structure of OPC UA's own, with an enumeration in it.
const SERVER_STATUS: &str = "i=2256";

/// A tag's further keys, its node, what its first value shall be, and `metadata.number`.
struct Case {
    name: &'static str,
    node: &'static str,
    keys: &'static str,
    value: Value,
    number: Value,
}

fn case(name: &'static str, node: &'static str, keys: &'static str, value: Value) -> Case {
    Case { name, node, keys, value, number: Value::Null }
}

async fn check(mapping: Mapping, node: impl Fn(&str) -> String, cases: &[Case], broker: &Mosquitto) -> Result<()> {
    let probe = MqttProbe::connect(broker.access()).await?;
    let mut text = "defaults: { northbound_mapping: { include_metadata: true } }\ntags:\n".to_owned();
    for Case { name, node: id, keys, .. } in cases {
        let id = if id.starts_with("i=") { (*id).to_owned() } else { node(id) };
        text.extend([format!("  - {{ name: {name}, node: '{id}', topic: structures/{name}{keys} }}\n")]);
    }
    let _adapter = Adapter::start(&mapping.with(&text)).await?;
    for Case { name, value, number, .. } in cases {
        let first = first(&probe, name).await?.json()?;
        assert_eq!(first["value"], *value, "{name}: {first}");
        assert_eq!(first["metadata"]["number"], *number, "{name}: {first}");
        assert_eq!(first["metadata"]["flags"], json!(["initial"]), "{name}: {first}");
    }
    Ok(())
}

async fn first(probe: &MqttProbe, name: &str) -> Result<Message> {
    let topic = format!("structures/{name}");
    probe.wait_for(&format!("{name} came"), |message| message.topic == topic).await?;
    probe.on_topic(&topic).into_iter().next().context("no message")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structures_of_asyncua_are_objects_from_their_first_value_on() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = UaServerOptions { structures: true, ..UaServerOptions::default() };
    let server = UaServer::start_with(peer_or_skip!(Asyncua), options).await?;
    let machine = |name: &str, state: Value| {
        json!({
            "name": name,
            "state": state,
            "position": {"x": 0.5, "y": -0.5},
            "points": [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": null}],
            "counts": [1, 2],
        })
    };
    let with = |mut object: Value, name: &str, value: Value| {
        object[name] = value;
        object
    };
    let mut cases = vec![
        case("point", "Structures.Point", "", json!({"x": 1.5, "y": 2.5})),
        case("machine", "Structures.Machine", "", with(machine("M1", json!(2)), "note", json!("new"))),
        case(
            "named",
            "Structures.Machine",
            ", enumeration: name",
            with(machine("M1", json!("Running")), "note", json!("new")),
        ),
        case(
            "machines",
            "Structures.Machines",
            "",
            json!([machine("M1", json!(2)), with(machine("M2", json!(2)), "extra", json!(7.5))]),
        ),
        case("choice", "Structures.Choice", "", json!({"text": "chosen"})),
        case("state", "Structures.State", "", json!(2)),
        case("state_name", "Structures.State", ", enumeration: name", json!("Running")),
        case("matrix", "Structures.Matrix", "", json!([[1, 2, 3], [4, 5, 6]])),
        case("mixed", "Structures.Mixed", "", json!([1, "a", {"x": 1.0, "y": 2.0}])),
        case("x", "Structures.Machine", ", field: position.x", json!(0.5)),
        case("second_x", "Structures.Machines", ", field: '[1].points[1].x'", json!(3.0)),
        case("absent", "Structures.Machine", ", field: extra", Value::Null),
        case("server_state", SERVER_STATUS, ", field: State, enumeration: name", json!("Running")),
        case("cell", "Structures.Matrix", ", field: '[1][2]'", json!(6)),
    ];
    let not_a_number = json!({"points[1].y": "NaN"});
    for case in &mut cases {
        match case.name {
            "machine" | "named" => case.number = not_a_number.clone(),
            "machines" => case.number = json!({"[0].points[1].y": "NaN", "[1].points[1].y": "NaN"}),
            _ => {}
        }
    }
    check(Mapping::between(&server.url(), &broker.url())?, UaServer::node, &cases, &broker).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structures_of_the_simulator_are_objects_from_their_first_value_on() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let motor = |name: &str, speed: Value, state: Value| {
        json!({
            "name": name,
            "speed": speed,
            "state": state,
            "limits": {"low": 0.5, "high": 4.5},
            "temperatures": [20.5, 21.5],
        })
    };
    let mut motors =
        case("motors", "Motors", "", json!([motor("M1", json!(1500.0), json!(2)), motor("M2", Value::Null, json!(0))]));
    motors.number = json!({"[1].speed": "NaN"});
    let cases = [
        case("limits", "Limits", "", json!({"low": 0.5, "high": 4.5})),
        case("motor", "Motor", ", enumeration: name", motor("M1", json!(1500.0), json!("Running"))),
        motors,
        case("state", "State", ", enumeration: name", json!("Running")),
        case("server_state", SERVER_STATUS, ", field: State, enumeration: name", json!("Running")),
        case("high", "Motor", ", field: limits.high", json!(4.5)),
    ];
    let node = |name: &str| Simulator::node("Types", name);
    check(Mapping::between(&simulator.url(), &broker.url())?, node, &cases, &broker).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_not_there_is_null_and_the_log_names_what_is() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let node = Simulator::node("Types", "Motor");
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&format!(
        "defaults: {{ northbound_mapping: {{ include_metadata: true }} }}\n\
         tags:\n  - {{ name: wrong, node: '{node}', topic: structures/wrong, field: limits.hihg, model: ewma_z }}\n"
    ));
    let adapter = Adapter::start(&mapping).await?;
    let message = first(&probe, "wrong").await?.json()?;
    assert_eq!(
        (&message["value"], &message["metadata"]["flags"]),
        (&Value::Null, &json!(["initial", "missing_field"]))
    );
    assert_eq!(message["anomaly"]["status"], "not_numeric", "{message}");
    let log = adapter.log()?;
    assert!(log.contains("`Limits` has no member `hihg`; it has low, high"), "{log}");
    Ok(())
}
