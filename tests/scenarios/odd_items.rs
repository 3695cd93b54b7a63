//! MonitoredItems exist once each, whatever happens while they are created, and one that is late holds up no other.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tagwise_tests::{Adapter, UaServer, wait_until};

use crate::odd_stand::{SOON, WITH_METADATA, count_after, counted, heard, odd, tag};
use crate::stacks::Stand;

/// How long the answers to CreateMonitoredItems are under way.
const DELAY: &str = "delay-items 2";
/// Longer than that.
const SETTLED: Duration = Duration::from_secs(4);

/// Two Subscriptions with three tags each.
fn two_subscriptions() -> String {
    let names = ["a0", "a1", "a2", "b0", "b1", "b2"];
    let interval = |name: &str| if name.starts_with('a') { "100ms" } else { "110ms" };
    let one = |name| tag(name, "Counter1", &format!(", subscription: {{ publishing_interval: {} }}", interval(name)));
    format!("tags:\n{}", names.map(one).concat())
}

async fn start(stand: &Stand) -> Result<Adapter> {
    Adapter::start(&stand.mapping(&stand.server.url())?.with(&two_subscriptions())).await
}

async fn items_are(server: &mut UaServer, wanted: Value) -> Result<()> {
    wait_until(&format!("the Subscriptions have {wanted} items"), SOON, async || {
        Ok((server.ask_json("subscriptions").await? == wanted).then_some(()))
    })
    .await
}

/// Each item exists once, values come, and the session was not to blame.
async fn all_is_there_once(stand: &mut Stand) -> Result<()> {
    stand.server.tell("delay-items 0").await?;
    items_are(&mut stand.server, json!([3, 3])).await?;
    tokio::time::sleep(SETTLED).await;
    let items = stand.server.ask_json("subscriptions").await?;
    ensure!(items == json!([3, 3]), "each item exists once, not {items}");
    let mark = stand.probe.mark();
    for name in ["a0", "a2", "b0", "b2"] {
        count_after(&stand.probe, mark, name, 5).await?;
    }
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_ends_while_the_items_of_the_next_are_created() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    stand.server.tell(DELAY).await?;
    let _adapter = start(&stand).await?;
    counted(&mut stand.server, "CreateMonitoredItems", 2).await?;
    stand.server.tell("end-subscription 0 BadTimeout").await?;
    all_is_there_once(&mut stand).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_ends_while_the_items_of_another_are_created_again() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let _adapter = start(&stand).await?;
    count_after(&stand.probe, 0, "b0", 3).await?;
    stand.server.tell(DELAY).await?;
    stand.server.tell("end-subscription 0 BadTimeout").await?;
    counted(&mut stand.server, "CreateMonitoredItems", 3).await?;
    stand.server.tell("end-subscription 0 BadTimeout").await?;
    all_is_there_once(&mut stand).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_while_items_are_created_again() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages", "keeps-sessions"]).await? else { return Ok(()) };
    let _adapter = start(&stand).await?;
    count_after(&stand.probe, 0, "b0", 3).await?;
    stand.server.tell(DELAY).await?;
    stand.server.tell("end-subscription 0 BadTimeout").await?;
    counted(&mut stand.server, "CreateMonitoredItems", 3).await?;
    stand.server.tell("cut").await?;
    all_is_there_once(&mut stand).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_item_is_created_late_holds_up_no_other() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages", "slow-item:8"]).await? else { return Ok(()) };
    stand.server.tell("add-node Slow").await?;
    let healthy = |number| tag(&format!("t{number}"), "Counter1", "");
    let tags: String = (0..6).map(healthy).collect();
    let tags = format!("tags:\n{tags}{}", tag("slow", "Slow", ""));
    let mapping = stand.mapping(&stand.server.url())?.connection("request_timeout: 1s").with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    for number in 0..6 {
        count_after(&stand.probe, 0, &format!("t{number}"), 3).await?;
    }
    ensure!(stand.probe.on_topic("slow").is_empty(), "it is created after 8 s");
    count_after(&stand.probe, 0, "slow", 3).await?;
    // Several late answers are still to come.
    tokio::time::sleep(SETTLED * 2).await;
    items_are(&mut stand.server, json!([7])).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_unknown_when_items_are_created_is_created_anew() -> Result<()> {
    let fault = "fault:CreateMonitoredItems:BadSubscriptionIdInvalid:1";
    let Some(mut stand) = odd(&["keeps-messages", fault]).await? else { return Ok(()) };
    let _adapter = start(&stand).await?;
    all_is_there_once(&mut stand).await?;
    ensure!(stand.server.count_of("CreateSubscription").await? == 3, "one of the two is created twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_value_is_there_whatever_the_server_says_of_its_class() -> Result<()> {
    let Some(mut stand) = odd(&["class-unknown"]).await? else { return Ok(()) };
    let tags = format!("{WITH_METADATA}{}", tag("rests", "Types.Float", ""));
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    heard(&stand.probe, "rests", "its value", |json| json["value"].is_number()).await?;
    counted(&mut stand.server, "NodeClass asked", 3).await?;
    let is_null = |json: &Value| json["value"].is_null();
    let told = stand.probe.on_topic("rests").iter().filter_map(|message| message.json().ok()).filter(is_null).count();
    ensure!(told == 0, "{told} times without a value");
    Ok(())
}
