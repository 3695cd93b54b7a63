//! Debian's mosquitto as the broker.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{PATIENCE, Process, Signal, free_port, peer::find_program, tls::write_identity, wait_until};

/// How to reach a broker, for the probe.
#[derive(Clone, Debug)]
pub struct BrokerAccess {
    /// The name or address of loopback. TLS asks the server for a name, and for no address.
    pub host: String,
    /// The port on loopback.
    pub port: u16,
    /// User name and password.
    pub user: Option<(String, String)>,
    /// PEM of the authority to trust; TLS when there is one.
    pub authority: Option<String>,
}

impl BrokerAccess {
    /// A broker on loopback without TLS or users.
    pub fn plain(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port, user: None, authority: None }
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

/// What the broker demands.
#[derive(Clone, Debug, Default)]
pub struct MosquittoOptions {
    /// The only user; anonymous clients are refused when there is one.
    pub user: Option<(String, String)>,
    /// Whether it speaks TLS only, with a certificate of an authority of its own.
    pub has_tls: bool,
    /// The port; a free one when absent.
    pub port: Option<u16>,
    /// Whether sessions, retained and queued messages survive an end in order.
    pub is_persistent: bool,
    /// Whether it logs no packets, which costs it more than handling them.
    pub is_quiet: bool,
    /// Messages of QoS 1 and 2 that a client may have in flight, which it is told as the Receive Maximum; 0 is no limit.
    pub max_inflight: u16,
}

/// A broker that can be ended and started again on the same port.
#[derive(Debug)]
pub struct Mosquitto {
    // Before the folder, so that it is ended before its log is removed.
    process: Option<Process>,
    program: PathBuf,
    directory: TempDir,
    access: BrokerAccess,
}

impl Mosquitto {
    /// A plain broker on a free port, running.
    pub async fn start(program: PathBuf) -> Result<Self> {
        Self::start_with(program, MosquittoOptions::default()).await
    }

    /// A broker as asked, running.
    pub async fn start_with(program: PathBuf, options: MosquittoOptions) -> Result<Self> {
        let mut broker = Self::prepare(program, options)?;
        broker.resume().await?;
        Ok(broker)
    }

    /// A broker as asked, not yet running: its port refuses connections.
    pub fn prepare(program: PathBuf, options: MosquittoOptions) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = options.port.map_or_else(free_port, Ok)?;
        let mut access = BrokerAccess { user: options.user, ..BrokerAccess::plain(port) };
        let mut lines = vec![
            format!("listener {port} 127.0.0.1"),
            format!("persistence {}", options.is_persistent),
            format!("persistence_location {}/", directory.path().display()),
            // The scenarios look at what the adapter loses, so the broker must not drop anything for a slow probe.
            "max_queued_messages 0".to_owned(),
            format!("max_inflight_messages {}", options.max_inflight),
            "set_tcp_nodelay true".to_owned(),
            "log_dest stderr".to_owned(),
            format!("log_type {}", if options.is_quiet { "warning" } else { "all" }),
            "connection_messages true".to_owned(),
            // Started by root it would otherwise become a user that cannot read the test's files.
            "user root".to_owned(),
        ];
        lines.extend(credentials(&access, directory.path())?);
        if options.has_tls {
            access.authority = Some(write_identity(directory.path())?);
            let file = |name| directory.path().join(name).display().to_string();
            lines.extend([format!("certfile {}", file("server.pem")), format!("keyfile {}", file("server.key"))]);
        }
        fs::write(directory.path().join("mosquitto.conf"), lines.join("\n") + "\n")?;
        Ok(Self { program, directory, access, process: None })
    }

    /// How the probe reaches it.
    pub fn access(&self) -> &BrokerAccess {
        &self.access
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// The file with the authority's certificate, for a mapping's `ca_file`.
    pub fn authority_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// What the broker has logged; one line a packet.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("mosquitto.err"))?)
    }

    /// The process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts it (again) on its port.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.directory.path().join("mosquitto.conf"));
        let mut process = Process::spawn("mosquitto", &mut command, self.directory.path())?;
        wait_until("mosquitto accepts connections", PATIENCE, async || {
            if let Some(status) = process.exit_status()? {
                bail!("mosquitto ended with {status}: {}", process.stderr()?);
            }
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

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.running()?;
        process.signal(Signal::Terminate)?;
        process.exit_within(PATIENCE).await?;
        self.process = None;
        Ok(())
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("mosquitto does not run")
    }
}

fn credentials(access: &BrokerAccess, directory: &Path) -> Result<Vec<String>> {
    let Some((name, password)) = &access.user else { return Ok(vec!["allow_anonymous true".to_owned()]) };
    let file = directory.join("passwords");
    fs::write(&file, "")?;
    let tool = find_program("mosquitto_passwd").context("mosquitto_passwd is not installed")?;
    let status = Command::new(tool).arg("-b").arg(&file).args([name, password]).status()?;
    ensure!(status.success(), "mosquitto_passwd failed");
    Ok(vec!["allow_anonymous false".to_owned(), format!("password_file {}", file.display())])
}
