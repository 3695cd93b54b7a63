//! `tagwise certs`: from nothing to a secure session, the way a commissioning engineer goes.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Output, PATIENCE, Simulator, peer_or_skip, run_to_end};

async fn certs(arguments: &[&str], directory: &Path) -> Result<Output> {
    let arguments: Vec<&str> = ["certs"].iter().chain(arguments).copied().collect();
    run_to_end(&arguments, directory, PATIENCE).await
}

/// The value of a line such as `  thumbprint   ab12 (SHA-1)`.
fn value<'a>(text: &'a str, name: &str) -> Result<&'a str> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name)).context("a line is missing")?;
    line.split_whitespace().next().context("the line is empty")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_trust_each_other_and_values_flow() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start_secure().await?;
    let node = Simulator::node("Machine", "Vibration");
    let folder = tempfile::tempdir()?;
    let directory = folder.path();
    let pki = directory.join("our pki");
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .security("policy: basic256sha256")
        .opcua(&format!("pki_dir: '{}'", pki.display()))
        .with(&format!("tags:\n  - {{ name: vibration, node: '{node}', topic: a/b }}"));
    fs::write(directory.join("line1.yaml"), mapping.text())?;

    let made = certs(&["generate", "--config", "line1.yaml", "--host", "10.0.0.9"], directory).await?;
    assert_eq!(made.code, Some(0), "{made:?}");
    let own = value(&made.stdout, "thumbprint")?.to_owned();
    assert!(value(&made.stdout, "application")?.ends_with(":tagwise:line1"), "{made:?}");
    for word in ["10.0.0.9", "TIA Portal", "Kepware", "private.pem"] {
        assert!(made.stdout.contains(word), "{word}: {made:?}");
    }

    // The server is unknown: the adapter says the command, and the command works as it stands.
    let mut adapter = Adapter::spawn(&mapping)?;
    let says =
        |word: &'static str| move |reply: &tagwise_tests::Reply| reply.status == 503 && reply.body.contains(word);
    let reply = adapter.readiness("the command is said", says("tagwise certs trust")).await?;
    let message = reply.json()?["reasons"][0]["message"].as_str().context("a sentence")?.to_owned();
    let command = message.split("tagwise ").last().context("a command")?.to_owned();
    let (before, path) = command.split_once(" --pki-dir ").context("a directory")?;
    let arguments: Vec<&str> = before.split(' ').chain(["--pki-dir", path.trim_matches('\'')]).collect();
    let trusted = run_to_end(&arguments, directory, PATIENCE).await?;
    assert_eq!(trusted.code, Some(0), "{command}: {trusted:?}");
    assert!(adapter.log()?.contains(&own), "the log says which certificate is ours");

    // Now the server does not know us.
    adapter.readiness("our thumbprint is said", |reply| reply.status == 503 && reply.body.contains(&own)).await?;
    let (rejected, known) = (simulator.pki_dir().join("rejected"), simulator.pki_dir().join("trusted"));
    for file in fs::read_dir(rejected)? {
        let file = file?;
        fs::rename(file.path(), known.join(file.file_name()))?;
    }
    adapter.ready().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    probe.wait_for_count("a/b", 3).await?;
    let named = |metrics: &tagwise_tests::Metrics| {
        ["own", "server"]
            .iter()
            .all(|name| metrics.sum("tagwise_certificate_expiry_timestamp_seconds", &[("certificate", *name)]) > 1.8e9)
    };
    adapter.metrics_where("both certificates have an end", named).await?;
    let list = certs(&["list", "--config", "line1.yaml"], directory).await?;
    assert!(list.stdout.starts_with("trusted:") && !list.stdout.contains("rejected:"), "{list:?}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_made_once_shown_and_renewed_on_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path();
    let place = ["--pki-dir", "pki"];
    let run = async |words: &[&str]| certs(&[words, &place].concat(), directory).await;
    let none = run(&["show"]).await?;
    assert!(none.code == Some(1) && none.stderr.contains("certs generate"), "{none:?}");
    let made = run(&["generate", "--application-uri", "urn:my:client", "--days", "20"]).await?;
    assert_eq!(value(&made.stdout, "application")?, "urn:my:client");
    let again = run(&["generate"]).await?;
    assert!(again.code == Some(1) && again.stderr.contains("--renew"), "{again:?}");
    let shown = run(&["show"]).await?;
    assert_eq!(shown.stdout, made.stdout);
    let renewed = run(&["generate", "--renew"]).await?;
    assert_eq!(value(&renewed.stdout, "application")?, "urn:my:client", "the URI stays");
    assert_ne!(value(&renewed.stdout, "thumbprint")?, value(&made.stdout, "thumbprint")?);
    Ok(())
}

#[tokio::test]
async fn a_certificate_goes_from_a_file_to_trust_and_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path();
    certs(&["generate", "--pki-dir", "server"], directory).await?;
    let file = "server/own/cert.der";
    let run = async |words: &[&str]| certs(&[words, &["--pki-dir", "pki"]].concat(), directory).await;
    let empty = run(&["list"]).await?;
    assert!(empty.code == Some(0) && empty.stdout.contains("no certificates"), "{empty:?}");
    let trusted = run(&["trust", file]).await?;
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    let fingerprint = value(&trusted.stdout, "fingerprint")?.to_uppercase();
    let list = run(&["list"]).await?;
    assert!(list.stdout.starts_with("trusted:"), "{list:?}");
    assert_eq!(run(&["reject", &fingerprint]).await?.code, Some(0));
    let list = run(&["list"]).await?;
    assert!(list.stdout.starts_with("rejected:"), "{list:?}");
    let beginning: String = fingerprint.chars().take(10).collect();
    assert_eq!(run(&["trust", &beginning]).await?.code, Some(0));
    let unknown = run(&["trust", "0123456789"]).await?;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("certs list"), "{unknown:?}");
    let nothing = certs(&["list"], directory).await?;
    assert_eq!(nothing.code, Some(2), "it must be said where: {nothing:?}");
    Ok(())
}
