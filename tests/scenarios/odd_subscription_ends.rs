//! A Subscription that ends is created anew, whatever the others do, and the session goes on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tagwise_tests::Adapter;

use crate::odd_stand::{count_after, odd, tag};

/// Silence is noticed by keep-alives that do not come; this is some of them, and far below the session's time.
const NOTICED: Duration = Duration::from_secs(20);

/// Two Subscriptions, of which one ends with this code, or silently; or one, which is then the only one.
async fn it_is_created_anew(is_beside_another: bool, code: &str) -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let mut tags = format!("tags:\n{}", tag("ends", "Counter1", ", subscription: { publishing_interval: 110ms }"));
    if is_beside_another {
        tags.push_str(&tag("lives", "Counter1", ", subscription: { publishing_interval: 100ms }"));
    }
    let mapping = stand.mapping(&stand.server.url())?.connection("keep_alive_interval: 1s").with(&tags);
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "ends", 3).await?;
    let subscriptions = stand.server.ask_json("subscriptions").await?;
    ensure!(subscriptions.as_array().map(Vec::len) == Some(1 + usize::from(is_beside_another)), "{subscriptions}");
    // Which of the two was created first is the adapter's affair: each ends once.
    for _ in 0..=usize::from(is_beside_another) {
        let mark = stand.probe.mark();
        stand.server.tell(format!("end-subscription 0 {code}").trim_end()).await?;
        let begun = Instant::now();
        // More than can have been on their way.
        count_after(&stand.probe, mark, "ends", 10).await?;
        if is_beside_another {
            count_after(&stand.probe, mark, "lives", 10).await?;
        }
        ensure!(begun.elapsed() < NOTICED, "after {:?}", begun.elapsed());
    }
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the session is not to blame");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_ends_silently_beside_another() -> Result<()> {
    it_is_created_anew(true, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_says_that_it_ends_beside_another() -> Result<()> {
    it_is_created_anew(true, "BadTimeout").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_one_that_ends_silently() -> Result<()> {
    it_is_created_anew(false, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_one_that_says_that_it_ends() -> Result<()> {
    it_is_created_anew(false, "BadTimeout").await
}
