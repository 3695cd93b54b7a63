//! A child process: its output goes to files, and it ends with its owner.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::wait_until;

/// How many of the last lines of its stderr a process shows when it is dropped; the test runner prints them when the
/// test has failed.
const SHOWN_LINES: usize = 60;

/// The signals that scenarios send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks for an orderly end.
    Terminate,
    /// What Ctrl-C sends.
    Interrupt,
    /// Ends it at once, like a power cut.
    Kill,
    /// Freezes it.
    Stop,
    /// Lets it go on.
    Continue,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// A running child; killed and awaited on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `<directory>/<name>.out` and `.err`, added to what is there.
    pub fn spawn(name: &str, command: &mut Command, directory: &Path) -> Result<Self> {
        let stdout = directory.join(format!("{name}.out"));
        let stderr = directory.join(format!("{name}.err"));
        let child = command
            .stdin(Stdio::piped())
            .stdout(append_to(&stdout)?)
            .stderr(append_to(&stderr)?)
            .spawn()
            .with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, stdout, stderr })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written to stdout.
    pub fn stdout(&self) -> Result<String> {
        read(&self.stdout)
    }

    /// Everything it has written to stderr.
    pub fn stderr(&self) -> Result<String> {
        read(&self.stderr)
    }

    /// Its stdin, once.
    pub fn take_stdin(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().with_context(|| format!("the stdin of {} is taken", self.name))
    }

    /// Sends a signal. The shell's own `kill` does it: a small container may have no other.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let script = format!("kill -{} {}", signal.name(), self.id());
        let status = Command::new("sh").args(["-c", &script]).status().context("running sh")?;
        ensure!(status.success(), "`{script}` for {} failed", self.name);
        Ok(())
    }

    /// Ends it at once, whatever it is doing.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        // It may have ended by itself, which is fine.
        self.child
            .kill()
            .or_else(|error| if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) })?;
        self.child.wait().with_context(|| format!("awaiting {}", self.name))
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("asking about {}", self.name))
    }

    /// Waits for its end.
    pub async fn exit_within(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let what = format!("{} has ended", self.name);
        wait_until(&what, deadline, async || self.exit_status()).await
    }

    /// Waits for the first line on stdout that begins with `start`, and returns the rest of that line.
    pub async fn stdout_line(&mut self, start: &str, deadline: Duration) -> Result<String> {
        let what = format!("{} has printed a line that begins with {start:?}", self.name);
        wait_until(&what, deadline, async || {
            let text = self.stdout()?;
            let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if let Some(rest) = whole_lines.lines().find_map(|line| line.strip_prefix(start)) {
                return Ok(Some(rest.trim().to_owned()));
            }
            if let Some(status) = self.exit_status()? {
                bail!("{} ended ({status}) before it was ready", self.name);
            }
            Ok(None)
        })
        .await
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the test runner shows it when the test has failed")]
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
        let text = self.stderr().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        eprintln!("--- stderr of {}, last {} of {} lines", self.name, shown.len(), lines.len());
        for line in shown {
            eprintln!("{line}");
        }
    }
}

fn append_to(path: &Path) -> Result<File> {
    File::options().create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PATIENCE;

    fn shell(script: &str) -> (Process, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::spawn("shell", Command::new("sh").args(["-c", script]), directory.path()).unwrap();
        (process, directory)
    }

    #[tokio::test]
    async fn a_line_is_found_once_it_is_whole() {
        let (mut process, _directory) = shell("echo other; printf 'port: 17'; read x; printf '6\\n'; read x");
        let unfinished = process.stdout_line("port: ", Duration::from_millis(200)).await;
        assert!(unfinished.is_err(), "{unfinished:?}");
        io::Write::write_all(&mut process.take_stdin().unwrap(), b"\n").unwrap();
        assert_eq!(process.stdout_line("port: ", PATIENCE).await.unwrap(), "176");
    }

    #[tokio::test]
    async fn a_process_that_ends_early_is_not_waited_for() {
        let (mut process, _directory) = shell("exit 3");
        let error = process.stdout_line("ready", PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("before it was ready"), "{error}");
    }

    #[tokio::test]
    async fn signals_arrive() {
        let (mut process, _directory) = shell("trap 'exit 7' TERM; echo on; while :; do read x || sleep 0.1; done");
        process.stdout_line("on", PATIENCE).await.unwrap();
        process.take_stdin().unwrap();
        process.signal(Signal::Terminate).unwrap();
        assert_eq!(process.exit_within(PATIENCE).await.unwrap().code(), Some(7));
    }
}
