//! Brokers whose PUBACKs are missing, late or out of order: every message arrives, in order within each connection.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::Value;
use tagwise_tests::{Account, Answer, Behaviour, OddBroker, Outcome, PATIENCE, Reading};

use crate::odd_broker_stand::{OddStand, SOON, TICK, Terms, V5, waiting};

const BACKLOG: f64 = 2_000.0;

/// So many messages wait when the broker comes; the PLC is gone by then.
async fn with_backlog(behaviour: Behaviour) -> Result<OddStand> {
    let broker = OddBroker::prepare(behaviour)?;
    let mut stand = Terms::of(V5).load(50, 20.0, "").stand_with(broker).await?;
    stand.adapter.metrics_where("a backlog has grown", |metrics| waiting(metrics) >= BACKLOG).await?;
    stand.simulator.kill()?;
    stand.broker.resume()?;
    Ok(stand)
}

/// On each connection the messages of a topic come in order.
fn each_connection_is_in_order(broker: &OddBroker) -> Result<()> {
    let mut last: HashMap<(usize, String), u64> = HashMap::new();
    for (connection, publish, _) in broker.published("load/") {
        let json: Value = serde_json::from_slice(&publish.payload)?;
        let sequence = json["sequence"].as_u64().unwrap_or_default();
        let before = last.insert((connection, publish.topic.clone()), sequence).unwrap_or(0);
        ensure!(before < sequence, "{} on connection {connection}: {sequence} after {before}", publish.topic);
    }
    Ok(())
}

/// Nothing is missing.
fn all_has_come(broker: &OddBroker) -> Result<()> {
    let mut account = Account::default();
    account.take_all(&broker.taken());
    let verdict = account.verdict();
    ensure!(verdict.missing == 0 && verdict.changed == 0 && verdict.sent > 0, "{verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_which_every_fiftieth_is_never_acknowledged_arrives_within_a_minute() -> Result<()> {
    let behaviour = Behaviour::default().on_publish(|publish| {
        if publish.number % 50 == 0 && publish.topic.starts_with("load/") { Answer::Swallowed } else { Answer::Yes }
    });
    let stand = with_backlog(behaviour).await?;
    stand.spool_drains(Duration::from_mins(1)).await?;
    all_has_come(&stand.broker)?;
    each_connection_is_in_order(&stand.broker)?;
    stand.at_most(12)?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_adapts_to_a_quota_beyond_which_nothing_is_acknowledged() -> Result<()> {
    let stand = with_backlog(Behaviour { quota: Some(200), ..Behaviour::default() }).await?;
    stand.spool_drains(Duration::from_mins(1)).await?;
    all_has_come(&stand.broker)?;
    each_connection_is_in_order(&stand.broker)?;
    stand.at_most(12)?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_below_a_known_quota_costs_no_connection() -> Result<()> {
    let broker = OddBroker::prepare(Behaviour { quota: Some(200), ..Behaviour::default() })?;
    let mut stand = Terms::of(V5).load(50, 20.0, "").broker("max_rate: 150").stand_with(broker).await?;
    stand.adapter.metrics_where("a backlog has grown", |metrics| waiting(metrics) >= 1_000.0).await?;
    stand.simulator.kill()?;
    stand.broker.resume()?;
    let began = Instant::now();
    stand.spool_drains(SOON).await?;
    ensure!(began.elapsed() > Duration::from_secs(5), "the rate holds: {:?}", began.elapsed());
    all_has_come(&stand.broker)?;
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_puback_that_never_comes_holds_up_nothing() -> Result<()> {
    let swallowed = AtomicUsize::new(0);
    let behaviour = Behaviour::default().on_publish(move |publish| {
        let is_one = publish.topic == TICK && publish.payload.windows(14).any(|part| part == b"\"sequence\":20}");
        if is_one && swallowed.fetch_add(1, Ordering::Relaxed) == 0 { Answer::Swallowed } else { Answer::Yes }
    });
    let mut stand = Terms::of(V5).stand(behaviour).await?;
    let swallowed = |broker: &OddBroker| {
        broker.published(TICK).iter().any(|(_, _, outcome)| *outcome == Outcome::Swallowed).then_some(())
    };
    stand.broker.wait("one is swallowed", SOON, swallowed).await?;
    let from = stand.broker.now();
    stand.flows(TICK, 60, Duration::from_secs(18)).await?;
    let again = |broker: &OddBroker| {
        let is_it = |payload: &[u8]| payload.windows(14).any(|part| part == b"\"sequence\":20}");
        (broker.published(TICK).iter().filter(|(_, publish, _)| is_it(&publish.payload)).count() == 2).then_some(())
    };
    stand.broker.wait("it is sent again", SOON, again).await?;
    ensure!(stand.broker.connects_after(from) == 1, "on a new connection: {}", stand.broker.summary());
    stand.everything_arrives(SOON).await?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_pubacks_out_of_order_cost_no_connection() -> Result<()> {
    let behaviour = Behaviour {
        puback_delay: Duration::from_millis(300),
        puback_disorder: Duration::from_millis(150),
        ..Behaviour::default()
    };
    let mut stand = Terms::of(V5).load(20, 10.0, "").stand(behaviour).await?;
    stand.flows("load/", 1_000, SOON).await?;
    stand.everything_arrives(SOON).await?;
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_answers_pings_and_nothing_else_costs_few_connections_and_no_value() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_publish(|publish| if publish.topic.starts_with("load/") { Answer::Nothing } else { Answer::Yes });
    let mut stand = Terms::of(V5).load(20, 5.0, "").stand(behaviour).await?;
    stand.broker.wait("something comes", SOON, |broker| broker.published("load/").first().map(drop)).await?;
    tagwise_tests::pause(Duration::from_secs(40)).await;
    stand.at_most(6)?;
    stand.is_told(&["acknowledge"]).await?;
    stand.broker.behave(Behaviour::default());
    stand.flows("load/", 200, PATIENCE).await?;
    stand.everything_arrives(PATIENCE).await?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_reads_nothing_is_left_within_a_minute_and_costs_no_value() -> Result<()> {
    let behaviour = Behaviour { reading: Reading::Nothing, ..Behaviour::default() };
    let mut stand = Terms::of(V5).load(20, 5.0, "").stand(behaviour).await?;
    let first = |broker: &OddBroker| broker.connects().first().map(drop);
    stand.broker.wait("a connection", SOON, first).await?;
    let second = |broker: &OddBroker| (broker.connects().len() >= 2).then_some(());
    stand.broker.wait("another connection", Duration::from_mins(1), second).await?;
    stand.broker.behave(Behaviour::default());
    stand.flows("load/", 200, Duration::from_mins(1)).await?;
    stand.everything_arrives(PATIENCE).await?;
    stand.nothing_is_given_up()
}
