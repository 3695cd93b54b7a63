//! The whole-process measurement behind `cargo xtask bench`.
//!
//! The simulated PLC, the adapter, mosquitto and a measuring subscriber run as processes of their own. After that, a bare
//! OPC UA client receives the same load and a bare MQTT client publishes the same bytes, so that the adapter's cost can
//! be compared with what its two libraries cost by themselves. `receive` measures the OPC UA side alone, `deliver` the way
//! from the spool to the broker, and `spool` the spool while there is none. `link` and `backlog` measure the whole adapter
//! again, beside a bare loop over the packets that its link writes.

mod bare_mqtt;
mod bare_opcua;
mod broker_link;
mod delivery;
mod load;
mod mapping;
mod opcua_link;
mod receive;
mod report;
mod spooling;
mod subscriber;
mod tally;

use std::{env, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use load::Load;
use serde_json::Value;
use tagwise_tests::{Adapter, Mosquitto, Peer, Process, Simulator, SimulatorOptions};
use tokio::task;

/// Measures the adapter under load, next to bare clients.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    #[command(flatten)]
    load: Load,
    /// The detector on every tag, or `none`.
    #[arg(long, default_value = "isolation_forest")]
    model: String,
    #[command(subcommand)]
    role: Option<Role>,
}

/// Another measurement, or one of the processes that this program starts of itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// The OPC UA link alone beside a bare client, up to the queue behind it.
    Receive(receive::Arguments),
    /// The way from the spool to the broker's PUBACK, beside a bare client.
    Deliver(delivery::Arguments),
    /// A spool that fills without a broker, opens again and drains, beside a bare file and a bare client.
    Spool(spooling::Arguments),
    /// The whole adapter into brokers that grant windows of different sizes, beside a bare loop over the same packets.
    Link(broker_link::Arguments),
    /// Many values a second through the whole adapter, and a full spool that drains, beside a bare loop.
    Backlog(broker_link::BacklogArguments),
    #[command(hide = true)]
    BareLoop(broker_link::BareArguments),
    #[command(hide = true)]
    Swallow(broker_link::Target),
    #[command(hide = true)]
    OpcuaLink(opcua_link::Arguments),
    #[command(hide = true)]
    Subscriber(subscriber::Arguments),
    #[command(hide = true)]
    BareOpcua(bare_opcua::Arguments),
    #[command(hide = true)]
    BareMqtt(bare_mqtt::Arguments),
    #[command(hide = true)]
    ThroughSpool(delivery::SpoolArguments),
    #[command(hide = true)]
    Straight(delivery::BareArguments),
    #[command(hide = true)]
    Listener(delivery::ListenerArguments),
    #[command(hide = true)]
    Fill(spooling::FillArguments),
    #[command(hide = true)]
    BareFile(spooling::FileArguments),
    #[command(hide = true)]
    Drain(spooling::DrainArguments),
}

/// What the three measurements said.
#[derive(Debug)]
struct Results {
    adapter: Value,
    bare_opcua: Value,
    bare_mqtt: Value,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        None => compare(&arguments).await,
        Some(Role::Receive(arguments)) => receive::compare(&arguments).await,
        Some(Role::Link(arguments)) => broker_link::measure(&arguments).await,
        Some(Role::Backlog(arguments)) => broker_link::measure_backlog(&arguments).await,
        // On a thread of its own, so that no other thread waits for its socket.
        Some(Role::BareLoop(arguments)) => task::spawn_blocking(|| broker_link::run_bare(arguments)).await?,
        Some(Role::Swallow(target)) => broker_link::swallow(target).await,
        Some(Role::OpcuaLink(arguments)) => opcua_link::run(arguments).await,
        Some(Role::Subscriber(arguments)) => subscriber::run(arguments).await,
        Some(Role::BareOpcua(arguments)) => bare_opcua::run(arguments).await,
        Some(Role::BareMqtt(arguments)) => bare_mqtt::run(arguments).await,
        Some(Role::Deliver(arguments)) => delivery::compare(&arguments).await,
        Some(Role::Spool(arguments)) => spooling::measure(&arguments).await,
        Some(Role::ThroughSpool(arguments)) => delivery::run_through_spool(arguments).await,
        Some(Role::Straight(arguments)) => delivery::run_bare(arguments).await,
        Some(Role::Listener(arguments)) => delivery::listen(arguments).await,
        Some(Role::Fill(arguments)) => spooling::fill(arguments).await,
        Some(Role::BareFile(arguments)) => spooling::write_bare(&arguments).await,
        Some(Role::Drain(arguments)) => spooling::drain(arguments).await,
    }
}

async fn compare(arguments: &Arguments) -> Result<()> {
    let program = Peer::Mosquitto.program().context("mosquitto is not installed; `cargo xtask peers` installs it")?;
    let broker = Mosquitto::start(program).await?;
    let options =
        SimulatorOptions { tags: arguments.load.tags, rate: Some(arguments.load.rate), ..SimulatorOptions::default() };
    let simulator = Simulator::start_with(options).await?;
    let results = measure(arguments, &simulator, &broker).await?;
    report::print(&arguments.load, &arguments.model, &results);
    Ok(())
}

async fn measure(arguments: &Arguments, simulator: &Simulator, broker: &Mosquitto) -> Result<Results> {
    let load = &arguments.load;
    let folder = tempfile::tempdir()?;
    let sample = folder.path().join("sample.tsv");
    let port = broker.access().port.to_string();
    let time = Duration::from_secs(load.warm_up + load.seconds);

    report::progress(&format!("adapter: {} s of warm-up, {} s of measurement", load.warm_up, load.seconds));
    let mapping = mapping::generate(load, &arguments.model, &simulator.url(), &broker.url())?;
    let mut adapter = Adapter::start(&mapping).await?;
    let mut subscriber = child("subscriber", load)?;
    subscriber.args(["--port", &port, "--watch", &adapter.id()?.to_string(), "--sample"]).arg(&sample);
    let of_adapter = result_of(&mut subscriber, folder.path(), time).await?;
    adapter.terminate(Duration::from_secs(30)).await?;

    report::progress(&format!("bare OPC UA client: {} s", load.seconds));
    let mut bare_opcua = child("bare-opcua", load)?;
    bare_opcua.args(["--url", &simulator.url()]);
    let bare_opcua = result_of(&mut bare_opcua, folder.path(), time).await?;

    report::progress(&format!("bare MQTT client: {} s", load.seconds));
    let mut bare_mqtt = child("bare-mqtt", load)?;
    bare_mqtt.args(["--port", &port, "--sample"]).arg(&sample);
    let bare_mqtt = result_of(&mut bare_mqtt, folder.path(), time).await?;
    Ok(Results { adapter: of_adapter, bare_opcua, bare_mqtt })
}

/// This program in one of its other roles.
fn child(role: &str, load: &Load) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(role).args(load.arguments());
    Ok(command)
}

/// Runs it to its end and reads the JSON object it prints.
async fn result_of(command: &mut Command, folder: &Path, time: Duration) -> Result<Value> {
    let output = tempfile::tempdir_in(folder)?;
    let mut process = Process::spawn("bench", command, output.path())?;
    process.exit_within(time + Duration::from_mins(1)).await?;
    let text = process.stdout()?;
    serde_json::from_str(text.trim())
        .with_context(|| format!("{command:?} printed {text:?}; {}", process.stderr().unwrap_or_default()))
}
