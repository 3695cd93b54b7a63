//! A slow link that lives: nothing on it is declared dead, and what is urgent does not wait for what is large.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tagwise_tests::{Behaviour, OddBroker, Reading, Simulator, UaClient};

use crate::odd_broker_stand::{OddStand, SOON, Terms, V3, V5, commands};

const BYTES_PER_SECOND: u32 = 24_000;

/// A text, a command, and a broker that is far away.
async fn stand(version: &'static str) -> Result<(OddStand, UaClient, String)> {
    let node = Simulator::node("Types", "String");
    let text = format!("  - {{ name: text, node: '{node}', topic: plant1/text }}\n{}", commands(["plant1/speed/set"]));
    let behaviour = Behaviour { reading: Reading::BytesPerSecond(BYTES_PER_SECOND), ..Behaviour::default() };
    // Beside the text nothing fills the link.
    let terms = Terms::of(version).load(0, 1.0, "").with(&text);
    let stand = terms.stand(behaviour).await?;
    stand.flows("plant1/text", 1, SOON).await?;
    let client = UaClient::connect(&stand.simulator.url(), None).await?;
    Ok((stand, client, node))
}

fn has_come(broker: &OddBroker, letter: &str) -> bool {
    broker.published("plant1/text").iter().any(|(_, publish, _)| {
        publish.size > 50_000 && publish.payload.windows(8).any(|part| part == letter.repeat(8).as_bytes())
    })
}

async fn a_large_value_arrives(version: &'static str) -> Result<()> {
    let (mut stand, client, node) = stand(version).await?;
    client.write_text(&node, &"x".repeat(800_000)).await?;
    let arrived = |broker: &OddBroker| has_come(broker, "x").then_some(());
    let waited = stand.broker.wait("800 KB come at 24 KB/s", Duration::from_secs(70), arrived).await;
    stand.with_log(waited)?;
    stand.at_most(1)?;
    stand.spool_drains(SOON).await?;
    stand.adapter.ensure_running()?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_value_arrives_over_a_slow_link() -> Result<()> {
    a_large_value_arrives(V5).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_value_arrives_over_a_slow_link_by_the_old_version() -> Result<()> {
    a_large_value_arrives(V3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_does_not_wait_for_a_backlog_of_large_values() -> Result<()> {
    let (stand, client, node) = stand(V5).await?;
    // Twelve values of 4 s each.
    for letter in "abcdefghijkl".chars() {
        client.write_text(&node, &letter.to_string().repeat(96_000)).await?;
        tagwise_tests::pause(Duration::from_millis(300)).await;
    }
    ensure!(stand.broker.publish("plant1/speed/set", b"1200") == 1, "the command is subscribed to");
    let began = Instant::now();
    let answered = |broker: &OddBroker| broker.published("plant1/speed/set/result").first().map(drop);
    // The value that is on its way has to end, and one more may have begun.
    let waited = stand.broker.wait("the verdict comes", Duration::from_secs(12), answered).await;
    stand.with_log(waited)?;
    ensure!(!has_come(&stand.broker, "l"), "the backlog is longer than the wait");
    let arrived = |broker: &OddBroker| has_come(broker, "l").then_some(());
    let waited = stand.broker.wait("the last value comes", Duration::from_secs(90), arrived).await;
    stand.with_log(waited).with_context(|| format!("the verdict took {:?}", began.elapsed()))?;
    stand.at_most(1)
}
