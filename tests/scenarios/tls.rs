//! A broker with TLS, an authority of its own and a password.

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Mosquitto, MosquittoOptions, MqttProbe, SequenceCheck, Simulator, peer_or_skip};

const PASSWORD: &str = "correct horse battery";

async fn broker(program: std::path::PathBuf) -> Result<Mosquitto> {
    let user = Some(("edge".to_owned(), PASSWORD.to_owned()));
    Mosquitto::start_with(program, MosquittoOptions { user, has_tls: true, ..MosquittoOptions::default() }).await
}

fn mapping(simulator: &Simulator, broker: &Mosquitto) -> Result<Mapping> {
    let node = Simulator::node("Machine", "Vibration");
    let auth = "auth: { username: edge, password: \"${env:BROKER_PASSWORD}\" }";
    let tags = format!("tags:\n  - {{ name: vibration, node: '{node}', topic: a/b }}");
    Ok(Mapping::between(&simulator.url(), &broker.url())?.broker(auth).with(&tags))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_flow_over_tls_to_a_broker_with_its_own_authority() -> Result<()> {
    let mut broker = broker(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let tls = format!("tls: {{ ca_file: '{}' }}", broker.authority_file().display());
    let mapping = mapping(&simulator, &broker)?.broker(&tls);
    let mut adapter = Adapter::spawn_in(&mapping, &[("BROKER_PASSWORD", PASSWORD)])?;
    adapter.ready().await?;
    probe.wait_for_count("a/b", 5).await?;

    broker.kill()?;
    broker.resume().await?;
    // What comes from here on came over one connection, so that a hole is the adapter's.
    probe.subscribed(2).await?;
    let mark = probe.mark();
    probe.wait_after(mark, "values flow again", |message| message.topic == "a/b").await?;
    SequenceCheck::from_midway().take_all(&probe.messages()[mark..])?;
    assert!(!adapter.log()?.contains(PASSWORD), "a secret never reaches the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_refused_and_said_so() -> Result<()> {
    let broker = broker(peer_or_skip!(Mosquitto)).await?;
    let simulator = Simulator::start().await?;
    let mapping = mapping(&simulator, &broker)?;
    let mut adapter = Adapter::spawn_in(&mapping, &[("BROKER_PASSWORD", PASSWORD)])?;
    let says_why = |body: &str| body.to_lowercase().contains("certificate");
    adapter.readiness("the certificate is named", |reply| reply.status == 503 && says_why(&reply.body)).await?;
    let log = broker.log()?;
    assert!(!log.contains("u'edge'"), "the password must not have been sent: {log}");
    adapter.ensure_running()
}
