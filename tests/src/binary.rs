//! The binary under test.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, ensure};

/// The root of the repository.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("invariant: this crate stands in the folder tests/")
}

/// The `tagwise` binary: what `TAGWISE_BIN` names, else the one beside this test, brought up to date first.
pub fn tagwise_binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = BINARY.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.as_deref().map_err(|error| anyhow!("{error}"))
}

fn find() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("TAGWISE_BIN") {
        return Ok(binary.into());
    }
    build(&["--bin", "tagwise"], "tagwise")
}

/// An example program of the adapter's, brought up to date first.
pub fn example_binary(name: &str) -> Result<PathBuf> {
    build(&["--example", name], &format!("examples/{name}"))
}

fn build(what: &[&str], binary: &str) -> Result<PathBuf> {
    let folder = target_folder()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(workspace_root()).args(["build", "--quiet", "--workspace"]).args(what);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    // The test's own package is in the environment; build scripts that watch it would run again, and with them half
    // of the dependencies, whenever a test and a person build by turns.
    let of_package = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        build.env_remove(name);
    }
    let status = build.status().context("running cargo build")?;
    ensure!(status.success(), "`cargo build --workspace {}` failed", what.join(" "));
    let binary = folder.join(binary);
    ensure!(binary.is_file(), "there is no {}", binary.display());
    Ok(binary)
}

/// `target/debug` for `target/debug/deps/scenarios-…`, `target/release` for `target/release/bench`.
fn target_folder() -> Result<PathBuf> {
    let own = env::current_exe().context("asking for the path of this program")?;
    let folder = own.parent().context("this program stands in no folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}
