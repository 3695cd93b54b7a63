//! Which foreign programs are there, and what happens when one is not.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::workspace_root;

/// A foreign program that scenarios talk to; `cargo xtask test` installs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Debian's mosquitto, an MQTT broker.
    Mosquitto,
    /// HiveMQ Community Edition, an MQTT broker, in `tests/.peers/hivemq`; its program is Java.
    HiveMq,
    /// `PyPI`'s asyncua, an OPC UA server, in the virtual environment `tests/.peers/venv`.
    Asyncua,
    /// npm's node-opcua, an OPC UA server, in `tests/.peers/node-opcua`; its program is Node.js.
    NodeOpcua,
    /// Eclipse Milo, an OPC UA server, in `tests/.peers/milo`; its program is Java.
    Milo,
    /// open62541 by `PyPI`'s o6, an OPC UA server, in the virtual environment `tests/.peers/venv`; ten minutes a process.
    Open62541,
    /// `PyPI`'s paho-mqtt, an MQTT client, in the same place.
    Paho,
    /// `PyPI`'s `PyOD` with scikit-learn, in the virtual environment `tests/.peers/pyod`.
    Pyod,
    /// Prometheus' own reader of metrics and rules.
    Promtool,
}

impl Peer {
    /// The name, as `TAGWISE_TEST_SKIP` and the message about its absence spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::HiveMq => "hivemq",
            Self::Asyncua => "asyncua",
            Self::NodeOpcua => "node-opcua",
            Self::Milo => "milo",
            Self::Open62541 => "open62541",
            Self::Paho => "paho",
            Self::Pyod => "pyod",
            Self::Promtool => "promtool",
        }
    }

    /// The program, if the peer is there and not to be skipped.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            _ if self.is_to_be_skipped() => None,
            Self::Mosquitto => find_program("mosquitto"),
            Self::HiveMq => program_with("java", "hivemq/classes/tagwise/Broker.class"),
            Self::Asyncua => python_with("venv", "asyncua"),
            Self::NodeOpcua => program_with("node", "node-opcua/node_modules/node-opcua-server/package.json"),
            Self::Milo => program_with("java", "milo/classes/tagwise/TestServer.class"),
            Self::Open62541 => python_with("venv", "o6"),
            Self::Paho => python_with("venv", "paho.mqtt"),
            Self::Pyod => python_with("pyod", "pyod"),
            Self::Promtool => find_program("promtool"),
        }
    }

    /// `TAGWISE_TEST_SKIP` lists peers to do without, or says `all`.
    fn is_to_be_skipped(self) -> bool {
        let list = env::var("TAGWISE_TEST_SKIP").unwrap_or_default();
        list.split(',').any(|name| name.trim() == self.name() || name.trim() == "all")
    }
}

/// Says aloud that a scenario does not run; where `CI` is `true`, that is a failure.
///
/// # Panics
///
/// In continuous integration, where every peer has to be there.
pub fn announce_skip(peer: Peer, scenario: &str) {
    let name = peer.name();
    let reason = if peer.is_to_be_skipped() {
        format!("TAGWISE_TEST_SKIP leaves out {name}")
    } else {
        format!("{name} is not installed; `cargo xtask test` installs it")
    };
    let line = format!("SKIPPED {scenario}: {reason}\n");
    assert!(env::var("CI").as_deref() != Ok("true"), "{line}");
    // Written past the test runner's capture, so that it shows although the scenario counts as passed.
    std::io::stderr().write_all(line.as_bytes()).unwrap_or_default();
}

/// The program of a peer; without it the scenario says so and ends here.
#[macro_export]
macro_rules! peer_or_skip {
    ($peer:ident) => {
        match $crate::Peer::$peer.program() {
            Some(program) => program,
            None => {
                let scenario = std::thread::current().name().unwrap_or("a scenario").to_owned();
                $crate::announce_skip($crate::Peer::$peer, &scenario);
                return Ok(());
            }
        }
    };
}

/// Looks along `PATH` and where Debian puts servers, which is not on everyone's `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(servers).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A program that runs what is installed in `tests/.peers`, if both are there.
fn program_with(name: &str, installed: &str) -> Option<PathBuf> {
    let is_installed = workspace_root().join("tests/.peers").join(installed).is_file();
    find_program(name).filter(|_| is_installed)
}

/// The Python of an environment in `tests/.peers`, if it has the module.
fn python_with(environment: &str, module: &str) -> Option<PathBuf> {
    let python = workspace_root().join("tests/.peers").join(environment).join("bin/python");
    imports(&python, module).then_some(python)
}

fn imports(python: &Path, module: &str) -> bool {
    let mut check = Command::new(python);
    check.args(["-c", &format!("import {module}")]).stdout(Stdio::null()).stderr(Stdio::null());
    check.status().is_ok_and(|status| status.success())
}
