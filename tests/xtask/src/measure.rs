//! What takes long and is not part of `test`: soak, bench and fuzz.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{
    peers,
    shell::{cargo, program, root, run, say},
    tools::FUZZ,
};

/// libFuzzer's bounds on a single input: in seconds, for what takes longer hangs; and in bytes, for many small inputs
/// find more than a few large ones.
const BOUNDS: [&str; 2] = ["-timeout=10", "-max_len=4096"];

/// A part of the soak, which can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SoakPart {
    /// The load while PLC and broker are restarted by turns, for `--seconds`.
    Load,
    /// Each fault of network and server against each stack, for some ten minutes.
    Faults,
    /// Each fault of network, broker, disk and the adapter's own end on the way to the broker, for some twenty minutes.
    Mqtt,
    /// How soon values come again after the server's return, over all stacks, for some half an hour.
    Reconnect,
    /// Fifty restarts of a server in a row, for some three minutes.
    Restarts,
}

impl SoakPart {
    /// What the names of its tests begin with.
    const fn filter(self) -> &'static str {
        match self {
            Self::Load => "soak::",
            Self::Faults => "soak_faults::",
            Self::Mqtt => "soak_mqtt::",
            Self::Reconnect => "soak_reconnect::",
            Self::Restarts => "soak_restarts::",
        }
    }
}

/// All that takes long: the load, the faults of both sides and the restarts, or one of them, one after another.
pub(crate) fn soak(seconds: u32, part: Option<SoakPart>) -> bool {
    report(&install_peers().and_then(|()| {
        let mut test = cargo(&["test", "--workspace", "--test", "scenarios", "--"]);
        // Side by side they would disturb what is measured.
        test.args(["--ignored", "--nocapture", "--test-threads=1", part.map_or("soak", SoakPart::filter)]);
        run(test.env("TAGWISE_SOAK_SECONDS", seconds.to_string()))
    }))
}

/// The measurement of the release build, in processes of their own.
pub(crate) fn bench(arguments: &[String]) -> bool {
    report(&install_peers().and_then(|()| {
        run(&mut cargo(&["build", "--release", "--workspace", "--bins"]))?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&mut program(root().join("target/release/bench"), &arguments))
    }))
}

/// Each fuzz target for some time.
pub(crate) fn fuzz(seconds: u32) -> bool {
    report(&FUZZ.install().and_then(|tool| {
        let targets = fuzz_targets()?;
        targets.iter().try_for_each(|target| fuzz_one(&tool, target, seconds))
    }))
}

fn fuzz_one(tool: &Path, target: &str, seconds: u32) -> Result<()> {
    // Inputs that reach new code are kept in the first folder; the second is only read.
    let corpus = format!("tests/fuzz/corpus/{target}");
    fs::create_dir_all(root().join(&corpus)).with_context(|| format!("making {corpus}"))?;
    let seeds = seeds(target);
    let limit = format!("-max_total_time={seconds}");
    // No code of ours is unsafe: panics and hangs are looked for, and without a sanitizer several times as many.
    let mut arguments = vec!["run", "--sanitizer", "none", "--fuzz-dir", "tests/fuzz", target, &corpus];
    arguments.extend(seeds.as_deref());
    arguments.extend(["--", &limit]);
    arguments.extend(BOUNDS);
    // The stable toolchain does, when told to take unstable flags.
    run(program(tool, &arguments).env("RUSTC_BOOTSTRAP", "1"))
}

/// The folder of inputs to start from: what is shipped or tested with, where it is of the right form.
fn seeds(target: &str) -> Option<String> {
    let folder = match target {
        "mapping" => "mappings".to_owned(),
        "artefact" => "model/tests/chain/golden/format1".to_owned(),
        "import" => "model/tests/fixtures/imports".to_owned(),
        _ => format!("tests/fuzz/seeds/{target}"),
    };
    root().join(&folder).is_dir().then_some(folder)
}

fn fuzz_targets() -> Result<Vec<String>> {
    let folder = root().join("tests/fuzz/targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        targets.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}

fn install_peers() -> Result<()> {
    peers::install().map(|_| ())
}

fn report(result: &Result<()>) -> bool {
    if let Err(error) = result {
        say(&format!("FAILED: {error:#}"));
    }
    result.is_ok()
}
