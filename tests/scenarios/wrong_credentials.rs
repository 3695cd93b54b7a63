//! Wrong passwords: the adapter stays up, says which, and takes nothing for granted.

use anyhow::Result;
use tagwise_tests::{
    Adapter, Mapping, Mosquitto, MosquittoOptions, Simulator, SimulatorOptions, UaServer, UaServerOptions, peer_or_skip,
};

const WRONG: &str = "wr0ng-pass";

fn user() -> (String, String) {
    ("edge".to_owned(), "right-pass".to_owned())
}

fn auth(password: &str) -> String {
    format!("auth: {{ basic: {{ username: edge, password: {password} }} }}")
}

async fn check_refused(adapter: &mut Adapter, words: &[&str]) -> Result<()> {
    let says_why = |body: &str| {
        let body = body.to_lowercase();
        words.iter().any(|word| body.contains(&word.to_lowercase()))
    };
    adapter
        .readiness(&format!("/readyz says one of {words:?}"), |reply| reply.status == 503 && says_why(&reply.body))
        .await?;
    assert_eq!(adapter.http().get("/healthz").await?.status, 200);
    assert!(!adapter.log()?.contains(WRONG), "a secret never reaches the log");
    adapter.ensure_running()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_refuses_the_password_is_named() -> Result<()> {
    let options = MosquittoOptions { user: Some(user()), ..MosquittoOptions::default() };
    let broker = Mosquitto::start_with(peer_or_skip!(Mosquitto), options).await?;
    let simulator = Simulator::start().await?;
    let node = Simulator::node("Machine", "Vibration");
    let mapping = Mapping::between(&simulator.url(), &broker.url())?
        .broker(&format!("auth: {{ username: edge, password: {WRONG} }}"))
        .with(&format!("tags:\n  - {{ name: vibration, node: '{node}', topic: a/b }}"));
    let mut adapter = Adapter::spawn(&mapping)?;
    check_refused(&mut adapter, &["not authorized", "password", "credentials"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plc_that_refuses_the_password_is_named() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = SimulatorOptions { user: Some(user()), ..SimulatorOptions::default() };
    let simulator = Simulator::start_with(options).await?;
    let tags = format!("tags:\n  - {{ name: v, node: '{}', topic: a/b }}", Simulator::node("Machine", "Vibration"));
    let mapping = Mapping::between(&simulator.url(), &broker.url())?.opcua(&auth(WRONG)).with(&tags);
    let mut adapter = Adapter::spawn(&mapping)?;
    check_refused(&mut adapter, &["BadUserAccessDenied", "BadIdentityTokenRejected", "password"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_password_opens_asyncua_and_the_wrong_one_does_not() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let options = UaServerOptions { user: Some(user()), ..UaServerOptions::default() };
    let server = UaServer::start_with(peer_or_skip!(Asyncua), options).await?;
    let tags = format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1"));
    let between = || Ok::<_, anyhow::Error>(Mapping::between(&server.url(), &broker.url())?.with(&tags));
    let mut wrong = Adapter::spawn(&between()?.opcua(&auth(WRONG)))?;
    check_refused(&mut wrong, &["BadUserAccessDenied", "BadIdentityTokenRejected", "password"]).await?;
    wrong.kill()?;
    let _right = Adapter::start(&between()?.opcua(&auth("right-pass"))).await?;
    Ok(())
}
