//! The harness itself: what the scenarios lean on holds without the adapter.

use anyhow::Result;
use serde_json::json;
use tagwise_tests::{
    Mosquitto, MosquittoOptions, MqttProbe, PATIENCE, Stack, UaServer, UaServerOptions, peer_or_skip, wait_until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_probe_hears_again_after_the_broker_was_killed() -> Result<()> {
    let mut broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    probe.publish("a/b", "1").await?;
    probe.wait_for("1 came", |message| message.topic == "a/b").await?;
    broker.kill()?;
    broker.resume().await?;
    probe.subscribed(2).await?;
    probe.publish("a/b", "2").await?;
    probe.wait_for("2 came", |message| &message.payload[..] == b"2").await?;
    probe.fence().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_lets_in_whoever_knows_the_password_and_the_authority() -> Result<()> {
    let user = ("edge".to_owned(), "right".to_owned());
    let options = MosquittoOptions { user: Some(user), has_tls: true, ..MosquittoOptions::default() };
    let broker = Mosquitto::start_with(peer_or_skip!(Mosquitto), options).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    probe.fence().await?;

    let mut wrong = broker.access().clone();
    wrong.user = Some(("edge".to_owned(), "wrong".to_owned()));
    let refused = MqttProbe::spawn(&wrong)?;
    wait_until("the broker refuses the wrong password", PATIENCE, async || {
        Ok(broker.log()?.contains("not authorised").then_some(()))
    })
    .await?;
    assert_eq!(refused.subscription_count(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_foreign_server_obeys_its_control_channel() -> Result<()> {
    for stack in Stack::ALL.into_iter().filter(|stack| stack.peer().is_some()) {
        let Some(program) = stack.program_or_announce("every_foreign_server_obeys_its_control_channel")? else {
            continue;
        };
        let options = UaServerOptions { counters: Some(2), ..UaServerOptions::default() };
        let mut server = UaServer::start_of(stack, program, options).await?;
        assert_eq!(server.read("Types.Int64").await?, json!(-9_007_199_254_740_993_i64), "{stack}");
        server.write("Types.String", &json!("hallo")).await?;
        assert_eq!(server.read("Types.String").await?, json!("hallo"), "{stack}");
        server.add_node("Late").await?;
        server.set_status("Counter2", "BadSensorFailure").await?;
        assert!(server.read("NoSuchNode").await.is_err(), "{stack}");
        assert_eq!(server.session_count().await?, 0, "{stack}");
        server.stop().await?;
        server.resume().await?;
        assert_eq!(server.read("Types.String").await?, json!("grün \"q\" \n"), "a restart of {stack} forgets");
    }
    Ok(())
}
