//! Brokers that end connections that had worked, or take none: how soon and how often the link comes back, and what is
//! said.

use std::time::Duration;

use anyhow::{Result, ensure};
use tagwise_tests::{
    Account, Adapter, Answer, Behaviour, Event, Farewell, Granted, Message, OddBroker, Outcome, pause,
};

use crate::odd_broker_stand::{OddStand, SOON, TICK, Terms, V3, V5};

const CLIENT_ID: &str = "line1-broker";

/// Each connection works for a second and ends in this way; within 40 s there are few, the pages say these words, and
/// no message is blamed.
async fn pauses_grow(version: &'static str, end: Farewell, words: &[&str]) -> Result<()> {
    let behaviour = Behaviour::default().living(Duration::from_secs(1), end);
    let mut stand = Terms::of(version).stand(behaviour).await?;
    stand.flows(TICK, 1, SOON).await?;
    pause(Duration::from_secs(40)).await;
    stand.at_most(12)?;
    stand.is_told(words).await?;
    let log = stand.adapter.log()?;
    ensure!(words.iter().all(|word| log.contains(word)), "the log says {words:?}: {log}");
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_grow_where_another_takes_the_session_over() -> Result<()> {
    pauses_grow(V5, Farewell::Reason(0x8e), &[CLIENT_ID, "another client"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_grow_where_connections_that_worked_end_without_a_word() -> Result<()> {
    pauses_grow(V3, Farewell::Silent, &[CLIENT_ID, "another client"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_grow_where_connections_that_worked_end_without_a_reason() -> Result<()> {
    pauses_grow(V5, Farewell::Bytes(vec![0xe0, 0]), &[CLIENT_ID, "another client"]).await
}

/// Two adapters with one id.
async fn two_of_one_id(version: &'static str) -> Result<()> {
    let terms = Terms::of(version);
    let broker = OddBroker::start(Behaviour::default())?;
    let simulator =
        tagwise_tests::Simulator::start_with(tagwise_tests::SimulatorOptions { tags: 2, rate: Some(5.0), user: None })
            .await?;
    let other = Adapter::spawn(&terms.mapping(&simulator, &broker)?)?;
    let adapter = Adapter::spawn(&terms.mapping(&simulator, &broker)?)?;
    let mut stand = OddStand { adapter, broker, simulator };
    pause(Duration::from_secs(45)).await;
    stand.at_most(30)?;
    let words = [CLIENT_ID, "another client"];
    ensure!(words.iter().all(|word| other.log().is_ok_and(|log| log.contains(word))), "{}", other.log()?);
    stand.is_told(&words).await?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_adapters_with_one_id_throw_each_other_out_rarely() -> Result<()> {
    two_of_one_id(V5).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_adapters_with_one_id_throw_each_other_out_rarely_by_the_old_version() -> Result<()> {
    two_of_one_id(V3).await
}

/// After what ends the first connection nothing is tried for a minute.
async fn a_minute_passes(behaviour: Behaviour, ended: usize, words: &[&str]) -> Result<()> {
    let mut stand = Terms::of(V5).stand(behaviour).await?;
    let is_over = |broker: &OddBroker| {
        let ends = broker.seen().iter().filter(|seen| matches!(seen.event, Event::End)).count();
        (ends >= ended).then(|| broker.now())
    };
    let from = stand.broker.wait("the broker has said no", SOON, is_over).await?;
    stand.is_told(words).await?;
    pause(Duration::from_secs(50)).await;
    ensure!(stand.broker.connects_after(from) == 0, "{}", stand.broker.summary());
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_ban_nothing_is_tried_for_a_minute() -> Result<()> {
    a_minute_passes(Behaviour::default().on_connect(|_| Answer::Reason(0x8a)), 1, &["banned"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_ban_of_a_connection_that_worked_nothing_is_tried_for_a_minute() -> Result<()> {
    let behaviour = Behaviour::default().living(Duration::from_secs(2), Farewell::Bytes(vec![0xe0, 1, 0x8a]));
    a_minute_passes(behaviour, 1, &["banned"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_credentials_that_had_worked_are_refused_nothing_is_tried_for_a_minute() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_connect(|connect| if connect.number == 1 { Answer::Yes } else { Answer::Reason(0x86) })
        .living(Duration::from_secs(2), Farewell::Reason(0x98));
    a_minute_passes(behaviour, 2, &["user name or password"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_shuts_down_again_and_again_costs_no_value() -> Result<()> {
    let behaviour = Behaviour::default().living(Duration::from_secs(3), Farewell::Bytes(vec![0xe0, 1, 0x8b]));
    let mut stand = Terms::of(V5).load(20, 10.0, "").stand(behaviour).await?;
    stand.flows("load/", 500, SOON).await?;
    let told = stand.broker.wait("three connections", SOON, |broker| (broker.connects().len() >= 3).then_some(()));
    told.await?;
    let log = stand.adapter.log()?;
    ensure!(log.contains("is shutting down"), "the reason is told: {log}");
    stand.broker.behave(Behaviour::default());
    stand.everything_arrives(tagwise_tests::PATIENCE).await?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_without_an_acknowledgement_that_vanish_with_a_connection_are_announced() -> Result<()> {
    let behaviour = Behaviour::default().living(Duration::from_millis(700), Farewell::Silent);
    let mut stand = Terms::of(V5).load(200, 20.0, ", max_qos: 0").stand(behaviour).await?;
    stand.flows("load/", 1_000, SOON).await?;
    let enough = |broker: &OddBroker| (broker.connects().len() >= 4).then_some(());
    stand.broker.wait("four connections", SOON, enough).await?;
    stand.broker.behave(Behaviour::default());
    let from = stand.broker.connects().len();
    let again = |broker: &OddBroker| (broker.connects().len() > from).then_some(());
    stand.broker.wait("a connection that lasts", tagwise_tests::PATIENCE, again).await?;
    stand.flows("load/", 2_000, SOON).await?;
    stand.simulator.kill()?;
    // What reached the broker after it had hung up is lost where no client can know; all else has to be said.
    let unsaid = |broker: &OddBroker| {
        let mut account = Account::default();
        let reached = broker.published("").into_iter().filter(|(_, _, outcome)| *outcome != Outcome::Fatal);
        account.take_all(&reached.map(|(_, publish, _)| Message::from(publish)).collect::<Vec<_>>());
        account.verdict()
    };
    let all_said = |broker: &OddBroker| (unsaid(broker).lost == 0).then_some(());
    let waited = stand.broker.wait("all that is missing is announced", SOON, all_said).await;
    stand.with_log(waited).map_err(|error| error.context(unsaid(&stand.broker).to_string()))?;
    let metrics = stand.adapter.http().metrics().await?;
    let (dropped, announced) = (metrics.sum("tagwise_spool_dropped_total", &[]), unsaid(&stand.broker).announced);
    ensure!(dropped > 0.0 && (dropped - announced as f64).abs() < 1.0, "{dropped} counted, {announced} announced");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_counted_by_what_became_of_them() -> Result<()> {
    let behaviour =
        Behaviour::default().on_connect(|connect| if connect.number == 1 { Answer::Reason(0x87) } else { Answer::Yes });
    let mut stand = Terms::of(V5).stand_with(OddBroker::prepare(behaviour)?).await?;
    let counted = |metrics: &tagwise_tests::Metrics, result: &str| {
        metrics.sum("tagwise_mqtt_connections_total", &[("broker", "broker"), ("result", result)])
    };
    let metrics = stand.adapter.metrics_where("a failure is counted", |metrics| counted(metrics, "failed") >= 1.0);
    metrics.await?;
    stand.broker.resume()?;
    stand.flows(TICK, 5, SOON).await?;
    let metrics = stand.adapter.http().metrics().await?;
    let (connected, refused) = (counted(&metrics, "connected"), counted(&metrics, "refused"));
    ensure!((connected - 1.0).abs() < 0.5 && (refused - 1.0).abs() < 0.5, "{connected} connected, {refused} refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_port_is_closed_is_back_within_a_second() -> Result<()> {
    let mut stand = Terms::of(V5).stand_with(OddBroker::prepare(Behaviour::default())?).await?;
    let waits = |metrics: &tagwise_tests::Metrics| crate::odd_broker_stand::waiting(metrics) >= 5.0;
    stand.adapter.metrics_where("values wait", waits).await?;
    // So long that pauses that grow would have grown.
    pause(Duration::from_secs(20)).await;
    stand.broker.resume()?;
    let from = stand.broker.now();
    stand.broker.wait("a value", SOON, |broker| broker.published(TICK).first().map(drop)).await?;
    let took = stand.broker.now().saturating_sub(from);
    ensure!(took < Duration::from_secs(2), "the first value came after {took:?}");
    stand.everything_arrives(SOON).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keep_alive_that_the_broker_asks_for_holds() -> Result<()> {
    let granted = Granted { keep_alive: Some(2), ..Granted::default() };
    // Without load tags nothing is published after the start.
    let node = tagwise_tests::Simulator::node("Types", "String");
    let idle = format!("  - {{ name: text, node: '{node}', topic: plant1/text }}\n");
    let terms = Terms::of(V5).load(0, 1.0, "").with(&idle);
    let stand = terms.stand(Behaviour { granted, ..Behaviour::default() }).await?;
    stand.flows("plant1/text", 1, SOON).await?;
    pause(Duration::from_secs(12)).await;
    let seen = stand.broker.seen();
    let times: Vec<Duration> =
        seen.iter().filter(|seen| !matches!(seen.event, Event::Connect(..))).map(|seen| seen.at).collect();
    let longest = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default();
    let last = stand.broker.now().saturating_sub(times.last().copied().unwrap_or_default());
    // The broker may close after one and a half times it.
    ensure!(longest.max(last) < Duration::from_secs(3), "{longest:?} without a packet; {}", stand.broker.summary());
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_id_that_is_refused_is_named_and_another_can_be_given() -> Result<()> {
    let behaviour = || {
        Behaviour::default()
            .on_connect(|connect| if connect.client_id == "press4" { Answer::Yes } else { Answer::Reason(0x85) })
    };
    let mut stand = Terms::of(V5).stand(behaviour()).await?;
    stand.is_told(&[CLIENT_ID, "client_id"]).await?;
    let mut stand = Terms::of(V5).broker("client_id: press4").stand(behaviour()).await?;
    stand.flows(TICK, 5, SOON).await?;
    stand.adapter.ensure_running()?;
    stand.at_most(1)
}
