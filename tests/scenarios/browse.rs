//! `tagwise browse`: the tree of a real server, and a mapping of it that runs.

use std::{fs, time::Duration};

use anyhow::Result;
use serde_json::Value;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, Output, Simulator, SimulatorOptions, UaServer, UaServerOptions,
    peer_or_skip, run_to_end,
};

const DEADLINE: Duration = Duration::from_mins(1);

async fn browse(url: &str, options: &[&str]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let arguments: Vec<&str> = ["browse", url].iter().chain(options).copied().collect();
    run_to_end(&arguments, folder.path(), DEADLINE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_of_asyncua_ends_though_its_graph_has_a_loop() -> Result<()> {
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let output = browse(&server.url(), &[]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    for line in [
        "├─ Types.Int32Array  nsu=urn:tagwise:test;s=Types.Int32Array  Int32[?]  read/write",
        "├─ ReadOnly  nsu=urn:tagwise:test;s=ReadOnly  Double  read\n",
        "Analog  nsu=urn:tagwise:test;s=Analog  Double  read  °C",
        "EURange  nsu=urn:tagwise:test;s=Analog.Range  Range  read",
    ] {
        assert!(output.stdout.contains(line), "{line} is missing in\n{}", output.stdout);
    }
    assert_eq!(output.stdout.matches("Analog  nsu=").count(), 1, "each node once: {}", output.stdout);

    let some = browse(&server.url(), &["--match", "Types/*Array", "--type", "double", "--format", "json"]).await?;
    let list: Value = serde_json::from_str(&some.stdout)?;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{}", some.stdout);
    assert_eq!(list[0]["nodeId"], "nsu=urn:tagwise:test;s=Types.DoubleArray");
    assert_eq!((&list[0]["dataType"], &list[0]["writable"]), (&"Double".into(), &true.into()));

    let shallow = browse(&server.url(), &["--depth", "1"]).await?;
    assert!(shallow.stdout.contains("Types") && !shallow.stdout.contains("Counter1"), "{}", shallow.stdout);
    assert!(shallow.stderr.contains("--depth"), "{}", shallow.stderr);
    let few = browse(&server.url(), &["--max", "4"]).await?;
    assert!(few.stdout.lines().count() <= 4 && few.stderr.contains("--max"), "{few:?}");
    let below = browse(&server.url(), &["--from", "/nsu=urn:tagwise:test;Types/0:Analog"]).await?;
    assert!(below.stdout.starts_with("Analog  ") && below.stdout.contains("└─ EngineeringUnits"), "{}", below.stdout);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_more_nodes_than_one_answer_holds_is_shown_whole() -> Result<()> {
    let options = SimulatorOptions { tags: 2_500, rate: Some(0.1), ..SimulatorOptions::default() };
    let simulator = Simulator::start_with(options).await?;
    let output = browse(&simulator.url(), &["--match", "T????", "--type", "Double", "--format", "json"]).await?;
    let list: Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(list.as_array().map(Vec::len), Some(2_500));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mapping_that_is_printed_is_a_good_one_and_runs() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let user = Some(("edge".to_owned(), "hunter2".to_owned()));
    let options = UaServerOptions { user, ..UaServerOptions::default() };
    let server = UaServer::start_with(peer_or_skip!(Asyncua), options).await?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("password"), "hunter2\n")?;
    let arguments = ["browse", &server.url(), "--user", "edge", "--password-file", "password", "--emit-yaml"];
    let emitted = run_to_end(&arguments, folder.path(), DEADLINE).await?;
    assert_eq!(emitted.code, Some(0), "{emitted:?}");
    assert!(emitted.stdout.contains("   # Int32[?], read/write\n"), "{}", emitted.stdout);
    assert!(emitted.stdout.contains("unit: '°C'") && !emitted.stdout.contains("hunter2"), "{}", emitted.stdout);

    // The broker and the HTTP port are this test's; the rest runs as it was printed.
    let mapping = Mapping::between(&server.url(), &broker.url())?;
    let tags = emitted.stdout.split_once("\ntags:\n").map(|(_, tags)| tags).unwrap_or_default();
    let auth = "auth: { basic: { username: 'edge', password: \"${env:PLC_PASSWORD}\" } }";
    assert!(emitted.stdout.contains(auth), "{}", emitted.stdout);
    fs::write(folder.path().join("line1.yaml"), emitted.stdout.replace("${env:PLC_PASSWORD}", "hunter2"))?;
    let checked = run_to_end(&["check", "line1.yaml"], folder.path(), DEADLINE).await?;
    assert_eq!(checked.code, Some(0), "{checked:?}\n{}", emitted.stdout);

    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping =
        mapping.opcua("auth: { basic: { username: edge, password: hunter2 } }").with(&format!("tags:\n{tags}"));
    let _adapter = Adapter::start(&mapping).await?;
    for topic in ["Types/Counter1", "Types/Analog", "Types/Types.Int64"] {
        probe.wait_for(&format!("{topic} has a value"), |message| message.topic == topic).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_is_not_named_are_told_apart() -> Result<()> {
    let away = browse(&format!("opc.tcp://127.0.0.1:{}", tagwise_tests::free_port()?), &[]).await?;
    assert!(away.code == Some(1) && away.stderr.contains("refuses the connection"), "{away:?}");
    assert_eq!(browse("plc:4840", &[]).await?.code, Some(2));
    assert_eq!(browse("opc.tcp://plc", &["--from", "nonsense"]).await?.code, Some(2));
    assert_eq!(browse("opc.tcp://plc", &["--match", "[a"]).await?.code, Some(2));
    Ok(())
}
