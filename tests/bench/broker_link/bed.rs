//! A broker to measure with, and the processes beside the adapter.

use std::{env, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;
use tagwise_tests::{Mosquitto, MosquittoOptions, PATIENCE, Peer, Process, Simulator, SimulatorOptions};

use super::{offer::Offer, settings::Settings, swallow::SUBSCRIBED, wire::Target};
use crate::{load::Load, result_of};

/// How the adapter and the bare loop reach the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    Tcp,
    Tls,
}

/// A broker that logs no packets and grants such a window, not yet running; 0 is no limit.
pub(super) fn broker(transport: Transport, window: u16) -> Result<Mosquitto> {
    let program = Peer::Mosquitto.program().context("mosquitto is not installed; `cargo xtask peers` installs it")?;
    let options = MosquittoOptions {
        is_quiet: true,
        has_tls: transport == Transport::Tls,
        max_inflight: window,
        ..MosquittoOptions::default()
    };
    Mosquitto::prepare(program, options)
}

/// The source of such a load.
pub(super) async fn simulator(load: &Load) -> Result<Simulator> {
    let options = SimulatorOptions { tags: load.tags, rate: Some(load.rate), ..SimulatorOptions::default() };
    Simulator::start_with(options).await
}

/// How processes of this program reach a broker.
pub(super) fn target(broker: &Mosquitto) -> Target {
    let access = broker.access();
    Target { port: access.port, authority: access.authority.is_some().then(|| broker.authority_file()) }
}

/// More keys for a mapping's broker.
pub(super) fn broker_keys(broker: &Mosquitto) -> Option<String> {
    let authority = target(broker).authority?;
    Some(format!("tls: {{ ca_file: '{}' }}", authority.display()))
}

/// Starts a subscriber to everything.
pub(super) async fn subscriber(broker: &Mosquitto, folder: &Path) -> Result<Process> {
    let output = tempfile::tempdir_in(folder)?.keep();
    let mut command = Command::new(env::current_exe()?);
    command.arg("swallow").args(target(broker).arguments());
    let mut process = Process::spawn("swallow", &mut command, &output)?;
    process.stdout_line(SUBSCRIBED, PATIENCE).await?;
    Ok(process)
}

/// What a bare loop is run with.
pub(super) struct BareLoop<'a> {
    pub(super) sample: &'a Path,
    /// The most in flight; the broker may grant fewer.
    pub(super) window: u16,
    pub(super) settings: Settings,
    pub(super) offer: &'a Offer,
}

impl BareLoop<'_> {
    /// Runs it to its end.
    pub(super) async fn run(&self, broker: &Mosquitto, folder: &Path) -> Result<Value> {
        let id = broker.id().context("the broker runs")?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("bare-loop").args(target(broker).arguments());
        command.args(["--broker", &id.to_string(), "--window", &self.window.to_string(), "--sample"]);
        command.arg(self.sample).args(self.settings.arguments()).args(self.offer.arguments());
        let longest = Duration::from_secs(self.offer.until) + Duration::from_mins(2);
        result_of(&mut command, folder, longest).await.context("measuring the bare loop")
    }
}
