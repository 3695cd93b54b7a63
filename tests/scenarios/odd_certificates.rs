//! Which certificates are taken: what an authority has signed is not yet the PLC, and the forms of real PLCs are none of
//! our business.

use std::fs;

use anyhow::{Result, ensure};
use tagwise_tests::{Adapter, Mapping, Stack, UaServerOptions};

use crate::{
    odd_stand::{count_after, counted, odd_secure, tag, trust},
    stacks::Stand,
};

/// A server with a certificate of this kind, and a mapping for it whose `pki` trusts the authority.
async fn trusting_the_authority(kind: &str, more: &str) -> Result<Option<(Stand, Mapping, tempfile::TempDir)>> {
    let folder = tempfile::tempdir()?;
    let user = Some(("edge".to_owned(), "secret".to_owned()));
    let secure = Some(folder.path().join("server"));
    let options = UaServerOptions { user, secure, ..UaServerOptions::odd(&[&format!("certificate:{kind}")]) };
    let Some(stand) = Stand::set_up(Stack::Asyncua, options).await? else { return Ok(None) };
    let trusted = folder.path().join("client/trusted");
    fs::create_dir_all(&trusted)?;
    fs::copy(folder.path().join("server/ca.der"), trusted.join("ca.der"))?;
    let pki = folder.path().join("client");
    let keys = format!("pki_dir: '{}', auth: {{ basic: {{ username: edge, password: secret }} }}{more}", pki.display());
    let mapping = stand.mapping(&stand.server.url())?.security("policy: basic256sha256").opcua(&keys);
    let mapping = mapping.with(&format!("tags:\n{}", tag("counter", "Counter1", "")));
    Ok(Some((stand, mapping, folder)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_the_authority_vouches_for_is_trusted() -> Result<()> {
    let Some((stand, mapping, _folder)) = trusting_the_authority("authority", "").await? else { return Ok(()) };
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "counter", 3).await
}

async fn gets_no_session_and_no_value(kind: &str) -> Result<()> {
    let Some((mut stand, mapping, _folder)) = trusting_the_authority(kind, "").await? else { return Ok(()) };
    let mut adapter = Adapter::spawn(&mapping)?;
    let is_told = |reply: &tagwise_tests::Reply| reply.status == 503 && reply.body.contains("certificate");
    adapter.readiness("the refusal is told", is_told).await?;
    counted(&mut stand.server, "GetEndpoints", 3).await?;
    ensure!(stand.server.count_of("ActivateSession").await? == 0, "a stranger has the password");
    ensure!(stand.probe.on_topic("counter").is_empty(), "a stranger has published values");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_same_authority_is_no_server() -> Result<()> {
    gets_no_session_and_no_value("client").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_of_the_same_authority_is_not_this_one() -> Result<()> {
    gets_no_session_and_no_value("other-host").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_is_taken_where_its_application_is_configured() -> Result<()> {
    let more = ", application_uri_of_server: 'urn:another:application'";
    let Some((stand, mapping, _folder)) = trusting_the_authority("other-host", more).await? else { return Ok(()) };
    let _adapter = Adapter::start(&mapping).await?;
    count_after(&stand.probe, 0, "counter", 3).await
}

/// A certificate that is trusted by itself, whatever its form.
async fn is_taken_as_it_comes(kind: &str) -> Result<()> {
    let Some((stand, mapping, _folder)) = odd_secure(&[&format!("certificate:{kind}")]).await? else { return Ok(()) };
    let mut adapter = Adapter::spawn(&mapping.with(&format!("tags:\n{}", tag("counter", "Counter1", ""))))?;
    trust(&mut adapter).await?;
    count_after(&stand.probe, 0, "counter", 3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_with_critical_false_written_out() -> Result<()> {
    is_taken_as_it_comes("critical-false").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_with_bytes_behind_it() -> Result<()> {
    is_taken_as_it_comes("trailing").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_with_its_authoritys_behind_it() -> Result<()> {
    is_taken_as_it_comes("chain").await
}
