//! Brokers that do not take the link's own Will or status: values flow all the same, and a sentence says what is missing.

use anyhow::{Result, ensure};
use tagwise_tests::{Answer, Behaviour, Connect, Farewell, Granted, Publish};

use crate::odd_broker_stand::{OddStand, SOON, STATUS, TICK, Terms, V3, V5};

/// Values flow over this broker after so many connections at most, and the pages say these words.
async fn values_flow(
    version: &'static str,
    behaviour: Behaviour,
    connections: usize,
    words: &[&str],
) -> Result<OddStand> {
    let mut stand = Terms::of(version).stand(behaviour).await?;
    stand.flows(TICK, 20, SOON).await?;
    stand.is_degraded(words).await?;
    stand.flows(TICK, 20, SOON).await?;
    stand.at_most(connections)?;
    stand.nothing_is_given_up()?;
    Ok(stand)
}

fn has_retained_will(connect: &Connect) -> bool {
    connect.will.as_ref().is_some_and(|will| will.is_retained)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_that_may_not_be_retained_stops_no_value() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_connect(|connect| if has_retained_will(connect) { Answer::Reason(0x9a) } else { Answer::Yes });
    let stand = values_flow(V5, behaviour, 3, &["will", "retain", STATUS]).await?;
    let wills: Vec<_> = stand.broker.connects().into_iter().filter(|(_, is_accepted)| *is_accepted).collect();
    ensure!(
        wills.iter().all(|(connect, _)| connect.will.is_some()),
        "it is the bit that is given up first, not the Will"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_that_may_not_be_retained_stops_no_value_by_the_old_version() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_connect(|connect| if has_retained_will(connect) { Answer::HangUp(Farewell::Silent) } else { Answer::Yes });
    values_flow(V3, behaviour, 8, &["will", "retain", STATUS]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_will_at_all_stops_no_value() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_connect(|connect| if connect.will.is_some() { Answer::Reason(0x83) } else { Answer::Yes });
    values_flow(V5, behaviour, 8, &["will", STATUS]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_on_a_topic_that_is_not_allowed_stops_no_value() -> Result<()> {
    let is_elsewhere = |connect: &Connect| connect.will.as_ref().is_some_and(|will| !will.topic.starts_with("plant1/"));
    let behaviour = Behaviour::default()
        .on_connect(move |connect| if is_elsewhere(connect) { Answer::Reason(0x87) } else { Answer::Yes })
        .where_published(|publish| !publish.topic.starts_with("plant1/"), Answer::Reason(0x87));
    values_flow(V5, behaviour, 8, &[STATUS, "adapter.status_topic"]).await.map(drop)
}

/// The broker hangs up on the status, and on nothing else.
async fn values_flow_without_a_status(version: &'static str, how: Farewell) -> Result<()> {
    let behaviour =
        Behaviour::default().where_published(|publish| !publish.topic.starts_with("plant1/"), Answer::HangUp(how));
    values_flow(version, behaviour, 8, &[STATUS, "adapter.status_topic"]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_hung_up_on_with_a_reason_stops_no_value() -> Result<()> {
    values_flow_without_a_status(V5, Farewell::Reason(0x87)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_hung_up_on_without_a_word_stops_no_value() -> Result<()> {
    values_flow_without_a_status(V5, Farewell::Silent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_hung_up_on_stops_no_value_by_the_old_version() -> Result<()> {
    values_flow_without_a_status(V3, Farewell::Silent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_may_not_be_retained_goes_without_the_bit() -> Result<()> {
    let behaviour =
        Behaviour::default().where_published(|publish| publish.is_retained, Answer::HangUp(Farewell::Reason(0x9a)));
    let stand = values_flow(V5, behaviour, 4, &[STATUS, "retain"]).await?;
    let is_it = |publish: &Publish| !publish.is_retained;
    ensure!(stand.broker.published(STATUS).iter().any(|(_, publish, _)| is_it(publish)), "the status goes without it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_retained_where_the_connack_says_that_nothing_is_kept() -> Result<()> {
    let granted = Granted { retain_available: Some(false), ..Granted::default() };
    let behaviour = Behaviour { granted, ..Behaviour::default() }
        .where_published(|publish| publish.is_retained, Answer::HangUp(Farewell::Reason(0x9a)));
    let mut stand = Terms::of(V5).stand(behaviour).await?;
    stand.flows(TICK, 10, SOON).await?;
    stand.is_degraded(&["retain"]).await?;
    let statuses = stand.broker.published(STATUS);
    ensure!(!statuses.is_empty() && statuses.iter().all(|(_, publish, _)| !publish.is_retained), "{statuses:?}");
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_larger_than_the_brokers_packets_stops_no_value() -> Result<()> {
    const MOST: u32 = 130;
    let granted = Granted { max_packet_bytes: Some(MOST), ..Granted::default() };
    let is_too_large = |publish: &Publish| publish.size > MOST as usize;
    let behaviour = Behaviour { granted, ..Behaviour::default() }
        .where_published(is_too_large, Answer::HangUp(Farewell::Reason(0x95)));
    let mut stand = Terms::of(V5).stand(behaviour).await?;
    stand.flows(TICK, 10, SOON).await?;
    stand.is_degraded(&[STATUS, "130"]).await?;
    ensure!(stand.broker.published(STATUS).is_empty(), "what the broker has said not to take is not sent");
    stand.at_most(1)
}
