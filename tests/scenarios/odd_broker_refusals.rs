//! Brokers that take nothing at all: nothing is given up, the pages have the broker's words, and when it changes its
//! mind everything comes, in order.

use std::time::Duration;

use anyhow::{Result, ensure};
use tagwise_tests::{Account, Answer, Behaviour, Farewell, Granted, Publish, pause};

use crate::odd_broker_stand::{OddStand, SOON, TICK, Terms, V5, load_tag};

/// How long nothing is taken.
const REFUSING: Duration = Duration::from_secs(15);

/// Everything is refused in this way; the link's own status is taken.
async fn everything_is_refused(behaviour: Behaviour, words: &[&str]) -> Result<OddStand> {
    let stand = Terms::of(V5).with(&load_tag(2, "plant1/other", "")).stand(behaviour).await?;
    stand.broker.wait("a connection", SOON, |broker| broker.connects().first().map(drop)).await?;
    let mut stand = stand;
    pause(REFUSING).await;
    stand.nothing_is_given_up()?;
    stand.is_told(words).await?;
    stand.nothing_is_given_up()?;
    ensure!(stand.broker.taken_after(Duration::ZERO, TICK) == 0, "{}", stand.broker.summary());
    Ok(stand)
}

/// The broker takes everything from now on.
async fn all_arrives(mut stand: OddStand) -> Result<()> {
    stand.broker.behave(Behaviour::default());
    stand.flows(TICK, 50, tagwise_tests::PATIENCE).await?;
    stand.everything_arrives(SOON).await?;
    stand.nothing_is_given_up()
}

fn is_value(publish: &Publish) -> bool {
    publish.topic.starts_with("plant1/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_reasons_of_the_brokers_own_comes_when_it_changes_its_mind() -> Result<()> {
    let behaviour = Behaviour::default().where_published(is_value, Answer::Reason(0x83));
    let stand = everything_is_refused(behaviour, &["0x83"]).await?;
    stand.at_most(5)?;
    let sent = stand.broker.published(TICK).len();
    ensure!(sent < 300, "{sent} sendings of what is refused, in {REFUSING:?}");
    all_arrives(stand).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_all_not_authorized_comes_when_it_is() -> Result<()> {
    let behaviour = Behaviour::default().where_published(is_value, Answer::Reason(0x87));
    all_arrives(everything_is_refused(behaviour, &["not authorized"]).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_all_beyond_the_quota_comes_when_there_is_one() -> Result<()> {
    let behaviour = Behaviour::default().where_published(is_value, Answer::Reason(0x97));
    all_arrives(everything_is_refused(behaviour, &["quota exceeded"]).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_all_hung_up_on_comes_when_it_is_not() -> Result<()> {
    let behaviour = Behaviour::default().where_published(is_value, Answer::HangUp(Farewell::Reason(0x87)));
    let mut stand = everything_is_refused(behaviour, &["not authorized"]).await?;
    stand.broker.behave(Behaviour::default());
    stand.flows(TICK, 50, tagwise_tests::PATIENCE).await?;
    stand.simulator.kill()?;
    stand.spool_drains(SOON).await?;
    // Nothing is missing. Where connections end over each message, a later one of a topic may be the one that tries.
    let mut account = Account::default();
    account.take_all(&stand.broker.taken());
    let verdict = account.verdict();
    ensure!(verdict.lost == 0 && verdict.announced == 0, "{verdict}");
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_all_too_large_comes_when_the_broker_takes_more() -> Result<()> {
    let granted = Granted { max_packet_bytes: Some(40), ..Granted::default() };
    let behaviour = Behaviour { granted, ..Behaviour::default() }
        .where_published(|publish| publish.size > 40, Answer::HangUp(Farewell::Reason(0x95)));
    let stand = everything_is_refused(behaviour, &["40"]).await?;
    stand.broker.behave(Behaviour::default());
    // The larger size is said in the next CONNACK.
    stand.broker.hang_up(&[0xe0, 1, 0x8b]);
    all_arrives(stand).await
}
