//! The example of a detector kind from outside: a mapping names it, and it scores what flows.

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Mosquitto, MqttProbe, Simulator, example_binary, peer_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_a_program_of_ones_own_registers_scores_messages() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let plc = Simulator::start().await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let mapping = Mapping::between(&plc.url(), &broker.url())?.with(&format!(
        "models: {{ spindle: {{ detector: {{ kind: band, width: 4 }}, training: {{ samples: 20 }} }} }}
tags: [ {{ name: vibration, node: '{}', topic: plant/vib, model: spindle }} ]
",
        Simulator::node("Machine", "Vibration")
    ));
    let _adapter = Adapter::start_program(&mapping, example_binary("own_detector")?).await?;
    let what = "a message is scored by a kind that tagwise does not know";
    let scored = probe
        .wait_for(what, |message| message.json().is_ok_and(|json| json["anomaly"]["status"] == "scored"))
        .await?
        .json()?;
    assert_eq!((&scored["anomaly"]["model"], &scored["anomaly"]["threshold"]), (&"spindle".into(), &1.0.into()));
    assert!(scored["anomaly"]["score"].as_f64().is_some_and(|score| score >= 0.0), "{scored}");
    Ok(())
}
