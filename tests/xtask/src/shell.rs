//! Running other programs from the root of the repository.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("invariant: this crate stands in tests/xtask")
}

/// Whether this is continuous integration, where nothing may be left out.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "a chore talks to whoever runs it")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// A `cargo` command in the root; the cargo that runs this.
///
/// What `cargo run` tells this program of its own package is kept from it: build scripts that look at such variables,
/// as ring's does, would run anew each time a chore follows a plain `cargo build`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    command.current_dir(root()).args(arguments);
    command
}

/// Any other command in the root.
pub(crate) fn program(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root()).args(arguments);
    command
}

/// Shows a command, runs it with its output passing through, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = text_of(command);
    say(&format!("$ {line}"));
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("starting `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// The command as one would type it: the program by its name alone.
fn text_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether a command runs and succeeds, without a word.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Looks along `PATH` and where Debian puts servers.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(servers).map(|folder| folder.join(name)).find(|program| program.is_file())
}
