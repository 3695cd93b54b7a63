//! The model API answers a client that was written for the Flask server.

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{Adapter, Mapping, Mosquitto, UaServer, peer_or_skip};
use tempfile::TempDir;

use crate::support::{healthy, until_trained, write_column};

async fn start(
    mosquitto: std::path::PathBuf,
    python: std::path::PathBuf,
    http: &str,
) -> Result<(Mosquitto, UaServer, Adapter, TempDir)> {
    let broker = Mosquitto::start(mosquitto).await?;
    let server = UaServer::start(python).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("normal.csv");
    write_column(&file, "vibration", healthy(500, 3.0, 0.8))?;
    let mut mapping = Mapping::between(&server.url(), &broker.url())?.with(&format!(
        "models:
  vibration: {{ detector: {{ kind: isolation_forest, seed: 7 }}, training: {{ file: '{}' }} }}
tags:
  - {{ name: vibration, node: '{}', topic: vib, model: vibration }}
",
        file.display(),
        UaServer::node("Types.Double")
    ));
    if !http.is_empty() {
        mapping = mapping.http(http);
    }
    let adapter = Adapter::start(&mapping).await?;
    until_trained(&adapter).await?;
    Ok((broker, server, adapter, folder))
}

fn check_answer(answer: &Value, vibration: f64, is_anomaly: bool) {
    assert_eq!(answer["vibration"].as_f64().map(|value| value.to_string()), Some(vibration.to_string()), "{answer}");
    assert_eq!(answer["prediction"], i32::from(is_anomaly), "{answer}");
    assert_eq!(answer["status"], if is_anomaly { "Anomaly" } else { "Normal" }, "{answer}");
    assert!(answer["anomaly_score"].is_number() && answer["scaled_value"].is_number(), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predict_answers_as_the_flask_server_did() -> Result<()> {
    let (_broker, _server, adapter, _folder) = start(peer_or_skip!(Mosquitto), peer_or_skip!(Asyncua), "").await?;
    let normal = adapter.post("/predict", &json!({"vibration": 3.2})).await?;
    check_answer(&normal, 3.2, false);
    let anomaly = adapter.post("/predict", &json!({"value": 60.0})).await?;
    check_answer(&anomaly, 60.0, true);
    assert!(anomaly["anomaly_score"].as_f64() > normal["anomaly_score"].as_f64(), "higher is more anomalous");

    for body in [json!({"values": [3.2, 60.0]}), json!({"features": [[3.2], [60.0]]})] {
        let answers = adapter.post("/api/v1/models/vibration/predict", &body).await?;
        let answers = answers.as_array().cloned().unwrap_or_default();
        assert_eq!(answers.len(), 2, "a list for lists: {body}");
        check_answer(&answers[0], 3.2, false);
        check_answer(&answers[1], 60.0, true);
    }
    let again = adapter.post("/predict", &json!({"vibration": 3.2})).await?;
    assert_eq!(again, normal, "asking changes nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_question_is_refused_with_a_reason() -> Result<()> {
    let (_broker, _server, adapter, _folder) = start(peer_or_skip!(Mosquitto), peer_or_skip!(Asyncua), "").await?;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"vibration":"x"}"#,
        r#"{"values":[]}"#,
        r#"{"values":[1,"x"]}"#,
        r#"{"features":[[1,2]]}"#,
    ] {
        let reply = adapter.http().post_text("/predict", body.to_owned()).await?;
        assert!((400..500).contains(&reply.status), "{body} was answered {}: {}", reply.status, reply.body);
        assert!(!reply.body.is_empty(), "{body} got no reason");
    }
    assert_eq!(adapter.http().get("/predict").await?.status, 405);
    assert_eq!(adapter.http().get("/nosuch").await?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_only_its_bearer_may_retrain() -> Result<()> {
    let (_broker, _server, adapter, _folder) =
        start(peer_or_skip!(Mosquitto), peer_or_skip!(Asyncua), "token: s3cret-token").await?;
    let body = json!({"values": (0..200).collect::<Vec<i32>>()});
    assert_eq!(adapter.http().post("/retrain", &body).await?.status, 401);
    let wrong = adapter.http().with_token("wrong").post("/retrain", &body).await?;
    assert!(wrong.status == 401 || wrong.status == 403, "{}", wrong.status);
    let right = adapter.http().with_token("s3cret-token").post("/retrain", &body).await?;
    assert_eq!(right.status, 200, "{}", right.body);
    assert_eq!(adapter.http().post("/predict", &json!({"value": 3.0})).await?.status, 200, "asking needs none");
    assert!(!adapter.log()?.contains("s3cret-token"), "a secret never reaches the log");
    Ok(())
}
