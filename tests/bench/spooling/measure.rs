//! `cargo xtask bench spool`: filling, opening and draining, each beside what it costs bare.

use std::{env, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use tagwise_tests::Process;

use super::drain::OPENED;
use crate::{
    delivery::{Flow, beside, quiet_broker},
    report::{self, cpu_per_100k, megabytes, number},
    result_of,
};

/// How long one process may take.
const LONGEST: Duration = Duration::from_mins(10);

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Bytes that are spooled while memory is looked at.
    #[arg(long, default_value_t = 1_000_000_000)]
    bytes: u64,
    #[command(flatten)]
    flow: Flow,
}

/// Measures and prints.
pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let flow = &arguments.flow;
    let folder = tempfile::tempdir()?;
    let (spool, file) = (folder.path().join("spool"), folder.path().join("file"));

    report::progress("filling a bare file");
    let bare_file = result_of(child("bare-file", flow)?.arg("--file").arg(&file), folder.path(), LONGEST).await?;
    std::fs::remove_file(&file)?;
    report::progress("filling the spool");
    let filled = result_of(child("fill", flow)?.arg("--folder").arg(&spool), folder.path(), LONGEST).await?;
    report::progress("publishing bare");
    let broker = quiet_broker().await?;
    let straight = result_of(&mut beside(&broker, "straight", flow)?, folder.path(), LONGEST).await?;
    report::progress("draining the spool");
    let broker = quiet_broker().await?;
    let mut command = beside(&broker, "drain", flow)?;
    command.arg("--folder").arg(&spool);
    let (opened, drained) = opened_and_drained(&mut command, folder.path()).await?;
    std::fs::remove_dir_all(&spool)?;
    report::progress(&format!("spooling {} MB", arguments.bytes / 1_000_000));
    let endless = Flow { messages: u64::MAX, ..flow.clone() };
    let mut command = child("fill", &endless)?;
    command.args(["--bytes", &arguments.bytes.to_string(), "--folder"]).arg(&spool);
    let large = result_of(&mut command, folder.path(), LONGEST).await?;

    print(flow, [&bare_file, &filled, &straight, &drained], &opened);
    print_large(arguments.bytes, &large);
    Ok(())
}

fn child(role: &str, flow: &Flow) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(role).args(flow.arguments());
    Ok(command)
}

async fn opened_and_drained(command: &mut Command, folder: &Path) -> Result<(String, Value)> {
    let output = tempfile::tempdir_in(folder)?;
    let mut process = Process::spawn("drain", command, output.path())?;
    let status = process.exit_within(LONGEST).await?;
    ensure!(status.success(), "draining ended with {status}: {}", process.stderr()?);
    let text = process.stdout()?;
    let opened = text.lines().find_map(|line| line.strip_prefix(OPENED)).context("it says how long opening took")?;
    let drained = serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("draining printed {text:?}"))?;
    Ok((opened.trim().to_owned(), drained))
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(flow: &Flow, results: [&Value; 4], opened: &str) {
    println!(
        "\n{} messages of {} bytes, {} mappings, {} a batch\n",
        flow.messages, flow.payload, flow.mappings, flow.batch
    );
    println!("{:<26}{:>12}{:>14}{:>18}{:>16}", "", "messages/s", "CPU-s / 100k", "broker's core, %", "peak RSS, MB");
    for (name, result) in ["bare file", "spool, appended", "bare rumqttc", "spool, drained"].into_iter().zip(results) {
        let share = 100.0 * number(&result["broker_cpu_seconds"]) / number(&result["seconds"]);
        println!(
            "{name:<26}{:>12.0}{:>14.3}{:>18}{:>16}",
            number(&result["messages"]) / number(&result["seconds"]),
            cpu_per_100k(result),
            if share.is_nan() { "-".to_owned() } else { format!("{share:.0}") },
            megabytes(result),
        );
    }
    println!("\nopening the full spool: {opened} s");
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print_large(bytes: u64, large: &Value) {
    println!(
        "while {} MB are spooled: {:.0} messages, {:.0} messages/s, {:.3} CPU-s per 100,000, peak RSS {} MB",
        bytes / 1_000_000,
        number(&large["messages"]),
        number(&large["messages"]) / number(&large["seconds"]),
        cpu_per_100k(large),
        megabytes(large),
    );
}
