//! HiveMQ Community Edition as the broker: the open part of HiveMQ's own, and what HiveMQ Edge is built from.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{BrokerAccess, PATIENCE, Process, Signal, free_port, tls::write_identity, wait_until, workspace_root};

/// What the broker demands and offers.
#[derive(Clone, Debug, Default)]
pub struct HiveMqOptions {
    /// The only user; anonymous clients are refused when there is one.
    pub user: Option<(String, String)>,
    /// Whether it speaks TLS only, with a certificate of an authority of its own.
    pub has_tls: bool,
    /// The name that clients over TLS have to ask for (SNI), as HiveMQ Cloud demands it; the certificate has `localhost`.
    pub server_name: Option<&'static str>,
    /// Whether there is a WebSocket listener as well, over TLS when `has_tls`.
    pub has_websocket: bool,
    /// The port; a free one when absent.
    pub port: Option<u16>,
    /// Whether sessions, retained and queued messages survive a restart.
    pub is_persistent: bool,
    /// How many messages on `quota/#` are refused with "quota exceeded" before the first is taken, at each start.
    pub quota_refusals: u32,
}

/// A broker that can be ended and started again on the same port. It refuses every message on `forbidden/#` with "not
/// authorized".
#[derive(Debug)]
pub struct HiveMq {
    // Before the folder, so that it is ended before its log is removed.
    process: Option<Process>,
    program: PathBuf,
    directory: TempDir,
    access: BrokerAccess,
    websocket_port: Option<u16>,
    options: HiveMqOptions,
}

impl HiveMq {
    /// A plain broker on a free port, running.
    pub async fn start(java: PathBuf) -> Result<Self> {
        Self::start_with(java, HiveMqOptions::default()).await
    }

    /// A broker as asked, running.
    pub async fn start_with(java: PathBuf, options: HiveMqOptions) -> Result<Self> {
        let mut broker = Self::prepare(java, options)?;
        broker.resume().await?;
        Ok(broker)
    }

    /// A broker as asked, not yet running: its port refuses connections.
    pub fn prepare(java: PathBuf, options: HiveMqOptions) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = options.port.map_or_else(free_port, Ok)?;
        let mut access = BrokerAccess { user: options.user.clone(), ..BrokerAccess::plain(port) };
        if options.has_tls {
            access.authority = Some(write_identity(directory.path())?);
        }
        if let Some(name) = options.server_name {
            name.clone_into(&mut access.host);
        }
        let websocket_port = options.has_websocket.then(free_port).transpose()?;
        Ok(Self { process: None, program: java, directory, access, websocket_port, options })
    }

    /// How the probe reaches it.
    pub fn access(&self) -> &BrokerAccess {
        &self.access
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// The URL of the WebSocket listener for a mapping.
    pub fn websocket_url(&self) -> Option<String> {
        let scheme = if self.options.has_tls { "wss" } else { "ws" };
        self.websocket_port.map(|port| format!("{scheme}://{}:{port}/mqtt", self.access.host))
    }

    /// The file with the authority's certificate, for a mapping's `ca_file`.
    pub fn authority_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// What the broker has logged: its starts, and who came and went.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("hivemq.err"))?)
    }

    /// The process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts it (again) on its port; that takes some two seconds.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = self.command()?;
        // Each start has its own stdout, so that the "ready" of the last one is not taken for this one's.
        let stdout = self.directory.path().join("hivemq.out");
        if stdout.is_file() {
            fs::remove_file(&stdout)?;
        }
        let mut process = Process::spawn("hivemq", &mut command, self.directory.path())?;
        process.stdout_line("ready", PATIENCE).await?;
        // It reports no listener that could not be opened, other than in its log.
        wait_until("hivemq accepts connections", PATIENCE, async || {
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, self.access.port)).ok().map(drop))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it at once: nothing is flushed, connections are reset.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// Ends it in order; that takes some two seconds.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.running()?;
        process.signal(Signal::Terminate)?;
        process.exit_within(PATIENCE).await?;
        self.process = None;
        Ok(())
    }

    /// Sends a signal: to freeze it, or to let it go on.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("hivemq does not run")?.signal(signal)
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("hivemq does not run")
    }

    fn command(&self) -> Result<Command> {
        let mut command = java(&self.program)?;
        let folder = self.directory.path();
        command.arg("--data").arg(folder.join("broker"));
        command.args(["--persistence", if self.options.is_persistent { "file" } else { "in-memory" }]);
        let port = if self.options.has_tls { "--tls-port" } else { "--port" };
        command.args([port, &self.access.port.to_string()]);
        if let Some(port) = self.websocket_port {
            let option = if self.options.has_tls { "--wss-port" } else { "--websocket-port" };
            command.args([option, &port.to_string()]);
        }
        if self.options.has_tls {
            command.arg("--identity").arg(folder);
        }
        if let Some((name, password)) = &self.options.user {
            command.args(["--user", &format!("{name}:{password}")]);
        }
        if let Some(name) = self.options.server_name {
            command.args(["--server-name", name]);
        }
        command.args(["--quota", &self.options.quota_refusals.to_string()]);
        Ok(command)
    }
}

/// The command without the broker's own arguments.
fn java(program: &Path) -> Result<Command> {
    let installed = workspace_root().join("tests/.peers/hivemq");
    let classes = installed.join("classes").into_os_string().into_string();
    let classes = classes.ok().context("the path of the repository is no text")?;
    let libraries = format!("{}/*", installed.join("lib").display());
    let logging = workspace_root().join("tests/peers/hivemq/logback.xml");
    let mut command = Command::new(program);
    // Two quick compilers and one small heap are enough, and several run at once.
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]);
    command.arg(format!("-Dlogback.configurationFile={}", logging.display()));
    command.args(["-cp", &format!("{classes}:{libraries}"), "tagwise.Broker"]);
    Ok(command)
}
