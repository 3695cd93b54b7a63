//! `cargo xtask test`: every check, in the order in which a mistake shows soonest.

use std::process::Command;

use anyhow::Result;

use crate::{
    deploy, peers,
    runner::{Done, Runner},
    shell::{self, cargo},
    tools,
};

/// Scenarios that run at once: they wait more than they work.
const SCENARIOS_AT_ONCE: &str = "--test-threads=4";

/// The fuzz targets are a workspace of their own.
const FUZZ_MANIFEST: &str = "tests/fuzz/Cargo.toml";

/// Runs all of it and says whether nothing failed.
pub(crate) fn run(is_fast: bool) -> bool {
    let mut runner = Runner::default();
    if !is_fast {
        runner.step("foreign peers", peers::install);
    }
    runner.check("formatting", || {
        shell::run(&mut cargo(&["fmt", "--all", "--check"]))?;
        shell::run(&mut cargo(&["fmt", "--manifest-path", FUZZ_MANIFEST, "--check"]))
    });
    runner.check("layout", || shell::run(&mut cargo(&["test", "--workspace", "--locked", "--test", "tidy"])));
    runner.check("clippy", || {
        shell::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    });
    runner.check("clippy without the demo", || {
        let arguments = ["clippy", "-p", "tagwise", "--no-default-features", "--locked", "--", "-D", "warnings"];
        shell::run(&mut cargo(&arguments))
    });
    runner.step("unused dependencies", || tools::unused_dependencies(!is_fast));
    runner.check("unit and property tests", || {
        shell::run(&mut cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]))
    });
    runner.check("documentation tests", || shell::run(&mut cargo(&["test", "--workspace", "--doc"])));
    runner.check("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    runner.check("fuzz targets", || {
        let target = ["--manifest-path", FUZZ_MANIFEST, "--target-dir", "target", "--locked"];
        let mut clippy = cargo(&["clippy"]);
        clippy.args(target).args(["--", "-D", "warnings"]);
        // Nothing is linked here, so libFuzzer itself need not be compiled, nor a C++ compiler be there.
        shell::run(clippy.env("CUSTOM_LIBFUZZER_PATH", shell::root().join("target/none/libfuzzer.a")))
    });
    runner.step("deployment files", deploy::check);
    runner.check("the binary", || shell::run(&mut cargo(&["build", "--workspace", "--bin", "tagwise"])));
    runner.step("end-to-end scenarios", || scenarios(is_fast));
    runner.finish()
}

fn scenarios(is_fast: bool) -> Result<Done> {
    // The whole workspace is named, so that every dependency has the features it was built with before.
    let mut test = cargo(&["test", "--workspace", "--no-fail-fast", "--test", "*", "--", SCENARIOS_AT_ONCE]);
    if is_fast {
        without_peers(&mut test);
    }
    shell::run(&mut test)?;
    Ok(if is_fast { Done::Skipped("scenarios with foreign peers".to_owned()) } else { Done::Passed })
}

fn without_peers(command: &mut Command) {
    command.env("TAGWISE_TEST_SKIP", "all").env_remove("CI");
}
