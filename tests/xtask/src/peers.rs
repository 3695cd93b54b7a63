//! The foreign peers: Debian's packages by `apt-get`, Python's in virtual environments, npm's and Maven's in folders.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    python::{Environment, attempt, can_make_environments},
    runner::Done,
    servers::Server,
    shell::{find_program, is_ci, program, run, say, succeeds},
};

/// A program, and the Debian package that brings it.
struct Package {
    program: &'static str,
    package: &'static str,
}

const PACKAGES: [Package; 8] = [
    Package { program: "mosquitto", package: "mosquitto" },
    Package { program: "mosquitto_passwd", package: "mosquitto" },
    Package { program: "promtool", package: "prometheus" },
    Package { program: "systemd-analyze", package: "systemd" },
    Package { program: "node", package: "nodejs" },
    Package { program: "npm", package: "npm" },
    Package { program: "javac", package: "default-jdk-headless" },
    Package { program: "mvn", package: "maven" },
];

const PYTHON: Environment = Environment {
    folder: "tests/.peers/venv",
    requirements: "tests/peers/requirements.txt",
    modules: &["asyncua", "o6", "paho.mqtt"],
};

/// What imported models are compared with. An environment of its own, since numpy and the rest weigh some hundred
/// megabytes, and `cargo xtask quality` measures with the same versions.
pub(crate) const PYOD: Environment = Environment {
    folder: "tests/.peers/pyod",
    requirements: "tests/quality/requirements.txt",
    modules: &["pyod", "sklearn", "scipy"],
};

const ENVIRONMENTS: [Environment; 2] = [PYTHON, PYOD];

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
    install_packages(&PACKAGES.map(|peer| (peer.package, find_program(peer.program).is_some())));
    ENVIRONMENTS.into_iter().for_each(install_environment);
    Server::ALL.into_iter().for_each(Server::install);
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
    let modules = ENVIRONMENTS.into_iter().flat_map(|environment| {
        environment.missing().map(move |module| format!("{module} (Python package, {})", environment.requirements))
    });
    let programs = programs.map(|peer| format!("{} (Debian package {})", peer.program, peer.package));
    let servers = Server::ALL.into_iter().filter(|server| !server.is_complete());
    programs.chain(modules).chain(servers.map(|server| server.description().to_owned())).collect()
}

/// Installs what a virtual environment lacks, and first what it takes to make one.
pub(crate) fn install_environment(environment: Environment) {
    if !environment.is_complete() {
        install_packages(&[("python3-venv", can_make_environments())]);
    }
    environment.install();
}

/// Installs Debian packages that are not there. Best effort: whether it helped is seen by looking again.
fn install_packages(packages: &[(&str, bool)]) {
    let mut wanted: Vec<&str> = packages.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect();
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

fn is_root() -> bool {
    succeeds(&mut program("sh", &["-c", "test \"$(id -u)\" = 0"]))
}
