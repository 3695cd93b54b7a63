//! An OPC UA server of any of the stacks, in a process of its own: typed nodes, counters, and a control channel.

use std::{io::Write, path::PathBuf, process::ChildStdin};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, Process, Signal, Stack, UaClient, free_port, wait_until};

/// How the server is set up.
#[derive(Clone, Debug, Default)]
pub struct UaServerOptions {
    /// The only user; anonymous clients are refused when there is one.
    pub user: Option<(String, String)>,
    /// How many nodes `Counter1`, `Counter2`, … tick; 1 when absent.
    pub counters: Option<usize>,
    /// More ticking nodes by name.
    pub nodes: Vec<String>,
    /// Of asyncua: namespaces registered before ours and after it, each with a node `Counter1` that is always -1.
    pub other_namespaces: (Vec<String>, Vec<String>),
    /// Of asyncua: whether there are nodes of structured types, `Structures.*`.
    pub structures: bool,
    /// Of asyncua: what it does as no right server would, `NAME[:ARGUMENT]` each; `tests/peers/odd` has the names.
    pub odd: Vec<String>,
    /// Ticks per second; 10 when absent.
    pub rate: Option<f64>,
    /// The folder of the server's certificate; with it the server offers `Basic256Sha256` with encryption, too.
    pub secure: Option<PathBuf>,
}

/// A server that can be ended and started again on the same port.
#[derive(Debug)]
pub struct UaServer {
    // Before the folder, so that it is ended before its log is removed.
    running: Option<Running>,
    stack: Stack,
    program: PathBuf,
    directory: TempDir,
    port: u16,
    options: UaServerOptions,
}

#[derive(Debug)]
struct Running {
    process: Process,
    stdin: ChildStdin,
    /// Lines of stdout already read; the first says that it is ready.
    lines_read: usize,
}

impl UaServerOptions {
    /// Of asyncua, with these oddities.
    #[must_use]
    pub fn odd(oddities: &[&str]) -> Self {
        Self { odd: oddities.iter().map(|oddity| (*oddity).to_owned()).collect(), ..Self::default() }
    }
}

impl UaServer {
    /// asyncua with one counter, running.
    pub async fn start(python: PathBuf) -> Result<Self> {
        Self::start_with(python, UaServerOptions::default()).await
    }

    /// asyncua as asked, running.
    pub async fn start_with(python: PathBuf, options: UaServerOptions) -> Result<Self> {
        Self::start_of(Stack::Asyncua, python, options).await
    }

    /// A server of this stack as asked, running.
    pub async fn start_of(stack: Stack, program: PathBuf, options: UaServerOptions) -> Result<Self> {
        let mut server = Self::prepare_of(stack, program, options)?;
        server.resume().await?;
        Ok(server)
    }

    /// asyncua as asked, not yet running: its port refuses connections.
    pub fn prepare(python: PathBuf, options: UaServerOptions) -> Result<Self> {
        Self::prepare_of(Stack::Asyncua, python, options)
    }

    /// A server of this stack as asked, not yet running.
    pub fn prepare_of(stack: Stack, program: PathBuf, options: UaServerOptions) -> Result<Self> {
        Ok(Self { stack, program, directory: tempfile::tempdir()?, port: free_port()?, options, running: None })
    }

    /// Its stack.
    pub fn stack(&self) -> Stack {
        self.stack
    }

    /// The endpoint for a mapping.
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The node of this name in a foreign server, as a mapping spells it.
    pub fn node(name: &str) -> String {
        Stack::Asyncua.node(name)
    }

    /// The process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// At its next start it has its namespaces in this order.
    pub fn reorder(&mut self, before: &[&str], after: &[&str]) {
        let owned = |uris: &[&str]| uris.iter().map(|uri| (*uri).to_owned()).collect();
        self.options.other_namespaces = (owned(before), owned(after));
    }

    /// Starts it (again) on its port.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = self.stack.command(&self.program, self.port, &self.options)?;
        // Each start has its own stdout, so that the answers of the last one are not taken for this one's.
        let directory = tempfile::tempdir_in(self.directory.path())?.keep();
        let mut process = Process::spawn(self.stack.name(), &mut command, &directory)?;
        process.stdout_line(self.stack.ready_line(), PATIENCE).await?;
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
        match self.stack {
            Stack::Simulator => self.signal(Signal::Terminate)?,
            _ => writeln!(self.running()?.stdin, "stop")?,
        }
        self.running()?.process.exit_within(PATIENCE).await?;
        self.running = None;
        Ok(())
    }

    /// Sends a signal: to freeze it, or to let it go on.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.running.as_ref().with_context(|| format!("the {} server does not run", self.stack))?.process.signal(signal)
    }

    /// Adds a node that counts ticks.
    pub async fn add_node(&mut self, name: &str) -> Result<()> {
        self.ask(&format!("add-node {name}")).await.map(drop)
    }

    /// The value of a node as the server itself sees it. Of the simulator, which has no control channel, as any client
    /// sees it.
    pub async fn read(&mut self, name: &str) -> Result<Value> {
        if self.stack == Stack::Simulator {
            let mut client = self.client().await?;
            let value = client.read_json(&self.stack.node(name)).await;
            client.close().await;
            return value;
        }
        self.ask_for_value(&format!("read {name}")).await
    }

    /// How many sessions the server has, those included whose connection is gone.
    pub async fn session_count(&mut self) -> Result<u64> {
        if self.stack == Stack::Simulator {
            let mut client = self.client().await?;
            let count = client.session_count().await;
            client.close().await;
            return count;
        }
        let count = self.ask_for_value("sessions").await?;
        count.as_u64().with_context(|| format!("{} counts {count} sessions", self.stack))
    }

    /// Gives a node a value of its own type.
    pub async fn write(&mut self, name: &str, value: &Value) -> Result<()> {
        self.ask(&format!("write {name} {value}")).await.map(drop)
    }

    /// Gives a node a `StatusCode`; a ticking node stops ticking.
    pub async fn set_status(&mut self, name: &str, symbol: &str) -> Result<()> {
        self.ask(&format!("status {name} {symbol}")).await.map(drop)
    }

    /// Gives asyncua a command of `tests/peers/odd`.
    pub async fn tell(&mut self, line: &str) -> Result<()> {
        self.ask(line).await.map(drop)
    }

    /// Asks asyncua what a command of `tests/peers/odd` answers.
    pub async fn ask_json(&mut self, line: &str) -> Result<Value> {
        self.ask_for_value(line).await
    }

    /// How many requests asyncua has counted under this name: a service's, such as `CreateSession`, or one of `tests/peers/odd`.
    pub async fn count_of(&mut self, name: &str) -> Result<u64> {
        Ok(self.ask_for_value("counts").await?[name].as_u64().unwrap_or(0))
    }

    async fn client(&self) -> Result<UaClient> {
        UaClient::connect(&self.url(), self.options.user.as_ref()).await
    }

    async fn ask_for_value(&mut self, line: &str) -> Result<Value> {
        let answer = self.ask(line).await?;
        let json =
            answer.strip_prefix("value ").with_context(|| format!("{} answered {answer:?} to {line:?}", self.stack))?;
        Ok(serde_json::from_str(json)?)
    }

    async fn ask(&mut self, line: &str) -> Result<String> {
        let stack = self.stack;
        ensure!(stack != Stack::Simulator, "the simulator has no control channel for {line:?}");
        let running = self.running()?;
        writeln!(running.stdin, "{line}")?;
        let number = running.lines_read;
        running.lines_read += 1;
        let answer = wait_until(&format!("{stack} has answered {line:?}"), PATIENCE, async || {
            let text = running.process.stdout()?;
            let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            Ok(whole.nth(number).map(|line| line.trim().to_owned()))
        })
        .await?;
        if answer.starts_with("error") {
            bail!("{stack} on {line:?}: {answer}");
        }
        Ok(answer)
    }

    fn running(&mut self) -> Result<&mut Running> {
        let stack = self.stack;
        self.running.as_mut().with_context(|| format!("the {stack} server does not run"))
    }
}
