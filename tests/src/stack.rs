//! The implementations of OPC UA that the adapter is tested against, and how a server of each is started.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{Peer, Simulator, UaServerOptions, tagwise_binary, workspace_root};

/// An implementation of OPC UA, by a team of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// async-opcua's server, as `tagwise simulate` uses it: Rust.
    Simulator,
    /// asyncua: Python.
    Asyncua,
    /// node-opcua: JavaScript.
    NodeOpcua,
    /// Eclipse Milo: Java.
    Milo,
    /// open62541: C, here below Python.
    Open62541,
}

impl Stack {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Simulator, Self::Asyncua, Self::NodeOpcua, Self::Milo, Self::Open62541];

    /// The name for reports.
    pub const fn name(self) -> &'static str {
        match self.peer() {
            None => "simulator",
            Some(peer) => peer.name(),
        }
    }

    /// The foreign program it needs; `None` for our own.
    pub const fn peer(self) -> Option<Peer> {
        match self {
            Self::Simulator => None,
            Self::Asyncua => Some(Peer::Asyncua),
            Self::NodeOpcua => Some(Peer::NodeOpcua),
            Self::Milo => Some(Peer::Milo),
            Self::Open62541 => Some(Peer::Open62541),
        }
    }

    /// The program to start, if it is there and not to be skipped; says aloud when it is not.
    pub fn program_or_announce(self, scenario: &str) -> Result<Option<PathBuf>> {
        let Some(peer) = self.peer() else { return tagwise_binary().map(|binary| Some(binary.to_owned())) };
        let program = peer.program();
        if program.is_none() {
            crate::announce_skip(peer, scenario);
        }
        Ok(program)
    }

    /// The node of this name, as a mapping spells it. Every server has `Counter1`, which counts ticks, and
    /// `Types.<name>`.
    pub fn node(self, name: &str) -> String {
        if self != Self::Simulator {
            return format!("nsu=urn:tagwise:test;s={name}");
        }
        match (name.strip_prefix("Types."), name.strip_prefix("Counter")) {
            (Some(type_name), _) => Simulator::node("Types", type_name),
            (None, Some(number)) => Simulator::node("Load", &format!("T{number:0>4}")),
            (None, None) => Simulator::node("Machine", name),
        }
    }

    /// How the line begins by which a server says that it is ready.
    pub(crate) const fn ready_line(self) -> &'static str {
        match self {
            Self::Simulator => "opc.tcp://",
            _ => "ready ",
        }
    }

    /// The command that starts a server.
    pub(crate) fn command(self, program: &Path, port: u16, options: &UaServerOptions) -> Result<Command> {
        let mut command = Command::new(program);
        let peers = workspace_root().join("tests/peers");
        let installed = workspace_root().join("tests/.peers");
        match self {
            Self::Simulator => {
                let counters = options.counters.unwrap_or(1).to_string();
                command.args(["simulate", "--listen", &format!("127.0.0.1:{port}"), "--tags", &counters]);
            }
            Self::Asyncua => {
                command.arg(peers.join("asyncua_server.py"));
                command.args(options.structures.then_some("--structures"));
                let (before, after) = &options.other_namespaces;
                for (option, uris) in [("--before", before), ("--after", after), ("--odd", &options.odd)] {
                    command.args(uris.iter().flat_map(|uri| [option, uri]));
                }
            }
            Self::NodeOpcua => {
                command.arg(peers.join("node-opcua/server.js"));
                command.env("TAGWISE_NODE_MODULES", installed.join("node-opcua/node_modules"));
            }
            Self::Open62541 => {
                command.arg(peers.join("open62541_server.py"));
            }
            Self::Milo => {
                let classes = installed.join("milo/classes").into_os_string().into_string();
                let classes = classes.ok().context("the path of the repository is no text")?;
                let libraries = format!("{}/*", installed.join("milo/lib").display());
                // Two quick compilers and one small heap are enough, and several run at once.
                command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]);
                command.args(["-cp", &format!("{classes}:{libraries}"), "tagwise.TestServer"]);
            }
        }
        if self != Self::Simulator {
            command.args(["--port", &port.to_string()]);
            let counters = options.counters.map(|counters| ["--counters".to_owned(), counters.to_string()]);
            command.args(counters.into_iter().flatten());
            options.nodes.iter().for_each(|node| {
                command.args(["--node", node]);
            });
        }
        let rate = options.rate.map(|rate| ["--rate".to_owned(), rate.to_string()]);
        let user = options.user.as_ref().map(|(name, password)| ["--user".to_owned(), format!("{name}:{password}")]);
        command.args(rate.into_iter().chain(user).flatten());
        if let Some(folder) = &options.secure {
            command.arg("--secure").arg(folder);
        }
        Ok(command)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
