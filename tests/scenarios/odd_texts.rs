//! A server whose own texts are not UTF-8 is used and browsed like any other.

use anyhow::{Result, ensure};
use tagwise_tests::{Adapter, run_to_end};

use crate::{
    odd_stand::{SOON, count_after, odd, tag},
    stacks::Stand,
};

async fn values_flow_from(places: &[&str]) -> Result<Option<Stand>> {
    let oddities: Vec<String> = places.iter().map(|place| format!("text:{place}")).collect();
    let oddities: Vec<&str> = oddities.iter().map(String::as_str).collect();
    let Some(mut stand) = odd(&oddities).await? else { return Ok(None) };
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    Ok(Some(stand))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_of_application_product_and_namespace_prevent_nothing() -> Result<()> {
    values_flow_from(&["application", "product", "namespace"]).await.map(drop)
}

/// The whole tree is shown, the odd node with U+FFFD.
async fn the_tree_is_shown_whole(place: &str) -> Result<()> {
    let Some(stand) = values_flow_from(&[place]).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let output = run_to_end(&["browse", &stand.server.url()], folder.path(), SOON).await?;
    ensure!(output.code == Some(0), "{output:?}");
    for words in ["T\u{FFFD}R", "s=OddName", "s=Types.Int16", "s=Counter1"] {
        // A tree that shows BrowseNames has no use for the DisplayName, but shows the node all the same.
        let is_needed = words != "T\u{FFFD}R" || place == "browse";
        ensure!(output.stdout.contains(words) || !is_needed, "{words} is missing in\n{}", output.stdout);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_display_name_ends_no_browsing() -> Result<()> {
    the_tree_is_shown_whole("display").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browse_name_ends_no_browsing() -> Result<()> {
    the_tree_is_shown_whole("browse").await
}
