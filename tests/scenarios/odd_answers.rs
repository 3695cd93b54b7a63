//! Answers of another length than the question, refusals of large calls, and a retry whose first attempt had worked.

use anyhow::{Result, ensure};
use tagwise_tests::Adapter;

use crate::odd_stand::{count_after, odd, tag};

const NAMES: [&str; 11] =
    ["Float", "Double", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "String"];

fn tags(more: &str) -> String {
    let tags: String = NAMES.iter().map(|name| tag(name, &format!("Types.{name}"), more)).collect();
    format!("tags:\n{tags}{}", tag("counter", "Counter1", more))
}

const POLL: &str = ", subscription: { mode: poll, sampling_interval: 100ms }";

async fn large_calls_are_made_smaller(service: &str, more: &str) -> Result<()> {
    let Some(mut stand) = odd(&[&format!("too-large:{service}=5")]).await? else { return Ok(()) };
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags(more)))?;
    for name in NAMES {
        count_after(&stand.probe, 0, name, 1).await?;
    }
    count_after(&stand.probe, 0, "counter", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_answer_would_be_too_large_is_made_smaller() -> Result<()> {
    large_calls_are_made_smaller("Read", POLL).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_whose_answer_would_be_too_large_are_created_in_smaller_calls() -> Result<()> {
    large_calls_are_made_smaller("CreateMonitoredItems", "").await
}

/// An answer that is one too short or too long belongs to nobody: no tag may have the value of another.
async fn a_wrong_count_mixes_up_nothing(service: &str, difference: i32, more: &str) -> Result<()> {
    let Some(stand) = odd(&[&format!("count:{service}={difference}")]).await? else { return Ok(()) };
    let mut adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags(more)))?;
    let answers = |reply: &tagwise_tests::Reply| reply.status == 200 || reply.status == 503;
    adapter.readiness("the adapter answers", answers).await?;
    tagwise_tests::pause(std::time::Duration::from_secs(3)).await;
    adapter.ensure_running()?;
    ensure!(!adapter.log()?.contains("panicked"), "{}", adapter.log()?);
    for message in stand.probe.on_topic("String") {
        let value = &message.json()?["value"];
        ensure!(value == "grün \"q\" \n" || value.is_null(), "the value of another: {value}");
    }
    for message in stand.probe.on_topic("Int16") {
        let value = &message.json()?["value"];
        ensure!(*value == -32768 || value.is_null(), "the value of another: {value}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_with_one_result_too_few_mixes_up_nothing() -> Result<()> {
    a_wrong_count_mixes_up_nothing("Read", -1, POLL).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_with_one_result_too_many_mixes_up_nothing() -> Result<()> {
    a_wrong_count_mixes_up_nothing("Read", 1, POLL).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_with_one_result_too_few_mix_up_nothing() -> Result<()> {
    a_wrong_count_mixes_up_nothing("CreateMonitoredItems", -1, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_not_created_twice_when_its_answer_was_lost() -> Result<()> {
    let Some(mut stand) = odd(&["fault:CreateMonitoredItems:late=4:1"]).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.connection("request_timeout: 2s").with(&tags(""));
    let _adapter = Adapter::spawn(&mapping)?;
    count_after(&stand.probe, 0, "counter", 60).await?;
    let items: Vec<u64> = serde_json::from_value(stand.server.ask_json("subscriptions").await?)?;
    let count = u64::try_from(NAMES.len())? + 1;
    ensure!(items.iter().sum::<u64>() == count, "{items:?} items for {count} tags");
    Ok(())
}
