//! The server over a real socket, as a client sees it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tagwise_model::Registry;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{HttpServer, HttpState};
use crate::{
    domain::{BrokerId, TagId},
    stage::test_support::{Scene, normal},
    supervisor::{Connection, TagState},
};

const ONE_MODEL: &str = "
http: { listen: 127.0.0.1:9464 }
models: { forest: { detector: { kind: isolation_forest }, training: { samples: 20 } } }
tags:
  - { name: a, node: 'ns=3;s=a', topic: m/a, model: forest }
";
const TWO_TAGS: &str = "
http: { listen: 127.0.0.1:9464, token: s3cret-token }
models: { forest: { detector: { kind: isolation_forest }, training: { samples: 20 } } }
tags:
  - { name: a, node: 'ns=3;s=a', topic: m/a, model: forest }
  - { name: b, node: 'ns=3;s=b', topic: m/b, model: forest }
  - { name: c, node: 'ns=3;s=c', topic: m/c, model: ewma_z }
";
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server with a trainer behind it.
struct Server {
    scene: Scene,
    address: SocketAddr,
    cancel: CancellationToken,
    task: AbortOnDropHandle<()>,
    _trainer: AbortOnDropHandle<()>,
    _state_dir: TempDir,
}

/// Status line and body of an answer.
#[derive(Debug)]
struct Answer {
    code: u16,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Server {
    async fn start(mapping: &str) -> Self {
        let state_dir = tempfile::tempdir().unwrap();
        let mut scene = Scene::new(mapping, Registry::builtin(), &state_dir);
        let trainer = scene.run_trainer();
        let parts = (Arc::clone(&scene.board), Arc::clone(&scene.metrics), Arc::clone(&scene.stage));
        let state = HttpState::new(parts.0, parts.1, parts.2, Arc::clone(&scene.config));
        let server = HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(state)).await.unwrap();
        let address = server.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(server.run(cancel.clone())));
        Self { scene, address, cancel, task, _trainer: trainer, _state_dir: state_dir }
    }

    async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        // A server that refuses a body may close before it has read all of it.
        let _end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        Answer { code: head.split(' ').nth(1).unwrap().parse().unwrap(), text: body.to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.send(request.as_bytes()).await
    }

    async fn check(&self, path: &str, headers: &str, body: &str, code: u16, word: &str) {
        let answer = self.post(path, headers, body).await;
        assert_eq!(answer.code, code, "{path} {body:.80}: {answer:?}");
        assert!(answer.text.contains(word), "{path} {body:.80}: {answer:?}");
    }
}

#[tokio::test]
async fn the_flask_servers_clients_are_answered() {
    let server = Server::start(ONE_MODEL).await;
    server.check("/predict", "", r#"{"vibration":3.2}"#, 503, "20 more good values").await;
    let values = json!({ "values": normal(100) }).to_string();
    let trained = server.post("/retrain", "", &values).await;
    let expected = json!({ "status": "retrained", "samples": 100, "model": "forest", "version": 1 });
    assert_eq!((trained.code, trained.json()), (200, expected));
    let answer = server.post("/predict", "", r#"{"vibration":9.5}"#).await.json();
    assert_eq!(
        (&answer["vibration"], &answer["prediction"], &answer["status"]),
        (&json!(9.5), &json!(1), &json!("Anomaly"))
    );
    let list = server.post("/api/v1/models/forest/predict", "", r#"{"features":[[2.5],[9.5]]}"#).await.json();
    assert_eq!((list[0]["status"].as_str(), list[1]["status"].as_str()), (Some("Normal"), Some("Anomaly")));
    server.check("/retrain", "", r#"{"from":"recent"}"#, 422, "rows").await;
}

#[tokio::test]
async fn hostile_bodies_are_refused_in_words_and_the_model_stays() {
    let server = Server::start(ONE_MODEL).await;
    server.post("/retrain", "", &json!({ "values": normal(100) }).to_string()).await;
    for (path, body, code, word) in [
        ("/predict", "", 400, "no JSON object"),
        ("/predict", "{\"value\":1e999}", 400, "no JSON object"),
        ("/predict", "{\"features\":[[1,2]]}", 422, "row of 2"),
        ("/predict", "{\"value\":null}", 400, "no number"),
        ("/retrain", "{}", 400, "send"),
        ("/retrain", "{\"values\":[],\"from\":\"recent\"}", 400, "send"),
        ("/retrain", "{\"values\":[]}", 422, "rows"),
        ("/retrain", "{\"values\":[[1],[2,3],[]]}", 400, "same number of cells"),
        ("/retrain", "{\"values\":[[],[]]}", 422, "0 cells"),
        ("/retrain", "{\"values\":[[1,2],[3,4]]}", 422, "2 cells"),
        ("/retrain?tag=a&tag=b", "{\"values\":[1]}", 400, ""),
        ("/api/v1/models/florist/predict", "{\"value\":1}", 404, "florist"),
    ] {
        server.check(path, "", body, code, word).await;
    }
    let many = format!("{{\"values\":[{}1]}}", "1,".repeat(100_001));
    server.check("/predict", "", &many, 400, "at most").await;
    server.check("/predict", "", &"[".repeat(100_000), 400, "no JSON object").await;
    let long = format!("{{\"values\":[{}1]}}", " ".repeat(4 << 20));
    server.check("/predict", "", &long, 413, "").await;
    assert_eq!(server.post("/predict", "", r#"{"value":2.5}"#).await.json()["version"], 1);
}

#[tokio::test]
async fn several_instances_and_models_are_to_be_chosen_from() {
    let server = Server::start(TWO_TAGS).await;
    let answer = server.post("/predict", "", r#"{"value":1}"#).await;
    assert_eq!((answer.code, &answer.json()["models"]), (409, &json!(["ewma_z", "forest"])));
    let answer = server.post("/api/v1/models/forest/predict", "", r#"{"value":1}"#).await;
    assert_eq!((answer.code, &answer.json()["tags"]), (409, &json!(["a", "b"])));
    server.check("/api/v1/models/forest/predict?tag=b", "", r#"{"value":1}"#, 503, "warming up").await;
}

#[tokio::test]
async fn what_changes_something_needs_the_token_and_what_only_asks_does_not() {
    let server = Server::start(TWO_TAGS).await;
    let values = json!({ "values": normal(100) }).to_string();
    let path = "/api/v1/models/forest/retrain?tag=a";
    server.check(path, "", &values, 401, "Authorization").await;
    server.check(path, "Authorization: Bearer s3cret-tokem\r\n", &values, 401, "wrong").await;
    server.check(path, "Authorization: Bearer s3cret-token\r\n", &values, 200, "retrained").await;
    server.check("/api/v1/models/forest/predict?tag=a", "", r#"{"value":2.5}"#, 200, "prediction").await;
    assert!(!server.get("/metrics").await.text.contains("s3cret"));
    let open = Server::start(ONE_MODEL).await;
    open.check("/retrain", "Origin: https://example.org\r\n", &values, 403, "this machine").await;
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    let server = Server::start(ONE_MODEL).await;
    let board = &server.scene.board;
    let answer = server.get("/readyz").await;
    let components: Vec<_> =
        answer.json()["reasons"].as_array().unwrap().iter().map(|r| r["component"].clone()).collect();
    assert_eq!((answer.code, components), (503, vec![json!("opcua"), json!("mqtt")]));
    board.set_opcua(Connection::Connected);
    board.set_broker(BrokerId(0), Connection::Connected);
    board.set_tags([(TagId(0), TagState::Failed { reason: "BadNodeIdUnknown".into() })]);
    let answer = server.get("/readyz").await;
    let expected = json!({ "component": "tag", "tagName": "a", "line": 9, "message": "BadNodeIdUnknown" });
    assert_eq!(
        (answer.code, &answer.json()["status"], &answer.json()["reasons"]),
        (200, &json!("degraded"), &json!([expected]))
    );
    board.set_tags([(TagId(0), TagState::Stale { reason: "stale: no value has come for 5 s".into() })]);
    let stale = server.get("/readyz").await;
    let reason =
        json!({ "component": "tag", "tagName": "a", "line": 9, "message": "stale: no value has come for 5 s" });
    assert_eq!(
        (stale.code, &stale.json()["status"], &stale.json()["reasons"]),
        (200, &json!("degraded"), &json!([reason]))
    );
    board.set_tags([(TagId(0), TagState::Active)]);
    assert_eq!(server.get("/readyz").await.json(), json!({ "status": "ready", "reasons": [] }));
    board.set_stopping();
    assert_eq!(server.get("/readyz").await.code, 503);
    assert_eq!(server.get("/healthz").await.code, 200);
}

#[tokio::test]
async fn one_of_several_brokers_is_enough_and_the_others_are_named() {
    const TWO_BROKERS: &str = "
brokers: { edge: { url: mqtt://edge }, cloud: { url: mqtt://cloud } }
tags: [ { name: a, node: 'ns=3;s=a', topic: a, broker: edge } ]
";
    let server = Server::start(TWO_BROKERS).await;
    let board = &server.scene.board;
    board.set_opcua(Connection::Connected);
    board.set_tags([(TagId(0), TagState::Active)]);
    let ready = async || {
        let answer = server.get("/readyz").await;
        let reasons = answer.json()["reasons"].clone();
        let components: Vec<String> =
            reasons.as_array().unwrap().iter().map(|reason| reason["component"].as_str().unwrap().into()).collect();
        (answer.code, components.join(" "))
    };
    assert_eq!(ready().await, (503, "mqtt:edge mqtt:cloud".into()));
    board.set_broker(BrokerId(1), Connection::Connected);
    assert_eq!(ready().await, (200, "mqtt:edge".into()));
    board.set_spool(BrokerId(0), Some("the disk is full".into()));
    assert_eq!(ready().await, (200, "spool:edge mqtt:edge".into()));
    board.set_spool(BrokerId(1), Some("the disk is full".into()));
    assert_eq!(ready().await, (503, "spool:edge spool:cloud".into()));
    board.set_spool(BrokerId(0), None);
    board.set_spool(BrokerId(1), None);
    board.set_broker(BrokerId(0), Connection::Connected);
    assert_eq!(ready().await, (200, String::new()));
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_hold_up_the_end() {
    let server = Server::start(ONE_MODEL).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{").await.unwrap();
    assert_eq!(server.get("/healthz").await.code, 200);
    let begun = Instant::now();
    server.cancel.cancel();
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
