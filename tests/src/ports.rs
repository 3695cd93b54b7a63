//! Ports for peers that have to be told theirs.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of those gets in between.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of loopback that nothing listens on, and that no other caller in this process has been given.
pub fn free_port() -> Result<u16> {
    // Each process begins elsewhere, so that two test runs at once seldom meet.
    let start = (std::process::id() % 500) as u16 * 20;
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port from 20000 to 29999 is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_calls_give_two_ports() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }
}
