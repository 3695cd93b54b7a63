//! Brokers that do not take each of our filters: values flow, all filters work that can, and the others are named.

use anyhow::{Result, ensure};
use tagwise_tests::{Answer, Behaviour, Farewell, Granted, Subscribed};

use crate::odd_broker_stand::{OddStand, SOON, TICK, Terms, V3, V5, commands};

fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("plant1/cmd{number}/set")).collect()
}

/// A stand with these filters.
async fn stand(version: &'static str, filters: &[String], behaviour: Behaviour) -> Result<OddStand> {
    let text = commands(filters.iter().map(String::as_str));
    Terms::of(version).with(&text).stand(behaviour).await
}

/// Nine filters, of which the broker does not take the last: the others work, it is named, and values flow.
async fn one_is_given_up(version: &'static str, guilty: &str, behaviour: Behaviour) -> Result<()> {
    let mut filters = numbered(8);
    filters.push(guilty.to_owned());
    let mut stand = stand(version, &filters, behaviour).await?;
    stand.flows(TICK, 20, SOON).await?;
    for filter in &filters[..8] {
        stand.commands_work(filter).await?;
    }
    stand.is_degraded(&[guilty, "topic_filter"]).await?;
    let from = stand.broker.now();
    stand.flows(TICK, 20, SOON).await?;
    ensure!(stand.broker.connects_after(from) <= 1, "it is not tried again soon: {}", stand.broker.summary());
    stand.at_most(10)?;
    stand.nothing_is_given_up()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscribe_has_no_more_than_eight_filters() -> Result<()> {
    let behaviour = Behaviour::default().on_subscribe(|subscribe| match subscribe.filters.len() {
        9.. => Subscribed::HangUp(Farewell::Reason(0x97)),
        count => Subscribed::Codes(vec![1; count]),
    });
    let filters = numbered(9);
    let mut stand = stand(V5, &filters, behaviour).await?;
    stand.flows(TICK, 10, SOON).await?;
    for filter in &filters {
        stand.commands_work(filter).await?;
    }
    stand.adapter.readiness("all is well", |reply| reply.json().is_ok_and(|json| json["status"] == "ready")).await?;
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscribe_that_is_still_too_long_is_halved() -> Result<()> {
    let behaviour = Behaviour::default().on_subscribe(|subscribe| match subscribe.filters.len() {
        4.. => Subscribed::HangUp(Farewell::Reason(0x97)),
        count => Subscribed::Codes(vec![1; count]),
    });
    let filters = numbered(9);
    let stand = stand(V5, &filters, behaviour).await?;
    stand.flows(TICK, 10, SOON).await?;
    for filter in &filters {
        stand.commands_work(filter).await?;
    }
    stand.at_most(10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_hung_up_on_with_a_reason_is_given_up_alone() -> Result<()> {
    let behaviour =
        Behaviour::default().hang_up_on_filter(Farewell::Reason(0x87), |filter| filter == "plant1/secret/set");
    one_is_given_up(V5, "plant1/secret/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_hung_up_on_without_a_word_is_given_up_alone() -> Result<()> {
    let behaviour = Behaviour::default().hang_up_on_filter(Farewell::Silent, |filter| filter == "plant1/secret/set");
    one_is_given_up(V5, "plant1/secret/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_hung_up_on_by_the_old_version_is_given_up_alone() -> Result<()> {
    let behaviour = Behaviour::default().hang_up_on_filter(Farewell::Silent, |filter| filter == "plant1/secret/set");
    one_is_given_up(V3, "plant1/secret/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_too_deep_is_given_up_alone() -> Result<()> {
    let behaviour =
        Behaviour::default().hang_up_on_filter(Farewell::Reason(0x8f), |filter| filter.split('/').count() > 8);
    one_is_given_up(V5, "plant1/a/b/c/d/e/f/g/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_that_is_hung_up_on_is_given_up_alone() -> Result<()> {
    let behaviour = Behaviour::default().hang_up_on_filter(Farewell::Reason(0xa2), |filter| filter.contains('+'));
    one_is_given_up(V5, "plant1/+/all/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_is_not_sent_where_the_connack_says_that_there_are_none() -> Result<()> {
    let granted = Granted { wildcards_available: Some(false), ..Granted::default() };
    let behaviour = Behaviour { granted, ..Behaviour::default() }
        .hang_up_on_filter(Farewell::Reason(0xa2), |filter| filter.contains('+'));
    let filters = ["plant1/cmd1/set".to_owned(), "plant1/+/all/set".to_owned()];
    let mut stand = stand(V5, &filters, behaviour).await?;
    stand.flows(TICK, 10, SOON).await?;
    stand.commands_work("plant1/cmd1/set").await?;
    stand.is_degraded(&["plant1/+/all/set", "wildcard"]).await?;
    stand.at_most(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_fifty_subscriptions_fifty_work() -> Result<()> {
    let behaviour = Behaviour::default().on_subscribe(|subscribe| {
        if subscribe.earlier + subscribe.filters.len() > 50 {
            Subscribed::HangUp(Farewell::Reason(0x97))
        } else {
            Subscribed::Codes(vec![1; subscribe.filters.len()])
        }
    });
    let filters = numbered(60);
    let mut stand = stand(V5, &filters, behaviour).await?;
    stand.flows(TICK, 20, SOON).await?;
    // The search may take some connections; what it finds is that no more than fifty can be had.
    let subscribed = |broker: &tagwise_tests::OddBroker| {
        let count = filters.iter().filter(|filter| broker.publish(filter, b"1200") > 0).count();
        (count >= 40).then_some(())
    };
    stand.broker.wait("most of fifty filters work", tagwise_tests::PATIENCE, subscribed).await?;
    stand.is_degraded(&["topic_filter"]).await?;
    let from = stand.broker.now();
    stand.flows(TICK, 20, SOON).await?;
    ensure!(stand.broker.connects_after(from) <= 1, "{}", stand.broker.summary());
    stand.at_most(30)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_a_suback_refuses_is_degraded_and_no_more() -> Result<()> {
    let behaviour = Behaviour::default().on_filter(|filter| if filter == "plant1/secret/set" { 0x87 } else { 1 });
    one_is_given_up(V5, "plant1/secret/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_a_suback_refuses_by_the_old_version_is_degraded_and_no_more() -> Result<()> {
    let behaviour = Behaviour::default().on_filter(|filter| if filter == "plant1/secret/set" { 0x80 } else { 1 });
    one_is_given_up(V3, "plant1/secret/set", behaviour).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_a_status_and_a_filter_that_are_all_forbidden_stop_no_value() -> Result<()> {
    let behaviour = Behaviour::default()
        .on_connect(|connect| match &connect.will {
            Some(will) if will.is_retained => Answer::HangUp(Farewell::Silent),
            _ => Answer::Yes,
        })
        .hang_up_on_filter(Farewell::Silent, |filter| filter == "plant1/secret/set")
        .where_published(|publish| !publish.topic.starts_with("plant1/"), Answer::HangUp(Farewell::Silent));
    let filters = ["plant1/cmd1/set".to_owned(), "plant1/secret/set".to_owned()];
    let stand = stand(V3, &filters, behaviour).await?;
    stand.flows(TICK, 50, tagwise_tests::PATIENCE).await?;
    stand.at_most(25)?;
    stand.nothing_is_given_up()
}
