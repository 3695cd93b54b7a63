//! What the scenarios with odd servers share: one asyncua that does what servers in the field do, a broker and a probe.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{Adapter, Mapping, Message, MqttProbe, Stack, UaServer, UaServerOptions, wait_until};
use tempfile::TempDir;

use crate::stacks::Stand;

/// How long a scenario waits for what a right adapter does within a few seconds; a busy machine is slower.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A stand with asyncua and these oddities; `None`, said aloud, where a program is missing.
pub(crate) async fn odd(oddities: &[&str]) -> Result<Option<Stand>> {
    Stand::set_up(Stack::Asyncua, UaServerOptions::odd(oddities)).await
}

/// As `odd`, with a certificate, and a mapping that insists on encryption and trusts nobody yet. The folder holds the
/// server's certificate.
pub(crate) async fn odd_secure(oddities: &[&str]) -> Result<Option<(Stand, Mapping, TempDir)>> {
    let folder = tempfile::tempdir()?;
    let secure = Some(folder.path().join("pki"));
    let options = UaServerOptions { secure, ..UaServerOptions::odd(oddities) };
    let Some(stand) = Stand::set_up(Stack::Asyncua, options).await? else { return Ok(None) };
    let mapping = stand.mapping(&stand.server.url())?.security("policy: basic256sha256").opcua("pki_dir: pki");
    Ok(Some((stand, mapping, folder)))
}

/// A tag on the topic of its name.
pub(crate) fn tag(name: &str, node: &str, more: &str) -> String {
    let node = UaServer::node(node);
    format!("  - {{ name: {name}, node: '{node}', topic: {name}{more} }}\n")
}

/// All messages have their metadata.
pub(crate) const WITH_METADATA: &str = "defaults: { northbound_mapping: { include_metadata: true } }\ntags:\n";

/// Waits for a message on `topic`, heard before or later, whose JSON is as `is_wanted` says.
pub(crate) async fn heard(
    probe: &MqttProbe,
    topic: &str,
    what: &str,
    is_wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    heard_after(probe, 0, topic, what, is_wanted).await
}

/// As `heard`, for messages after a mark.
pub(crate) async fn heard_after(
    probe: &MqttProbe,
    mark: usize,
    topic: &str,
    what: &str,
    is_wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let is_it = |message: &Message| message.topic == topic;
    let look = |messages: &[Message]| {
        let later = messages.get(mark..).unwrap_or_default().iter().filter(|message| is_it(message));
        later.filter_map(|message| message.json().ok()).find(|json| is_wanted(json))
    };
    let last = || probe.on_topic(topic).last().map(|message| message.payload.clone());
    probe.wait_until(what, SOON, look).await.with_context(|| format!("the last on {topic} was {:?}", last()))
}

/// Waits until so many messages have come on `topic` after a mark.
pub(crate) async fn count_after(probe: &MqttProbe, mark: usize, topic: &str, count: usize) -> Result<()> {
    let is_enough = |messages: &[Message]| {
        let later = messages.get(mark..).unwrap_or_default();
        (later.iter().filter(|message| message.topic == topic).count() >= count).then_some(())
    };
    probe.wait_until(&format!("{count} messages come on {topic}"), SOON, is_enough).await
}

/// Whether a message carries a flag.
pub(crate) fn has_flag(message: &Value, flag: &str) -> bool {
    message["metadata"]["flags"].as_array().is_some_and(|flags| flags.iter().any(|other| other == flag))
}

/// How many warnings the adapter has logged that name all of these, each as a whole word.
pub(crate) fn warnings(adapter: &Adapter, names: &[&str]) -> Result<usize> {
    let log = adapter.log()?;
    let is_one = |line: &&str| line.contains("WARN") && names.iter().all(|name| has_word(line, name));
    Ok(log.lines().filter(is_one).count())
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + word.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Waits until asyncua has counted at least so many requests under a name.
pub(crate) async fn counted(server: &mut UaServer, name: &str, count: u64) -> Result<()> {
    wait_until(&format!("{count} times {name}"), SOON, async || {
        Ok((server.count_of(name).await? >= count).then_some(()))
    })
    .await
}

/// Waits until the adapter says that it does not trust the server, and trusts it as it says; `pki` is its folder.
pub(crate) async fn trust(adapter: &mut Adapter) -> Result<()> {
    let says_how = |reply: &tagwise_tests::Reply| reply.body.contains("tagwise certs trust");
    let reply = adapter.readiness("the way to trust the server is told", says_how).await?;
    let command = reply.body.split("tagwise certs trust ").nth(1).context("a command")?;
    let fingerprint = command.split_whitespace().next().context("a fingerprint")?;
    let arguments = ["certs", "trust", fingerprint, "--pki-dir", "pki"];
    let output = tagwise_tests::run_to_end(&arguments, adapter.directory(), SOON).await?;
    anyhow::ensure!(output.code == Some(0), "{output:?}");
    Ok(())
}
