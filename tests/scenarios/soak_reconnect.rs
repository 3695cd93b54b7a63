//! How soon values come again after the server's return: the median and the worst of many, over the stacks.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tagwise_tests::{Adapter, SequenceCheck, Stack, UaServerOptions, pause};

use crate::stacks::Stand;

/// How long the server is away, and how often.
const OUTAGES: [(Duration, usize); 2] = [(Duration::from_secs(3), 10), (Duration::from_mins(1), 3)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour; run by `cargo xtask soak`"]
async fn soak_of_reconnects_to_every_stack() -> Result<()> {
    let mut lines = Vec::new();
    for stack in Stack::ALL {
        for (away, times) in OUTAGES {
            let Some(mut waits) = waits(stack, away, times).await? else { continue };
            waits.sort_unstable();
            let (median, worst) = (waits[waits.len() / 2], waits.last().copied().unwrap_or_default());
            lines.push(format!(
                "{:<12}{:>8} s away, {times:>2} times: median {:.2} s, worst {:.2} s",
                stack.name(),
                away.as_secs(),
                median.as_secs_f64(),
                worst.as_secs_f64()
            ));
        }
    }
    print(&lines);
    Ok(())
}

/// From each return of the server to the first new value.
async fn waits(stack: Stack, away: Duration, times: usize) -> Result<Option<Vec<Duration>>> {
    let mut waits = Vec::new();
    for _ in 0..times {
        // Everything anew each time, since open62541 lives for ten minutes only.
        let Some(mut stand) = Stand::set_up(stack, UaServerOptions::default()).await? else { return Ok(None) };
        let mapping = stand.mapping(&stand.server.url())?.with(&stand.counter());
        let mapping = mapping.replacing("retry: { initial: 250ms, max: 1s }", "retry: { initial: 1s, max: 60s }")?;
        let mut adapter = Adapter::start(&mapping).await?;
        stand.probe.wait_for_count("counter", 5).await?;
        stand.server.kill()?;
        adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
        pause(away).await;
        let mark = stand.probe.mark();
        stand.server.resume().await?;
        let begun = Instant::now();
        stand.probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
        waits.push(begun.elapsed());
        SequenceCheck::check(&stand.probe.messages()).with_context(|| format!("{stack} away for {away:?}"))?;
    }
    Ok(Some(waits))
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(lines: &[String]) {
    println!("\nFrom the server's return to the first new value, published every 100 ms:\n{}", lines.join("\n"));
}
