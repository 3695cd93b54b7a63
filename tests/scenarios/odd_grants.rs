//! What the server grants counts, whatever was asked for: times, intervals, its state and its clock.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tagwise_tests::{Adapter, SequenceCheck, UaServerOptions, pause};

use crate::{
    odd_stand::{count_after, counted, heard, odd, tag},
    stacks::Stand,
};

/// A tag that rests and one that ticks.
fn two_tags() -> String {
    format!("tags:\n{}{}", tag("still", "Types.Int16", ""), tag("counter", "Counter1", ""))
}

/// Only a tag that rests, so that nothing but what the adapter itself does keeps the session alive.
fn resting_tag() -> String {
    format!("tags:\n{}", tag("still", "Types.Int16", ", subscription: { publishing_interval: 5s }"))
}

async fn a_session_of_this_time_lives(granted: u64) -> Result<()> {
    let Some(mut stand) = odd(&[&format!("grant:session-timeout={granted}"), "grant:keep-alive-count=1000"]).await?
    else {
        return Ok(());
    };
    let mapping = stand.mapping(&stand.server.url())?.connection("keep_alive_interval: 60s").with(&resting_tag());
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "still", 1).await?;
    pause(Duration::from_millis(3 * granted)).await;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the first session lives");
    ensure!(stand.server.session_count().await? == 1, "the server still has it");
    ensure!(stand.probe.on_topic("tagwise/line1/gap").is_empty(), "nothing was lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_kept_alive_as_often_as_was_granted() -> Result<()> {
    a_session_of_this_time_lives(3_000).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publishing_interval_that_is_no_time_ends_nothing() -> Result<()> {
    for granted in ["1e21", "nan"] {
        let Some(stand) = odd(&[&format!("grant:publishing-interval={granted}")]).await? else { return Ok(()) };
        let mut adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&two_tags()))?;
        let values = count_after(&stand.probe, 0, "counter", 5).await;
        adapter.ensure_running()?;
        values.with_context(|| format!("{granted} ms were granted: {}", adapter.log().unwrap_or_default()))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_as_long_as_the_granted_interval_needs() -> Result<()> {
    let odd = ["grant:publishing-interval=2000"].map(str::to_owned).to_vec();
    let options = UaServerOptions { odd, rate: Some(20.0), ..UaServerOptions::default() };
    let Some(stand) = Stand::set_up(tagwise_tests::Stack::Asyncua, options).await? else { return Ok(()) };
    // 100 ms are asked for, with 50 ms of sampling: a queue of 4 if that were granted.
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&two_tags())).await?;
    count_after(&stand.probe, 0, "counter", 60).await?;
    let values: Vec<f64> =
        stand.probe.on_topic("counter").iter().filter_map(|m| m.json().ok()?["value"].as_f64()).collect();
    let holes: f64 = values.windows(2).map(|pair| pair[1] - pair[0] - 1.0).sum();
    ensure!(holes < 0.5, "{holes} values fell out of the server's queue: {values:?}");
    SequenceCheck::check(&stand.probe.messages()).map(drop)
}

/// Silence of a server that grants longer intervals is no fault, and its end is noticed by the granted ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slower_server_is_not_taken_for_a_silent_one() -> Result<()> {
    let Some(mut stand) = odd(&["grant:publishing-interval=3000", "grant:keep-alive-count=2"]).await? else {
        return Ok(());
    };
    let tags = format!("tags:\n{}", tag("still", "Types.Int16", ""));
    let connection = "keep_alive_interval: 1s, keep_alive_failures_allowed: 1, request_timeout: 2s";
    let mapping = stand.mapping(&stand.server.url())?.connection(connection).with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "still", 1).await?;
    pause(Duration::from_secs(13)).await;
    ensure!(stand.server.count_of("connections").await? <= 3, "it is connected to once");
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    let subscriptions = stand.server.count_of("CreateSubscription").await?;
    ensure!(subscriptions == 1, "with one Subscription, not {subscriptions}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_running_is_told_and_not_left() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let connection = "keep_alive_interval: 1s, keep_alive_failures_allowed: 1";
    let mapping = stand.mapping(&stand.server.url())?.connection(connection).with(&two_tags());
    let mut adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    stand.server.tell("state CommunicationFault").await?;
    let mark = stand.probe.mark();
    let is_told = |reply: &tagwise_tests::Reply| reply.body.contains("CommunicationFault");
    adapter.readiness("the state is told", is_told).await?;
    // Values flow for longer than several keep-alives take.
    count_after(&stand.probe, mark, "counter", 50).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    ensure!(stand.server.count_of("connections").await? <= 3, "over one connection");
    let is_degraded = |json: &serde_json::Value| json["status"] == "degraded";
    heard(&stand.probe, "tagwise/line1/status", "the status message says it", is_degraded).await?;
    stand.server.tell("state Running").await?;
    adapter.readiness("the end of it is told", |reply| !reply.body.contains("CommunicationFault")).await?;
    Ok(())
}

/// A server whose clock is so many seconds wrong gets the requests that it would get with a right one.
async fn the_clock_is_wrong_by(seconds: i64, is_secure: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let secure = is_secure.then(|| folder.path().join("pki"));
    let odd = vec![format!("clock:{seconds}"), "grant:token-lifetime=600000".to_owned()];
    let options = UaServerOptions { odd, secure, ..UaServerOptions::default() };
    let Some(mut stand) = Stand::set_up(tagwise_tests::Stack::Asyncua, options).await? else { return Ok(()) };
    let mut mapping = stand.mapping(&stand.server.url())?.with(&two_tags());
    if is_secure {
        mapping = mapping.security("policy: basic256sha256").opcua("pki_dir: pki");
    }
    let mut adapter = Adapter::spawn(&mapping)?;
    if is_secure {
        crate::odd_stand::trust(&mut adapter).await?;
    }
    count_after(&stand.probe, 0, "counter", 20).await?;
    counted(&mut stand.server, "Publish", 10).await?;
    let opened = stand.server.count_of("OpenSecureChannel").await?;
    let connections = stand.server.count_of("connections").await?;
    ensure!(opened <= connections, "{opened} OpenSecureChannel on {connections} connections");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_ten_minutes_behind_costs_no_request() -> Result<()> {
    the_clock_is_wrong_by(-600, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_a_day_behind_costs_no_request() -> Result<()> {
    the_clock_is_wrong_by(-86_400, true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_a_day_ahead_costs_no_request() -> Result<()> {
    the_clock_is_wrong_by(86_400, false).await
}

/// A token that is granted for a short time is renewed in time, by the adapter's own clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_by_our_own_clock() -> Result<()> {
    let Some(mut stand) = odd(&["clock:86400", "grant:token-lifetime=4000"]).await? else { return Ok(()) };
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&two_tags())).await?;
    counted(&mut stand.server, "OpenSecureChannel", 4).await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "counter", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the session lives on");
    ensure!(stand.server.count_of("OpenSecureChannelWithToken").await? == 0, "no session's token is in them");
    Ok(())
}
