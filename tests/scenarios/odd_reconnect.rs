//! Values come again soon after the server's return, however long it was away.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tagwise_tests::{Adapter, SequenceCheck, Stack, UaServerOptions, pause};

use crate::{odd_stand::tag, stacks::Stand};

/// A port that refuses is tried twice a second; on a busy machine this much is allowed. The soak prints what it is.
const ALLOWED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_soon_after_the_return_of_the_server() -> Result<()> {
    let Some(mut stand) = Stand::set_up(Stack::Asyncua, UaServerOptions::default()).await? else { return Ok(()) };
    // Pauses as they are by default, not the quick ones of the other scenarios.
    let retry = "retry: { initial: 250ms, max: 1s }";
    let text = stand.mapping(&stand.server.url())?.with(&format!("tags:\n{}", tag("counter", "Counter1", "")));
    let mapping = text.replacing(retry, "retry: { initial: 1s, max: 60s }")?;
    let mut adapter = Adapter::start(&mapping).await?;
    stand.probe.wait_for_count("counter", 5).await?;
    for away in [3, 12] {
        stand.server.kill()?;
        adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
        pause(Duration::from_secs(away)).await;
        stand.server.resume().await?;
        let (mark, begun) = (stand.probe.mark(), Instant::now());
        stand.probe.wait_after(mark, "values flow again", |message| message.topic == "counter").await?;
        ensure!(begun.elapsed() < ALLOWED, "after {away} s away it took {:?}", begun.elapsed());
    }
    SequenceCheck::check(&stand.probe.messages()).map(drop)
}
