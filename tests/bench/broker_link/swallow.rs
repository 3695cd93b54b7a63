//! A subscriber to everything that does nothing with it. Prints one line when it is subscribed, and runs until it is
//! ended.

use std::time::Duration;

use anyhow::Result;

use super::wire::{Target, Wire};

/// What it prints when it is subscribed.
pub(super) const SUBSCRIBED: &str = "subscribed";

/// Runs until the broker or this process is ended.
#[expect(clippy::print_stdout, reason = "the parent waits for it")]
pub(crate) async fn run(target: Target) -> Result<()> {
    let (mut wire, _) = Wire::open(&target, "bench-swallow").await?;
    wire.subscribe("#").await?;
    println!("{SUBSCRIBED}");
    loop {
        wire.read(Duration::ZERO).await?;
        wire.discard();
    }
}
