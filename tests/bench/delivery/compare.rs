//! `cargo xtask bench deliver`: both sides in turns, as fast as they can and then at a moderate rate, so that a machine
//! that is busy now and then is busy for both.

use std::{env, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use tagwise_tests::{Mosquitto, MosquittoOptions, PATIENCE, Peer, Process};

use super::{Flow, listener::SUBSCRIBED, table};
use crate::{report, result_of};

/// How long a turn may take.
const LONGEST_TURN: Duration = Duration::from_mins(5);
/// Batches per second at the moderate rate.
const BATCHES_PER_SECOND: u64 = 100;
/// How long messages come at the moderate rate, in seconds.
const MODERATE_SECONDS: u64 = 10;

/// What is measured, and how often.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Messages per second while delays are measured, 100 at least.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..))]
    moderate: u64,
    #[command(flatten)]
    flow: Flow,
}

/// What one side said in one turn: as fast as it can, and at the moderate rate with what the listener saw.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) fast: Value,
    pub(super) moderate: Value,
    pub(super) heard: Value,
}

/// A broker that logs no packets.
pub(crate) async fn quiet_broker() -> Result<Mosquitto> {
    let program = Peer::Mosquitto.program().context("mosquitto is not installed; `cargo xtask peers` installs it")?;
    Mosquitto::start_with(program, MosquittoOptions { is_quiet: true, ..MosquittoOptions::default() }).await
}

/// This program in another role that is told of the broker.
pub(crate) fn beside(broker: &Mosquitto, role: &str, flow: &Flow) -> Result<Command> {
    let id = broker.id().context("the broker runs")?;
    let mut command = Command::new(env::current_exe()?);
    command.args([role, "--port", &broker.access().port.to_string(), "--broker", &id.to_string()]);
    command.args(flow.arguments());
    Ok(command)
}

/// Measures and prints.
pub(crate) async fn compare(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        report::progress(&format!("round {round} of {}", arguments.rounds));
        let bare = turn("straight", arguments, folder.path()).await?;
        let spooled = turn("through-spool", arguments, folder.path()).await?;
        rounds.push((bare, spooled));
    }
    table::print(&arguments.flow, arguments.moderate, &rounds);
    Ok(())
}

async fn turn(role: &str, arguments: &Arguments, folder: &Path) -> Result<Turn> {
    let broker = quiet_broker().await?;
    let fast = result_of(&mut beside(&broker, role, &arguments.flow)?, folder, LONGEST_TURN)
        .await
        .with_context(|| format!("measuring {role}"))?;
    let flow = Flow {
        messages: arguments.moderate * MODERATE_SECONDS,
        batch: arguments.moderate / BATCHES_PER_SECOND,
        rate: arguments.moderate,
        ..arguments.flow.clone()
    };
    let output = tempfile::tempdir_in(folder)?;
    let mut listener = Process::spawn("listener", &mut beside(&broker, "listener", &flow)?, output.path())?;
    listener.stdout_line(SUBSCRIBED, PATIENCE).await?;
    let moderate = result_of(&mut beside(&broker, role, &flow)?, folder, LONGEST_TURN)
        .await
        .with_context(|| format!("measuring the delays of {role}"))?;
    listener.exit_within(PATIENCE).await?;
    let text = listener.stdout()?;
    let heard = serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("the listener printed {text:?}"))?;
    Ok(Turn { fast, moderate, heard })
}
