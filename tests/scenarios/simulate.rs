//! `tagwise simulate`: the PLC of the demo alone, for load and for other people's tests.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MqttProbe, PATIENCE, Process, Signal, Simulator, SimulatorOptions, free_port,
    peer_or_skip, run_to_end, tagwise_binary,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_where_it_is_and_ends_by_itself_after_its_duration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let arguments = ["simulate", "--tags", "1000", "--rate", "10", "--duration", "2s", "--listen", &listen];
    let started = Instant::now();
    let output = run_to_end(&arguments, folder.path(), PATIENCE).await?;
    assert!(started.elapsed() >= Duration::from_secs(2), "it ended early: {output:?}");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with(&format!("opc.tcp://{listen}")), "{output:?}");
    assert_eq!(output.stderr, "", "nothing is wrong");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_it_in_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(tagwise_binary()?);
    command.args(["simulate", "--listen", "127.0.0.1:0"]);
    let mut simulator = Process::spawn("simulator", &mut command, folder.path())?;
    let endpoint = simulator.stdout_line("opc.tcp://127.0.0.1:", PATIENCE).await?;
    assert_ne!(endpoint.trim_end_matches('/'), "0", "port 0 takes a free one and says which");
    simulator.signal(Signal::Interrupt)?;
    assert_eq!(simulator.exit_within(PATIENCE).await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_no_place_to_listen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let listen = taken.local_addr()?.to_string();
    let output = run_to_end(&["simulate", "--listen", &listen], folder.path(), PATIENCE).await?;
    assert_eq!(output.code, Some(1), "whoever names a port gets it or an error: {output:?}");
    assert!(output.stderr.contains(&listen), "it says which: {output:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_a_thousand_tags_ticks() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_with(SimulatorOptions { tags: 1000, rate: Some(10.0), user: None }).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let tags = ["T0001", "T1000"]
        .map(|tag| format!("  - {{ name: {tag}, node: '{}', topic: load/{tag} }}\n", Simulator::node("Load", tag)));
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.with(&format!("tags:\n{}", tags.concat()));
    let _adapter = Adapter::start(&mapping).await?;
    probe.wait_for_count("load/T1000", 20).await?;
    probe.wait_for_count("load/T0001", 20).await.map(drop)
}
