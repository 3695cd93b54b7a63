//! What takes long and is not part of `test`: soak, bench and fuzz.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    peers,
    shell::{cargo, program, root, run, say},
};

/// The load with faults, for a long time.
pub(crate) fn soak(seconds: u32) -> bool {
    report(&install_peers().and_then(|()| {
        let mut test = cargo(&["test", "--workspace", "--test", "scenarios", "--", "--ignored", "--nocapture", "soak"]);
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

/// Each fuzz target for some time. The stable toolchain does, when told to take unstable flags.
pub(crate) fn fuzz(seconds: u32) -> bool {
    report(&fuzz_targets().and_then(|targets| {
        let limit = format!("-max_total_time={seconds}");
        targets.iter().try_for_each(|target| {
            let mut fuzz = cargo(&["fuzz", "run", "--fuzz-dir", "tests/fuzz", target, "--", &limit]);
            run(fuzz.env("RUSTC_BOOTSTRAP", "1")).context("is cargo-fuzz installed? `cargo install cargo-fuzz`")
        })
    }))
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
