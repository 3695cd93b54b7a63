//! `cargo xtask bench receive`: the OPC UA link beside a bare client under the same load, in turns, so that a machine
//! that is busy now and then is busy for both.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tagwise_tests::{Simulator, SimulatorOptions};

use crate::{child, load::Load, report, result_of};

/// How often both are measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    load: Load,
}

/// Measures and prints.
pub(crate) async fn compare(arguments: &Arguments) -> Result<()> {
    let load = &arguments.load;
    let options = SimulatorOptions { tags: load.tags, rate: Some(load.rate), ..SimulatorOptions::default() };
    let simulator = Simulator::start_with(options).await?;
    let folder = tempfile::tempdir()?;
    let time = Duration::from_secs(load.seconds);
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        report::progress(&format!("round {round} of {}: {} s each", arguments.rounds, load.seconds));
        let measure = async |role: &str| {
            let mut command = child(role, load)?;
            command.args(["--url", &simulator.url()]);
            result_of(&mut command, folder.path(), time).await.with_context(|| format!("measuring {role}"))
        };
        let bare = measure("bare-opcua").await?;
        let link = measure("opcua-link").await?;
        rounds.push((bare, link));
    }
    report::receiving(load, &rounds);
    Ok(())
}
