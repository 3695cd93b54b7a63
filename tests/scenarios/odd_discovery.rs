//! Endpoints that are only told at `/discovery`, or not at all.

use anyhow::{Result, ensure};
use tagwise_tests::Adapter;

use crate::odd_stand::{count_after, odd, odd_secure, tag, trust};

fn counter() -> String {
    format!("tags:\n{}", tag("counter", "Counter1", ""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_is_asked_where_the_session_address_refuses() -> Result<()> {
    let Some((mut stand, mapping, _folder)) = odd_secure(&["discovery-only"]).await? else { return Ok(()) };
    let mut adapter = Adapter::spawn(&mapping.with(&counter()))?;
    trust(&mut adapter).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    ensure!(stand.server.count_of("asked without security").await? >= 1, "the session address was asked first");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_of_endpoints_is_told_as_that() -> Result<()> {
    let Some(stand) = odd(&["no-endpoints"]).await? else { return Ok(()) };
    let mut adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&counter()))?;
    let is_told = |reply: &tagwise_tests::Reply| reply.status == 503 && reply.body.contains("endpoint");
    let reply = adapter.readiness("the empty list is told", is_told).await?;
    ensure!(!reply.body.contains("enable the security policy"), "nothing is known of what is enabled: {}", reply.body);
    Ok(())
}
