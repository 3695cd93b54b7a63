//! What a broker says about itself, and what becomes of it.

use tagwise::{
    config::effective::{BrokerConfig, ProtocolVersion},
    domain::Lane,
    supervisor::Connection,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use crate::{
    rig::{Rig, message, plain, route},
    scripted_broker::{Reply, ScriptedBroker},
    scripted_wire::Greeting,
};

fn mqtt_5() -> Greeting {
    Greeting::of(ProtocolVersion::V5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_qos_1_is_an_error_and_gets_nothing() {
    let greeting = Greeting { max_qos: Some(0), ..mqtt_5() };
    let broker = ScriptedBroker::start(greeting, |_| Reply::Acknowledge).await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=10);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(matches!(connection, Connection::Error { .. }), "{connection:?}");
    assert!(connection.reason().unwrap().contains("takes quality of service 0 only"), "{connection:?}");
    assert!(broker.seen.lock().unwrap().is_empty());
    assert_eq!(rig.spool.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_watch_the_connection_is_pinged_all_the_same_and_not_without_a_pause() {
    let greeting = Greeting { server_keep_alive: Some(0), ..mqtt_5() };
    let broker = ScriptedBroker::start(greeting, |_| Reply::Acknowledge).await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.append(&route("machine/a"), 1..=1_000);
    rig.until_delivered().await;
    assert_eq!(rig.board.snapshot().brokers[0].connection, Connection::Connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_retained_messages_gets_them_without_the_bit() {
    let greeting = Greeting { retain_available: Some(0), ..mqtt_5() };
    let broker = ScriptedBroker::start(greeting, |_| Reply::Acknowledge).await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.until_connected().await;
    let mut retained = message(&route("machine/a"), 1);
    std::sync::Arc::get_mut(&mut retained.route).expect("a route of its own").is_retained = true;
    rig.spool.append(Lane::Values, vec![retained]);
    rig.until_delivered().await;
    assert!(!broker.seen.lock().unwrap()[0].is_retained);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_content_type_is_sent_where_it_was_asked_for() {
    let broker = ScriptedBroker::start(mqtt_5(), |_| Reply::Acknowledge).await;
    let rig = Rig::start(plain(broker.port), &[]);
    rig.until_connected().await;
    let mut typed = message(&route("machine/a"), 1);
    let own_route = std::sync::Arc::get_mut(&mut typed.route).expect("a route of its own");
    own_route.content_type = Some("application/json".to_owned());
    rig.spool.append(Lane::Values, vec![typed, message(&route("machine/b"), 1)]);
    rig.until_delivered().await;
    let seen = broker.seen.lock().unwrap();
    let types: Vec<_> = seen.iter().map(|heard| heard.content_type.as_deref()).collect();
    assert_eq!(types, [Some("application/json"), None]);
}

/// A server that gives one answer to whatever comes first, and hangs up.
async fn answering(answer: &'static [u8]) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            if socket.read(&mut request).await.is_ok() {
                drop(socket.write_all(answer).await);
            }
        }
    });
    (port, task)
}

async fn check(broker: BrokerConfig, expected: &str) {
    let rig = Rig::start(broker, &[]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    let reason = connection.reason().unwrap();
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_the_other_version_says_which_key_to_change() {
    // "Unacceptable protocol version", as MQTT 3.1.1 says it, which MQTT 5 cannot read.
    let (port, _task) = answering(&[0x20, 2, 0, 1]).await;
    check(plain(port), "set `protocol_version: \"3.1.1\"`").await;
    let old = BrokerConfig { protocol_version: ProtocolVersion::V311, ..plain(port) };
    check(old, "set `protocol_version: \"5\"`").await;
    // The same, as MQTT 5 says it.
    let (port, _task) = answering(&[0x20, 3, 0, 0x84, 0]).await;
    check(plain(port), "does not speak MQTT 5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_that_is_no_broker_says_where_to_look() {
    let websocket = |port| BrokerConfig { websocket_path: Some("/ws".into()), ..plain(port) };
    let (port, _task) = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    check(websocket(port), "HTTP 404 Not Found; check the path in `url` (now `/ws`)").await;
    let (port, _task) = answering(b"220 mail.example.com ESMTP\r\n").await;
    check(websocket(port), "does not speak MQTT over WebSockets").await;
}
