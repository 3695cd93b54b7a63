//! `tagwise watch`: values as they change, a line for each where there is no terminal.

use std::{fs, time::Duration};

use anyhow::Result;
use tagwise_tests::{Simulator, UaServer, free_port, peer_or_skip, run_to_end};

const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_a_line_until_there_are_enough() -> Result<()> {
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let (folder, node) = (tempfile::tempdir()?, UaServer::node("Counter1"));
    let arguments = ["watch", &server.url(), &node, "--count", "5", "--duration", "30s"];
    let output = run_to_end(&arguments, folder.path(), DEADLINE).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut last = f64::MIN;
    for line in output.stdout.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!((fields.len(), fields[1], fields[3]), (4, node.as_str(), "Good"), "{line}");
        let value: f64 = fields[2].parse()?;
        assert!(value > last, "{}", output.stdout);
        last = value;
    }
    assert_eq!(output.stdout.lines().count(), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tags_of_a_mapping_are_watched_by_their_names() -> Result<()> {
    let simulator = Simulator::start().await?;
    let folder = tempfile::tempdir()?;
    let text = format!(
        "version: 1
opcua: {{ uri: '{}', security: {{ policy: none }} }}
broker: {{ url: mqtt://127.0.0.1 }}
tags:
  - {{ name: one, node: '{}', topic: one }}
  - {{ name: two, browse_path: 'nsu=http://www.siemens.com/simatic-s7-opcua;PLC/DataBlocksGlobal/Machine/Speed', topic: two }}
",
        simulator.url(),
        Simulator::node("Machine", "Vibration"),
    );
    fs::write(folder.path().join("line1.yaml"), text)?;
    let watch = async |arguments: &[&str]| {
        let arguments: Vec<&str> = ["watch", "--config", "line1.yaml"].iter().chain(arguments).copied().collect();
        run_to_end(&arguments, folder.path(), DEADLINE).await
    };
    let all = watch(&["--count", "8"]).await?;
    assert!(all.stdout.contains("\tone\t") && all.stdout.contains("\ttwo\t"), "{all:?}");
    let one = watch(&["two", "--count", "3"]).await?;
    assert!(one.code == Some(0) && !one.stdout.contains("\tone\t"), "{one:?}");
    Ok(())
}

#[tokio::test]
async fn without_a_value_in_time_a_script_learns_of_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("opc.tcp://127.0.0.1:{}", free_port()?);
    let output = run_to_end(&["watch", &url, "i=2258", "--duration", "1s"], folder.path(), DEADLINE).await?;
    assert!(output.code == Some(1) && output.stderr.contains("refuses the connection"), "{output:?}");
    assert_eq!(run_to_end(&["watch", &url], folder.path(), DEADLINE).await?.code, Some(2), "no node is named");
    Ok(())
}
