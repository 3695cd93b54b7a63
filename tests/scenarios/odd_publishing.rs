//! Servers that take few Publish requests, lose messages, or answer Republish in ways of their own.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tagwise_tests::{Adapter, FaultProxy, Mapping, Service, pause};

use crate::{
    odd_stand::{WITH_METADATA, count_after, counted, has_flag, heard, heard_after, odd, tag},
    stacks::Stand,
};

/// So many Subscriptions, since so many tags publish each at an interval of its own.
fn many_subscriptions(count: u64) -> String {
    let tags = (0..count).map(|number| {
        let interval = format!(", subscription: {{ publishing_interval: {}ms }}", 100 + 10 * number);
        tag(&format!("tag{number}"), "Counter1", &interval)
    });
    std::iter::once("tags:\n".to_owned()).chain(tags).collect()
}

async fn every_subscription_has_values(limit: u64) -> Result<()> {
    let Some(mut stand) = odd(&[&format!("publish-limit:{limit}"), "keeps-messages"]).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.with(&many_subscriptions(12));
    let _adapter = Adapter::spawn(&mapping)?;
    for number in 0..12 {
        count_after(&stand.probe, 0, &format!("tag{number}"), 5).await?;
    }
    ensure!(stand.server.count_of("CreateSession").await? == 1, "no session is given up for it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_subscriptions_have_values_where_ten_publish_requests_are_taken() -> Result<()> {
    every_subscription_has_values(10).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_subscriptions_have_values_where_two_publish_requests_are_taken() -> Result<()> {
    every_subscription_has_values(2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resting_tag_has_its_value_though_the_first_message_is_lost() -> Result<()> {
    let Some(stand) = odd(&["first-message-lost"]).await? else { return Ok(()) };
    let tags = format!("{WITH_METADATA}{}{}", tag("counter", "Counter1", ""), tag("quiet", "Types.Int16", ""));
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    let message = heard(&stand.probe, "quiet", "the resting tag has a value", |json| json["value"] == -32768).await?;
    ensure!(has_flag(&message, "initial"), "what is read anew is no change: {message}");
    count_after(&stand.probe, 0, "counter", 5).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_message_said_is_read_anew() -> Result<()> {
    let Some(mut stand) = odd(&["forgets-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    // No counter: the lost message is the one that says `false`.
    let tags = format!("{WITH_METADATA}{}{}", tag("alarm", "Types.Boolean", ""), tag("other", "Types.Int16", ""));
    let _adapter = Adapter::start(&stand.mapping(&proxy.url())?.with(&tags)).await?;
    heard(&stand.probe, "alarm", "the alarm is true", |json| json["value"] == true).await?;
    proxy.swallow_notifications(1);
    stand.server.write("Types.Boolean", &json!(false)).await?;
    tagwise_tests::wait_until("the message is lost", crate::odd_stand::SOON, async || {
        Ok((proxy.played() >= 1).then_some(()))
    })
    .await?;
    let mark = stand.probe.mark();
    // What comes next shows the gap.
    stand.server.write("Types.Int16", &json!(3)).await?;
    let message = heard_after(&stand.probe, mark, "alarm", "the alarm is false", |json| json["value"] == false).await?;
    ensure!(has_flag(&message, "initial"), "what is read anew is no change: {message}");
    heard(&stand.probe, "tagwise/line1/gap", "the loss is announced", |_| true).await?;
    heard_after(&stand.probe, mark, "other", "the other tag has its value", |json| json["value"] == 3).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "no session is given up for it");
    Ok(())
}

/// The connection is cut while Republish is answered in this way; values flow again soon, in one more session at most.
async fn a_cut_is_survived_where_republish_answers(how: &str) -> Result<()> {
    let Some(mut stand) = odd(&[&format!("fault:Republish:{how}")]).await? else { return Ok(()) };
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    // A session that lives long, so that only what the adapter does can end the silence.
    let times = "session_timeout: 120s, request_timeout: 2s";
    let mapping = Mapping::between(&stand.server.url(), &stand.broker.url())?.connection(times).with(&tags);
    let adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "counter", 5).await?;
    for _ in 0..2 {
        let mark = stand.probe.mark();
        stand.server.tell("cut").await?;
        count_after(&stand.probe, mark, "counter", 5).await.with_context(|| adapter.log().unwrap_or_default())?;
    }
    let sessions = stand.server.count_of("CreateSession").await?;
    ensure!(sessions <= 1 || how == "never", "{sessions} sessions");
    ensure!(!adapter.log()?.contains("password"), "nothing is wrong with the password: {}", adapter.log()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn republish_without_an_answer_costs_seconds() -> Result<()> {
    a_cut_is_survived_where_republish_answers("never").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn republish_that_cannot_be_encoded_costs_no_session() -> Result<()> {
    a_cut_is_survived_where_republish_answers("BadEncodingLimitsExceeded").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn republish_that_is_not_granted_is_no_wrong_password() -> Result<()> {
    a_cut_is_survived_where_republish_answers("BadUserAccessDenied").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_number_that_is_not_one_is_no_fault_of_the_connection() -> Result<()> {
    let Some(mut stand) = odd(&["first-number:7", "forgets-messages"]).await? else { return Ok(()) };
    let tags = format!("tags:\n{}{}", tag("counter", "Counter1", ""), tag("still", "Types.Int16", ""));
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    heard(&stand.probe, "still", "the resting tag has its value", |json| json["value"] == -32768).await?;
    count_after(&stand.probe, 0, "counter", 5).await?;
    // The first message was no number 1, so that something has been lost.
    heard(&stand.probe, "tagwise/line1/gap", "the loss is announced", |_| true).await?;
    ensure!(stand.server.count_of("CreateSession").await? <= 2, "it is not tried for ever");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_notifications_are_asked_for_where_a_message_would_be_too_large() -> Result<()> {
    let Some(mut stand) = odd(&["notifications:5", "keeps-messages"]).await? else { return Ok(()) };
    let names = ["Float", "Double", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "String"];
    let tags: String = names.iter().map(|name| tag(name, &format!("Types.{name}"), "")).collect();
    let tags = format!("tags:\n{tags}{}", tag("counter", "Counter1", ""));
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    for name in names {
        count_after(&stand.probe, 0, name, 1).await?;
    }
    count_after(&stand.probe, 0, "counter", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? <= 16, "it is learnt, not tried for ever");
    Ok(())
}

/// What the last Subscription had is learnt for the next session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_publish_requests_is_remembered_in_the_next_session() -> Result<()> {
    let Some(mut stand) = odd(&["publish-limit:2"]).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.with(&many_subscriptions(4));
    let mut adapter = Adapter::spawn(&mapping)?;
    count_after(&stand.probe, 0, "tag3", 5).await?;
    restart(&mut stand, &mut adapter).await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "tag3", 20).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the second start of the server sees one session");
    Ok(())
}

async fn restart(stand: &mut Stand, adapter: &mut Adapter) -> Result<()> {
    stand.server.kill()?;
    adapter.readiness("the loss is noticed", |reply| reply.status == 503).await?;
    stand.server.resume().await?;
    counted(&mut stand.server, "CreateSession", 1).await
}

/// Refusals by the proxy, which never come from asyncua: the session lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_requests_that_were_too_many_cost_no_session() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let _adapter = Adapter::start(&stand.mapping(&proxy.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    proxy.refuse(Service::Publish, opcua::types::StatusCode::BadTooManyPublishRequests, 12);
    tagwise_tests::wait_until("some are refused", crate::odd_stand::SOON, async || {
        pause(Duration::from_millis(50)).await;
        Ok((proxy.played() >= 12).then_some(()))
    })
    .await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "counter", 10).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "no session is given up for it");
    Ok(())
}

/// A server that answers every Publish at once with a refusal is not asked in a storm, and its values come when it
/// takes them.
async fn a_refusal_at_once_is_no_storm(how: &str) -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    stand.server.tell(&format!("fault Publish {how}")).await?;
    let before = stand.server.count_of("Publish faulted").await?;
    pause(Duration::from_secs(3)).await;
    let asked = stand.server.count_of("Publish faulted").await? - before;
    ensure!(asked <= 40, "{asked} Publish requests within three seconds");
    stand.server.tell(&format!("fault Publish {how} 0")).await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "counter", 10).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "no session is given up for it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_publish_requests_at_once_are_no_storm() -> Result<()> {
    a_refusal_at_once_is_no_storm("BadTooManyPublishRequests").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_requests_that_time_out_at_once_are_no_storm() -> Result<()> {
    a_refusal_at_once_is_no_storm("BadTimeout").await
}

/// Each keep-alive shows the same hole; it is told and its items are read anew once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_that_only_keep_alives_show_is_announced_once() -> Result<()> {
    let Some(mut stand) = odd(&["forgets-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    let tags = format!("{WITH_METADATA}{}", tag("alarm", "Types.Boolean", ""));
    let mapping = stand.mapping(&proxy.url())?.connection("keep_alive_interval: 1s").with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    heard(&stand.probe, "alarm", "the alarm is true", |json| json["value"] == true).await?;
    proxy.swallow_notifications(1);
    stand.server.write("Types.Boolean", &json!(false)).await?;
    heard(&stand.probe, "alarm", "the alarm is false", |json| json["value"] == false).await?;
    pause(Duration::from_secs(4)).await;
    let gaps = stand.probe.on_topic("tagwise/line1/gap").len();
    ensure!(gaps == 1, "the loss is announced once, not {gaps} times");
    let repeats = stand.probe.on_topic("alarm").len();
    ensure!(repeats == 2, "true and false, not {repeats} messages");
    Ok(())
}

/// What is silent for minutes in this mapping is made anew as soon as a cut shows that it has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_has_ended_during_a_cut_is_made_anew_at_once() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let interval = ", subscription: { publishing_interval: 150ms }";
    let tags = format!("tags:\n{}{}", tag("first", "Counter1", ""), tag("second", "Counter1", interval));
    let mapping = stand.mapping(&stand.server.url())?.connection("keep_alive_interval: 60s").with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "first", 5).await?;
    count_after(&stand.probe, 0, "second", 5).await?;
    stand.server.tell("end-subscription 0").await?;
    let mark = stand.probe.mark();
    stand.server.tell("cut").await?;
    count_after(&stand.probe, mark, "first", 5).await?;
    count_after(&stand.probe, mark, "second", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in the same session");
    Ok(())
}

/// A server that has forgotten all Subscriptions and says so gets new ones in the same session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_knows_no_subscription_gets_new_ones() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let _adapter = Adapter::start(&stand.mapping(&proxy.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    proxy.refuse(Service::Publish, opcua::types::StatusCode::BadNoSubscription, 1);
    counted(&mut stand.server, "CreateSubscription", 2).await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "counter", 10).await?;
    pause(Duration::from_secs(2)).await;
    let created = stand.server.count_of("CreateSubscription").await?;
    ensure!(created == 2, "one new Subscription, not {}", created - 1);
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in the same session");
    Ok(())
}

/// What is to be read anew is not forgotten when the connection breaks during the Read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_what_was_lost_that_is_cut_is_done_again() -> Result<()> {
    let Some(mut stand) = odd(&["forgets-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    let tags = format!("{WITH_METADATA}{}{}", tag("alarm", "Types.Boolean", ""), tag("other", "Types.Int16", ""));
    let mapping = stand.mapping(&proxy.url())?.connection("keep_alive_interval: 60s").with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    heard(&stand.probe, "alarm", "the alarm is true", |json| json["value"] == true).await?;
    proxy.swallow_notifications(1);
    stand.server.write("Types.Boolean", &json!(false)).await?;
    tagwise_tests::wait_until("the message is lost", crate::odd_stand::SOON, async || {
        Ok((proxy.played() >= 1).then_some(()))
    })
    .await?;
    stand.server.tell("fault Read never").await?;
    stand.server.write("Types.Int16", &json!(3)).await?;
    heard(&stand.probe, "tagwise/line1/gap", "the loss is announced", |_| true).await?;
    pause(Duration::from_millis(500)).await;
    stand.server.tell("fault Read never 0").await?;
    stand.server.tell("cut").await?;
    heard(&stand.probe, "alarm", "the alarm is false", |json| json["value"] == false).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in the same session");
    Ok(())
}
