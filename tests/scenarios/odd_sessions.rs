//! Sessions that cannot be activated are closed, and what opens a channel says nothing of a session.

use anyhow::{Context, Result, ensure};
use tagwise_tests::{Adapter, Stack, UaServerOptions, wait_until};

use crate::{
    odd_stand::{SOON, count_after, counted, odd, odd_secure, tag, trust},
    stacks::Stand,
};

fn counter() -> String {
    format!("tags:\n{}", tag("counter", "Counter1", ""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_leaves_no_session_behind() -> Result<()> {
    let user = Some(("edge".to_owned(), "right".to_owned()));
    let options = UaServerOptions { user, ..UaServerOptions::odd(&["keeps-sessions"]) };
    let Some(mut stand) = Stand::set_up(Stack::Asyncua, options).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.with(&counter());
    let wrong = "auth: { basic: { username: edge, password: wrong } }";
    let mut adapter = Adapter::spawn(&mapping.opcua(wrong))?;
    counted(&mut stand.server, "CreateSession", 4).await?;
    adapter.readiness("the refusal is told", |reply| reply.body.contains("password")).await?;
    drop(adapter);
    let (opened, closed) =
        (stand.server.count_of("CreateSession").await?, stand.server.count_of("CloseSession").await?);
    let sessions = stand.server.session_count().await?;
    ensure!(closed + 1 >= opened && sessions <= 1, "{opened} opened, {closed} closed, {sessions} left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_room_for_one_session_is_enough() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-sessions", "session-limit:1"]).await? else { return Ok(()) };
    let mut adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&counter())).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    let mark = stand.probe.mark();
    stand.server.tell("cut").await?;
    count_after(&stand.probe, mark, "counter", 10).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the session is taken up again");
    adapter.terminate(SOON).await?;
    ensure!(stand.server.count_of("CloseSession").await? == 1, "and closed in the end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_opened_without_the_token_of_a_session() -> Result<()> {
    let Some(mut stand) = odd(&["drops-opening-with-token", "keeps-messages"]).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.connection("request_timeout: 2s").with(&counter());
    let adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "counter", 3).await?;
    for _ in 0..2 {
        let mark = stand.probe.mark();
        stand.server.tell("cut").await?;
        count_after(&stand.probe, mark, "counter", 10).await.with_context(|| adapter.log().unwrap_or_default())?;
    }
    let with_token = stand.server.count_of("OpenSecureChannelWithToken").await?;
    ensure!(with_token == 0, "{with_token} OpenSecureChannel with a session's token");
    ensure!(stand.server.count_of("CreateSession").await? == 1, "the session is taken up again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_prove_who_it_is_keeps_no_session() -> Result<()> {
    let Some((mut stand, mapping, _folder)) = odd_secure(&["proves-nothing", "keeps-sessions"]).await? else {
        return Ok(());
    };
    let mut adapter = Adapter::spawn(&mapping.with(&counter()))?;
    trust(&mut adapter).await?;
    counted(&mut stand.server, "CreateSession", 1).await?;
    adapter.readiness("the wrong signature is told", |reply| reply.body.contains("signature in the session")).await?;
    counted(&mut stand.server, "CloseSession", 1).await?;
    ensure!(stand.server.count_of("ActivateSession").await? == 0, "nothing of ours is shown to it");
    drop(adapter);
    let sessions = stand.server.session_count().await?;
    ensure!(sessions <= 1, "{sessions} left");
    Ok(())
}

/// A password that is to be encrypted over None, for the certificate that only the endpoint shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_encrypted_over_none_with_the_endpoints_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let user = Some(("edge".to_owned(), "Pa55 wörd".to_owned()));
    let secure = Some(folder.path().join("pki"));
    let options = UaServerOptions { user, secure, ..UaServerOptions::odd(&["encrypts-over-none"]) };
    let Some(stand) = Stand::set_up(Stack::Asyncua, options).await? else { return Ok(()) };
    let mapping = stand.mapping(&stand.server.url())?.with(&counter());
    let auth = "pki_dir: pki, auth: { basic: { username: edge, password: \"Pa55 wörd\" } }";
    let adapter = Adapter::spawn(&mapping.opcua(auth))?;
    // Encrypted or refused with a sentence that says what to do: but no panic, and no password in plain text.
    let is_over = async || {
        let log = adapter.log()?;
        ensure!(!log.contains("panic"), "{log}");
        let has_values = !stand.probe.on_topic("counter").is_empty();
        let page = adapter.http().get("/readyz").await.map(|reply| reply.body).unwrap_or_default();
        Ok((has_values || page.contains("certificate")).then_some(()))
    };
    wait_until("values flow, or the reason is told", SOON, is_over).await
}
