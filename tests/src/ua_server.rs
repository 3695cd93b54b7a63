//! asyncua as the OPC UA server: it has typed nodes and refuses wrongly typed writes.

use std::{io::Write, path::PathBuf, process::ChildStdin, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, Process, free_port, wait_until, workspace_root};

/// How the server is set up.
#[derive(Clone, Debug, Default)]
pub struct UaServerOptions {
    /// The only user; anonymous clients are refused when there is one.
    pub user: Option<(String, String)>,
    /// How many nodes `Counter1`, `Counter2`, … tick; 1 when absent.
    pub counters: Option<usize>,
    /// More ticking nodes by name.
    pub nodes: Vec<String>,
    /// Namespaces registered before ours and after it, each with a node `Counter1` that is always -1.
    pub other_namespaces: (Vec<String>, Vec<String>),
    /// Whether there are nodes of structured types, `Structures.*`.
    pub structures: bool,
}

/// A server that can be ended and started again on the same port.
#[derive(Debug)]
pub struct UaServer {
    python: PathBuf,
    directory: TempDir,
    port: u16,
    options: UaServerOptions,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    stdin: ChildStdin,
    /// Lines of stdout already read; the first says that it is ready.
    lines_read: usize,
}

impl UaServer {
    /// A server with one counter, running.
    pub async fn start(python: PathBuf) -> Result<Self> {
        Self::start_with(python, UaServerOptions::default()).await
    }

    /// A server as asked, running.
    pub async fn start_with(python: PathBuf, options: UaServerOptions) -> Result<Self> {
        let mut server = Self::prepare(python, options)?;
        server.resume().await?;
        Ok(server)
    }

    /// A server as asked, not yet running: its port refuses connections.
    pub fn prepare(python: PathBuf, options: UaServerOptions) -> Result<Self> {
        Ok(Self { python, directory: tempfile::tempdir()?, port: free_port()?, options, running: None })
    }

    /// The endpoint for a mapping.
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}", self.port)
    }

    /// The node of this name, as a mapping spells it.
    pub fn node(name: &str) -> String {
        format!("nsu=urn:tagwise:test;s={name}")
    }

    /// At its next start it has its namespaces in this order.
    pub fn reorder(&mut self, before: &[&str], after: &[&str]) {
        let owned = |uris: &[&str]| uris.iter().map(|uri| (*uri).to_owned()).collect();
        self.options.other_namespaces = (owned(before), owned(after));
    }

    /// Starts it (again) on its port.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(&self.python);
        command.arg(workspace_root().join("tests/peers/asyncua_server.py"));
        command.args(["--port", &self.port.to_string()]);
        if let Some((name, password)) = &self.options.user {
            command.args(["--user", &format!("{name}:{password}")]);
        }
        if let Some(counters) = self.options.counters {
            command.args(["--counters", &counters.to_string()]);
        }
        if self.options.structures {
            command.arg("--structures");
        }
        for node in &self.options.nodes {
            command.args(["--node", node]);
        }
        let (before, after) = &self.options.other_namespaces;
        for (option, uris) in [("--before", before), ("--after", after)] {
            command.args(uris.iter().flat_map(|uri| [option, uri]));
        }
        // Each start has its own stdout, so that the answers of the last one are not taken for this one's.
        let directory = tempfile::tempdir_in(self.directory.path())?.keep();
        let mut process = Process::spawn("asyncua", &mut command, &directory)?;
        process.stdout_line("ready ", PATIENCE).await?;
        let stdin = process.take_stdin()?;
        self.running = Some(Running { process, stdin, lines_read: 1 });
        Ok(())
    }

    /// Ends it at once, like a PLC that loses power.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?.process.kill()?;
        self.running = None;
        Ok(())
    }

    /// Ends it in order: sessions are closed.
    pub async fn stop(&mut self) -> Result<()> {
        writeln!(self.running()?.stdin, "stop")?;
        self.running()?.process.exit_within(PATIENCE).await?;
        self.running = None;
        Ok(())
    }

    /// Adds a node that counts ticks.
    pub async fn add_node(&mut self, name: &str) -> Result<()> {
        self.ask(&format!("add-node {name}")).await.map(drop)
    }

    /// The value of a node as the server itself sees it.
    pub async fn read(&mut self, name: &str) -> Result<Value> {
        let answer = self.ask(&format!("read {name}")).await?;
        let json = answer.strip_prefix("value ").with_context(|| format!("asyncua answered {answer:?}"))?;
        Ok(serde_json::from_str(json)?)
    }

    /// Gives a node a value of its own type.
    pub async fn write(&mut self, name: &str, value: &Value) -> Result<()> {
        self.ask(&format!("write {name} {value}")).await.map(drop)
    }

    /// Gives a node a `StatusCode`; a ticking node stops ticking.
    pub async fn set_status(&mut self, name: &str, symbol: &str) -> Result<()> {
        self.ask(&format!("status {name} {symbol}")).await.map(drop)
    }

    async fn ask(&mut self, line: &str) -> Result<String> {
        let running = self.running()?;
        writeln!(running.stdin, "{line}")?;
        let number = running.lines_read;
        running.lines_read += 1;
        let answer = wait_until(&format!("asyncua has answered {line:?}"), PATIENCE, async || {
            let text = running.process.stdout()?;
            let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            Ok(whole.nth(number).map(|line| line.trim().to_owned()))
        })
        .await?;
        if answer.starts_with("error") {
            bail!("asyncua on {line:?}: {answer}");
        }
        Ok(answer)
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("the asyncua server does not run")
    }
}
