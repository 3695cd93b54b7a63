//! Brokers that do not take some messages: those are given up with the true reason, and no other tag notices.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tagwise_tests::{Answer, Behaviour, Farewell, Granted, Publish, SequenceCheck, Simulator, UaClient, pause};

use crate::odd_broker_stand::{OddStand, RATE, SOON, TICK, Terms, V3, V5, load_tag};

const DEEP: &str = "ent/site/area/line/cell/machine/part/sensor/value";

fn reasons(letters: &[Value]) -> Vec<&str> {
    letters.iter().filter_map(|letter| letter["reason"].as_str()).collect()
}

/// All dead letters are of this topic and have one of these words in their reasons.
fn are_letters(stand: &OddStand, topic: &str, words: &[&str]) -> Result<()> {
    let letters = stand.dead_letters()?;
    let is_right = |letter: &Value| {
        let reason = letter["reason"].as_str().unwrap_or_default().to_lowercase();
        letter["topic"] == topic && words.iter().any(|word| reason.contains(word))
    };
    ensure!(!letters.is_empty() && letters.iter().all(is_right), "{:?}", reasons(&letters));
    Ok(())
}

/// Once what the broker does not take has been found out, the good tag flows at its full rate on one connection, and
/// no value of it has been lost.
async fn the_good_tag_flows(stand: &mut OddStand, connections: usize) -> Result<()> {
    stand.flows(TICK, 20, SOON).await?;
    let from = stand.broker.now();
    pause(Duration::from_secs(10)).await;
    let (values, more) = (stand.broker.taken_after(from, TICK), stand.broker.connects_after(from));
    let enough = RATE * 9;
    let checked = if values >= enough && more <= 1 {
        Ok(())
    } else {
        Err(anyhow::anyhow!("{values} of {enough} values of the good tag over {more} more connections in 10 s"))
    };
    stand.with_log(checked).with_context(|| stand.broker.summary())?;
    stand.at_most(connections)?;
    SequenceCheck::check(stand.broker.taken().iter().filter(|message| message.topic == TICK)).map(drop)
}

async fn a_topic_that_is_too_deep(version: &'static str, how: Farewell, words: &[&str]) -> Result<()> {
    let behaviour = Behaviour::default().where_published(|publish| publish.depth() > 8, Answer::HangUp(how));
    let mut stand = Terms::of(version).with(&load_tag(2, DEEP, "")).stand(behaviour).await?;
    the_good_tag_flows(&mut stand, if version == V5 { 5 } else { 10 }).await?;
    are_letters(&stand, DEEP, words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_too_deep_costs_the_good_tag_nothing() -> Result<()> {
    a_topic_that_is_too_deep(V5, Farewell::Reason(0x90), &["topic name invalid"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_not_allowed_costs_the_good_tag_nothing() -> Result<()> {
    a_topic_that_is_too_deep(V5, Farewell::Reason(0x87), &["not authorized"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_hung_up_on_by_the_old_version_costs_the_good_tag_nothing() -> Result<()> {
    a_topic_that_is_too_deep(V3, Farewell::Silent, &["hangs up without a reason"]).await
}

fn is_more_than(limit: usize) -> impl Fn(&Publish) -> bool + Send + Sync + 'static {
    move |publish| publish.size > limit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_that_speaks_of_the_packets_size_is_believed_at_once() -> Result<()> {
    const LIMIT: usize = 128 * 1024;
    let behaviour =
        Behaviour::default().where_published(is_more_than(LIMIT), Answer::HangUp(Farewell::Bytes(vec![0xe0, 1, 0x95])));
    let node = Simulator::node("Types", "String");
    let text = format!("  - {{ name: text, node: '{node}', topic: plant1/text }}\n");
    let mut stand = Terms::of(V5).with(&text).stand(behaviour).await?;
    stand.flows("plant1/text", 1, SOON).await?;
    let client = UaClient::connect(&stand.simulator.url(), None).await?;
    for letter in ["a", "b", "c"] {
        client.write_text(&node, &letter.repeat(131 * 1024)).await?;
        stand.flows(TICK, 5, SOON).await?;
    }
    client.write_text(&node, "short again").await?;
    stand.flows("plant1/text", 1, SOON).await?;
    the_good_tag_flows(&mut stand, 3).await?;
    let letters = stand.dead_letters()?;
    ensure!(letters.len() == 3, "{:?}", reasons(&letters));
    are_letters(&stand, "plant1/text", &["packet too large"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_between_the_limit_that_is_said_and_the_one_that_holds_is_given_up() -> Result<()> {
    let granted = Granted { max_packet_bytes: Some(100_000), ..Granted::default() };
    let behaviour = Behaviour { granted, ..Behaviour::default() }
        .where_published(is_more_than(600), Answer::HangUp(Farewell::Reason(0x95)));
    let more = format!(", mqtt_user_properties: {{ about: {} }}", "x".repeat(700));
    let mut stand = Terms::of(V5).with(&load_tag(2, "plant1/big", &more)).stand(behaviour).await?;
    the_good_tag_flows(&mut stand, 4).await?;
    are_letters(&stand, "plant1/big", &["packet too large"])
}

/// A value on a topic that is not allowed, whose loss may not be announced either: that loss is not announced in turn.
async fn a_gap_that_is_not_taken(answer: Answer, connections: usize) -> Result<()> {
    let behaviour = Behaviour::default().where_published(
        |publish| !publish.topic.starts_with("plant1/") && !publish.topic.ends_with("/status"),
        answer,
    );
    let node = Simulator::node("Machine", "State");
    let once = format!("  - {{ name: once, node: '{node}', topic: other/once }}\n");
    let stand = Terms::of(V5).with(&once).stand(behaviour).await?;
    stand.flows(TICK, RATE * 25, tagwise_tests::PATIENCE).await?;
    let gaps = stand.broker.published("tagwise/line1/gap").len();
    ensure!(gaps < 5, "{gaps} gap messages; {}", stand.broker.summary());
    ensure!(stand.dead_letters()?.iter().any(|letter| letter["topic"] == "other/once"), "the value is kept");
    let log = stand.adapter.log()?;
    ensure!(log.contains("tagwise/line1/gap"), "a sentence names the gap topic: {log}");
    stand.at_most(connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loss_of_an_announcement_is_not_announced() -> Result<()> {
    a_gap_that_is_not_taken(Answer::Reason(0x87), 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loss_of_an_announcement_that_is_hung_up_on_is_not_announced() -> Result<()> {
    a_gap_that_is_not_taken(Answer::HangUp(Farewell::Reason(0x87)), 8).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_may_not_be_retained_costs_the_others_nothing() -> Result<()> {
    let is_kept = |publish: &Publish| publish.is_retained && publish.topic == "plant1/kept";
    let behaviour = Behaviour::default().where_published(is_kept, Answer::HangUp(Farewell::Reason(0x9a)));
    let mut stand = Terms::of(V5).with(&load_tag(2, "plant1/kept", ", retain: true")).stand(behaviour).await?;
    the_good_tag_flows(&mut stand, 5).await?;
    // Without the bit it may come; with it, it is not sent for ever.
    let from = stand.broker.now();
    stand.flows(TICK, 20, SOON).await?;
    ensure!(stand.broker.connects_after(from) == 0, "{}", stand.broker.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_topic_has_its_reason_though_nobody_knows_the_number() -> Result<()> {
    let behaviour = Behaviour::default().where_published(|publish| publish.topic == "plant1/odd", Answer::Reason(0xc3));
    let mut stand = Terms::of(V5).with(&load_tag(2, "plant1/odd", "")).stand(behaviour).await?;
    the_good_tag_flows(&mut stand, 1).await?;
    let refused =
        |metrics: &tagwise_tests::Metrics| metrics.sum("tagwise_mqtt_published_total", &[("result", "refused")]) >= 1.0;
    stand.adapter.metrics_where("refusals are counted", refused).await?;
    stand.is_degraded(&["0xc3"]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nobody_subscribes_is_no_refusal_and_is_counted() -> Result<()> {
    let behaviour = Behaviour::default().where_published(|publish| publish.topic == TICK, Answer::Reason(0x10));
    let mut stand = Terms::of(V5).stand(behaviour).await?;
    the_good_tag_flows(&mut stand, 1).await?;
    stand.nothing_is_given_up()?;
    let metrics = stand.adapter.http().metrics().await?;
    let of_nobody = |sample: &&tagwise_tests::Sample| {
        sample.name.starts_with("tagwise_mqtt_") && sample.labels.iter().any(|(_, value)| value.contains("subscriber"))
            || sample.name.contains("subscriber")
    };
    let counted: f64 = metrics.samples.iter().filter(of_nobody).map(|sample| sample.value).sum();
    ensure!(counted >= 20.0, "messages without a subscriber are counted under some name: {counted}");
    Ok(())
}
