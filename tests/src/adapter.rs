//! The adapter under test: `tagwise run` in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Http, Mapping, PATIENCE, Process, Reply, Signal, tagwise_binary, wait_until};

/// A running adapter that can be ended and started again with the same state.
#[derive(Debug)]
pub struct Adapter {
    // Before the folder, so that it is ended before its log is removed.
    process: Option<Process>,
    directory: TempDir,
    mapping: PathBuf,
    environment: Vec<(String, String)>,
    http: Http,
    /// Stands in for `tagwise run`; takes the mapping as its only argument.
    program: Option<PathBuf>,
}

impl Adapter {
    /// Starts a program that takes a mapping and runs it, and waits until `/readyz` says yes.
    pub async fn start_program(mapping: &Mapping, program: PathBuf) -> Result<Self> {
        let mut adapter = Self::prepare(mapping, &[])?;
        adapter.program = Some(program);
        adapter.resume()?;
        adapter.ready().await?;
        Ok(adapter)
    }

    /// Starts it and does not wait for anything.
    pub fn spawn(mapping: &Mapping) -> Result<Self> {
        Self::spawn_in(mapping, &[])
    }

    /// As `spawn`, with environment variables.
    pub fn spawn_in(mapping: &Mapping, environment: &[(&str, &str)]) -> Result<Self> {
        let mut adapter = Self::prepare(mapping, environment)?;
        adapter.resume()?;
        Ok(adapter)
    }

    fn prepare(mapping: &Mapping, environment: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("line1.yaml");
        fs::write(&file, mapping.text())?;
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let http = Http::at(mapping.http_port());
        Ok(Self { directory, mapping: file, environment, http, program: None, process: None })
    }

    /// Starts it and waits until `/readyz` says yes.
    pub async fn start(mapping: &Mapping) -> Result<Self> {
        let mut adapter = Self::spawn(mapping)?;
        adapter.ready().await?;
        Ok(adapter)
    }

    /// Starts it again, with the state the last one left.
    pub fn resume(&mut self) -> Result<()> {
        let mut command = match &self.program {
            Some(program) => in_directory(program, self.directory.path()),
            None => tagwise(self.directory.path())?,
        };
        command.args(self.program.is_none().then_some("run")).arg(&self.mapping);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.process = Some(Process::spawn("tagwise", &mut command, self.directory.path())?);
        Ok(())
    }

    /// Its pages.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Its folder: the mapping file and the state.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the adapter does not run")?.id())
    }

    /// Everything it has logged.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("tagwise.err"))?)
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&mut self) -> Result<Reply> {
        self.readiness("the adapter is ready", |reply| reply.status == 200).await
    }

    /// Waits until `/readyz` answers as `is_wanted` says.
    pub async fn readiness(&mut self, what: &str, is_wanted: impl Fn(&Reply) -> bool) -> Result<Reply> {
        let http = self.http.clone();
        wait_until(what, PATIENCE, async || {
            self.ensure_running()?;
            // Until it listens, connections are refused.
            Ok(http.get("/readyz").await.ok().filter(|reply| is_wanted(reply)))
        })
        .await
    }

    /// Waits until the metrics are as `is_wanted` says.
    pub async fn metrics_where(
        &self,
        what: &str,
        is_wanted: impl Fn(&crate::Metrics) -> bool,
    ) -> Result<crate::Metrics> {
        let wanted = async || Ok(self.http.metrics().await.ok().filter(|metrics| is_wanted(metrics)));
        wait_until(what, PATIENCE, wanted).await
    }

    /// Posts JSON and expects 200 with a JSON answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let reply = self.http.post(path, body).await?;
        if reply.status != 200 {
            bail!("POST {path} {body} was answered {}: {}", reply.status, reply.body);
        }
        reply.json()
    }

    /// Fails when it has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        let process = self.process.as_mut().context("the adapter does not run")?;
        match process.exit_status()? {
            None => Ok(()),
            Some(status) => bail!("the adapter ended ({status}): {}", process.stderr()?),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("the adapter does not run")?.signal(signal)
    }

    /// Waits for its end.
    pub async fn exit_within(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let status = self.process.as_mut().context("the adapter does not run")?.exit_within(deadline).await?;
        self.process = None;
        Ok(status)
    }

    /// SIGTERM, then waits for its end.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::Terminate)?;
        self.exit_within(deadline).await
    }

    /// Ends it at once, like a power cut.
    pub fn kill(&mut self) -> Result<()> {
        self.process.as_mut().context("the adapter does not run")?.kill()?;
        self.process = None;
        Ok(())
    }
}

/// How a command that ends by itself ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub stdout: String,
    /// Logs and diagnostics.
    pub stderr: String,
}

/// Runs `tagwise` with these arguments in `directory` until it ends by itself.
pub async fn run_to_end(arguments: &[&str], directory: &Path, deadline: Duration) -> Result<Output> {
    run_to_end_in(arguments, &[], directory, deadline).await
}

/// As `run_to_end`, with environment variables.
pub async fn run_to_end_in(
    arguments: &[&str],
    environment: &[(&str, &str)],
    directory: &Path,
    deadline: Duration,
) -> Result<Output> {
    let mut command = tagwise(directory)?;
    command.args(arguments).envs(environment.iter().copied());
    // Output is appended, so each run writes to a place of its own.
    let output = tempfile::tempdir()?;
    let mut process = Process::spawn("tagwise", &mut command, output.path())?;
    drop(process.take_stdin()?);
    let status = process.exit_within(deadline).await?;
    Ok(Output { code: status.code(), stdout: process.stdout()?, stderr: process.stderr()? })
}

fn tagwise(directory: &Path) -> Result<Command> {
    Ok(in_directory(tagwise_binary()?, directory))
}

fn in_directory(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    // What a service manager or a developer's shell sets must not reach the adapter under test.
    command.current_dir(directory).env_remove("STATE_DIRECTORY").env_remove("RUST_LOG");
    command
}
