//! The foreign peers: Debian's packages by `apt-get`, Python's in a virtual environment.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    runner::Done,
    shell::{find_program, is_ci, program, root, run, say, succeeds},
};

/// A program, and the Debian package that brings it.
struct Package {
    program: &'static str,
    package: &'static str,
}

const PACKAGES: [Package; 4] = [
    Package { program: "mosquitto", package: "mosquitto" },
    Package { program: "mosquitto_passwd", package: "mosquitto" },
    Package { program: "promtool", package: "prometheus" },
    Package { program: "systemd-analyze", package: "systemd" },
];

/// Python modules that `requirements.txt` brings.
const MODULES: [&str; 2] = ["asyncua", "paho.mqtt"];
const REQUIREMENTS: &str = "tests/peers/requirements.txt";

/// `cargo xtask peers`.
pub(crate) fn install_and_report() -> bool {
    match install() {
        Ok(Done::Passed) => say("all peers are there"),
        Ok(Done::Skipped(reason)) => say(&reason),
        Err(error) => {
            say(&format!("{error:#}"));
            return false;
        }
    }
    true
}

/// Installs what is missing; what cannot be installed is named aloud, and is a failure in CI.
pub(crate) fn install() -> Result<Done> {
    install_packages();
    install_modules();
    let missing = missing();
    if missing.is_empty() {
        return Ok(Done::Passed);
    }
    for peer in &missing {
        say(&format!("!!! MISSING PEER {peer}: the checks that need it are left out"));
    }
    if is_ci() {
        bail!("missing in CI: {}", missing.join(", "));
    }
    Ok(Done::Skipped(format!("missing {}", missing.join(", "))))
}

fn missing() -> Vec<String> {
    let programs = PACKAGES.iter().filter(|peer| find_program(peer.program).is_none());
    let modules = MODULES.iter().filter(|module| !imports(&python(), module));
    let programs = programs.map(|peer| format!("{} (Debian package {})", peer.program, peer.package));
    programs.chain(modules.map(|module| format!("{module} (Python package, {REQUIREMENTS})"))).collect()
}

/// Best effort: whether it helped is seen by looking again.
fn install_packages() {
    let mut wanted: Vec<&str> =
        PACKAGES.iter().filter(|peer| find_program(peer.program).is_none()).map(|peer| peer.package).collect();
    if !MODULES.iter().all(|module| imports(&python(), module)) && !can_make_environments() {
        wanted.push("python3-venv");
    }
    wanted.dedup();
    if wanted.is_empty() {
        return;
    }
    let Some(apt_get) = apt_get() else {
        say(&format!("to install as root: {}", wanted.join(" ")));
        return;
    };
    let call = |arguments: &[&str]| attempt(run(apt_get().args(arguments)));
    call(&["update", "--quiet"]);
    // One by one, so that one that the release does not have costs only itself.
    for package in wanted {
        call(&["install", "--quiet", "--yes", "--no-install-recommends", package]);
    }
}

/// How to call `apt-get` without questions and with the rights that it needs; `None` where that is not possible. It
/// waits for another one that holds the lock, such as the daily update of a fresh machine.
fn apt_get() -> Option<impl Fn() -> Command> {
    find_program("apt-get")?;
    let may_use_sudo = || succeeds(&mut program("sudo", &["--non-interactive", "true"]));
    let prefix: &[&str] = match is_root() {
        true => &[],
        false if may_use_sudo() => &["sudo", "--non-interactive"],
        false => return None,
    };
    Some(move || {
        let settings = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"];
        let words: Vec<&str> = prefix.iter().copied().chain(settings).collect();
        program(words[0], &words[1..])
    })
}

fn install_modules() {
    if MODULES.iter().all(|module| imports(&python(), module)) {
        return;
    }
    let folder = environment();
    if !python().is_file() {
        attempt(run(&mut program("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()])));
    }
    let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS];
    attempt(run(&mut program(python(), &arguments)));
}

fn attempt(result: Result<()>) {
    if let Err(error) = result {
        say(&format!("{error:#}"));
    }
}

fn environment() -> PathBuf {
    root().join("tests/.peers/venv")
}

/// The Python of the virtual environment.
fn python() -> PathBuf {
    environment().join("bin/python")
}

fn imports(python: &Path, module: &str) -> bool {
    succeeds(&mut program(python, &["-c", &format!("import {module}")]))
}

/// Debian's python3 comes without what `-m venv` needs.
fn can_make_environments() -> bool {
    succeeds(&mut program("python3", &["-c", "import venv, ensurepip"]))
}

fn is_root() -> bool {
    succeeds(&mut program("sh", &["-c", "test \"$(id -u)\" = 0"]))
}
