//! `tagwise simulate` as the OPC UA server, in a process of its own.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{PATIENCE, Process, free_port, tagwise_binary};

/// How the simulated PLC is set up.
#[derive(Clone, Debug, Default)]
pub struct SimulatorOptions {
    /// Load tags `"Load"."T0001"` …; none when 0.
    pub tags: usize,
    /// Ticks of the load tags per second; 10 when absent.
    pub rate: Option<f64>,
    /// User name and password; anonymous clients are refused when there are some.
    pub user: Option<(String, String)>,
}

/// A simulated PLC that can be ended and started again on the same port.
#[derive(Debug)]
pub struct Simulator {
    // Before the folder, so that it is ended before its log is removed.
    process: Option<Process>,
    directory: TempDir,
    port: u16,
    options: SimulatorOptions,
    is_secure: bool,
}

impl Simulator {
    /// A PLC without load tags, running.
    pub async fn start() -> Result<Self> {
        Self::start_with(SimulatorOptions::default()).await
    }

    /// A PLC as asked, running.
    pub async fn start_with(options: SimulatorOptions) -> Result<Self> {
        let mut simulator = Self::prepare(options)?;
        simulator.resume().await?;
        Ok(simulator)
    }

    /// A PLC with secure endpoints too, running; see [`Simulator::pki_dir`].
    pub async fn start_secure() -> Result<Self> {
        let mut simulator = Self { is_secure: true, ..Self::prepare(SimulatorOptions::default())? };
        simulator.resume().await?;
        Ok(simulator)
    }

    /// A PLC as asked, not yet running: its port refuses connections.
    pub fn prepare(options: SimulatorOptions) -> Result<Self> {
        Ok(Self { directory: tempfile::tempdir()?, port: free_port()?, options, is_secure: false, process: None })
    }

    /// The endpoint for a mapping.
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}", self.port)
    }

    /// The node of a block's member, as a mapping spells it.
    pub fn node(block: &str, member: &str) -> String {
        format!("nsu=http://www.siemens.com/simatic-s7-opcua;s=\"{block}\".\"{member}\"")
    }

    /// Where a secure one keeps its certificates, and those of its clients.
    pub fn pki_dir(&self) -> PathBuf {
        self.directory.path().join("pki")
    }

    /// The process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts it (again) on its port.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(tagwise_binary()?);
        command.args(["simulate", "--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--tags", &self.options.tags.to_string()]);
        if let Some(rate) = self.options.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if let Some((name, password)) = &self.options.user {
            command.args(["--user", &format!("{name}:{password}")]);
        }
        if self.is_secure {
            command.arg("--secure").arg(self.pki_dir());
        }
        let directory = tempfile::tempdir_in(self.directory.path())?.keep();
        let mut process = Process::spawn("simulator", &mut command, &directory)?;
        process.stdout_line("opc.tcp://", PATIENCE).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it at once, like a PLC that loses power.
    pub fn kill(&mut self) -> Result<()> {
        self.process.as_mut().context("the simulator does not run")?.kill()?;
        self.process = None;
        Ok(())
    }
}
