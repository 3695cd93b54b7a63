//! What a process has used, as Linux counts it.

use std::{fs, process::Command};

use anyhow::{Context, Result};

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// User and system time of all its threads so far, in seconds.
    pub cpu_seconds: f64,
    /// The most memory it has had resident at once, in bytes.
    pub peak_resident_bytes: u64,
    /// The memory it has resident now, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// Of a process that runs.
    pub fn of(id: u32) -> Result<Self> {
        let stat = read(id, "stat")?;
        let status = read(id, "status")?;
        Ok(Self {
            cpu_seconds: ticks(&stat).with_context(|| format!("cannot read {stat:?}"))? / ticks_per_second()?,
            peak_resident_bytes: bytes(&status, "VmHWM:").context("the status of the process has no VmHWM")?,
            resident_bytes: bytes(&status, "VmRSS:").context("the status of the process has no VmRSS")?,
        })
    }
}

fn read(id: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{id}/{file}")).with_context(|| format!("is process {id} still there?"))
}

/// Fields 14 and 15, counted after the name of the program, which may contain spaces and brackets.
fn ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some(user + system)
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn ticks_per_second() -> Result<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output().context("running getconf")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("getconf CLK_TCK says {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_hold_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 1 1 18446744073709551615";
        assert_eq!(ticks(stat).map(|ticks| ticks.to_string()).as_deref(), Some("300"));
        assert_eq!(bytes("VmPeak:\t 9 kB\nVmHWM:\t    12 kB\n", "VmHWM:"), Some(12 * 1024));
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_bytes <= usage.peak_resident_bytes, "{usage:?}");
    }
}
