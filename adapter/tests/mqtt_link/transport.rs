//! The ways that packets travel: a WebSocket, TLS, and a server that has another name than the one that is dialled.

use std::path::Path;

use rumqttc::v5::mqttbytes::v5::PublishProperties;
use tagwise::config::effective::{BrokerAuth, BrokerConfig, ProtocolVersion, TlsConfig};

use crate::{
    certificates::Authority,
    mosquitto::{Mosquitto, free_port, password_file},
    rig::{Rig, STATUS_TOPIC, route, sequence_of, spoken},
    sni_router::SniRouter,
    versions::in_both_versions,
    watcher::{PATIENCE, Watcher},
};

in_both_versions!(
    values_and_commands_go_over_a_websocket,
    values_and_commands_go_over_a_websocket_with_tls,
    values_and_commands_go_over_tls,
    a_broker_behind_an_address_is_asked_for_by_its_name,
    a_websocket_behind_an_address_is_asked_for_by_its_name,
    hivemq_clouds_way_is_gone,
);

/// The name that the brokers' certificates are for.
const NAME: &str = "cluster.example.com";

/// Values there, a command back, Last Will and farewell as they should be.
async fn check_round_trip(broker: BrokerConfig, plain_port: u16) {
    let mut watcher = Watcher::subscribe(plain_port, "#").await;
    let mut rig = Rig::start(broker.clone(), &["machine/+/set"]);
    rig.append(&route("machine/a"), 1..=1_000);
    rig.until_delivered().await;
    for sequence in 1..=1_000 {
        let publish = watcher.next_to("machine/a").await;
        assert_eq!(sequence_of(&publish.payload), sequence);
    }
    let command = async {
        loop {
            watcher.publish("machine/b/set", "7", false, PublishProperties::default()).await;
            let soon = tokio::time::Duration::from_millis(100);
            if let Ok(command) = tokio::time::timeout(soon, rig.commands_rx.recv()).await {
                return command.unwrap();
            }
        }
    };
    let command = tokio::time::timeout(PATIENCE, command).await.expect("a command should have come");
    assert_eq!((command.topic.as_str(), command.payload.as_ref()), ("machine/b/set", &b"7"[..]));
    rig.shut_down().await;
    let mut late = Watcher::subscribe(plain_port, STATUS_TOPIC).await;
    assert_eq!(late.next().await.payload, "offline");

    let mut watcher = Watcher::subscribe(plain_port, STATUS_TOPIC).await;
    assert_eq!(watcher.next().await.payload, "offline");
    let rig = Rig::start(broker, &[]);
    assert_eq!(watcher.next().await.payload, "online");
    rig.task.abort();
    assert_eq!(watcher.next().await.payload, "offline", "the Last Will");
}

/// A broker whose first listener has those lines, and a plain second one.
async fn with_plain_door(lines: impl FnOnce(&Path) -> String) -> Option<(Mosquitto, u16)> {
    let plain_port = free_port();
    let broker = Mosquitto::with(|directory| format!("{}\nlistener {plain_port} 127.0.0.1", lines(directory))).await?;
    broker.until_listening(plain_port).await;
    Some((broker, plain_port))
}

fn websocket(version: ProtocolVersion, port: u16) -> BrokerConfig {
    BrokerConfig { websocket_path: Some("/mqtt".into()), ..spoken(version, port) }
}

async fn values_and_commands_go_over_a_websocket(version: ProtocolVersion) {
    let Some((broker, plain_port)) = with_plain_door(|_| "protocol websockets".into()).await else { return };
    check_round_trip(websocket(version, broker.port), plain_port).await;
}

async fn values_and_commands_go_over_a_websocket_with_tls(version: ProtocolVersion) {
    let authority = Authority::new();
    let lines = format!("protocol websockets\n{}", authority.issue("localhost").lines());
    let Some((broker, plain_port)) = with_plain_door(|_| lines).await else { return };
    let tls = Some(TlsConfig { ca_file: Some(authority.file()), ..TlsConfig::default() });
    check_round_trip(BrokerConfig { host: "localhost".into(), tls, ..websocket(version, broker.port) }, plain_port)
        .await;
}

async fn values_and_commands_go_over_tls(version: ProtocolVersion) {
    let authority = Authority::new();
    let Some((broker, plain_port)) = with_plain_door(|_| authority.issue("127.0.0.1").lines()).await else { return };
    let tls = Some(TlsConfig { ca_file: Some(authority.file()), ..TlsConfig::default() });
    check_round_trip(BrokerConfig { tls, ..spoken(version, broker.port) }, plain_port).await;
}

/// A broker behind a router for [`NAME`], and how it is reached by its address.
async fn behind_a_router(target: u16) -> (SniRouter, TlsConfig, Authority) {
    let authority = Authority::new();
    let router = SniRouter::to(NAME, authority.issue(NAME).server_config(), target).await;
    let tls = TlsConfig { ca_file: Some(authority.file()), server_name: Some(NAME.into()), ..TlsConfig::default() };
    (router, tls, authority)
}

fn check_asked(router: &SniRouter) {
    let asked = router.asked.lock().unwrap();
    assert!(!asked.is_empty() && asked.iter().all(|name| name.as_deref() == Some(NAME)), "{asked:?}");
}

async fn a_broker_behind_an_address_is_asked_for_by_its_name(version: ProtocolVersion) {
    let Some(broker) = Mosquitto::plain().await else { return };
    let (router, tls, _authority) = behind_a_router(broker.port).await;
    check_round_trip(BrokerConfig { tls: Some(tls), ..spoken(version, router.port) }, broker.port).await;
    check_asked(&router);
}

async fn a_websocket_behind_an_address_is_asked_for_by_its_name(version: ProtocolVersion) {
    let Some((broker, plain_port)) = with_plain_door(|_| "protocol websockets".into()).await else { return };
    let (router, tls, _authority) = behind_a_router(broker.port).await;
    check_round_trip(BrokerConfig { tls: Some(tls), ..websocket(version, router.port) }, plain_port).await;
    check_asked(&router);
}

/// TLS with an authority that is named, a name to be asked for, user name and password.
async fn hivemq_clouds_way_is_gone(version: ProtocolVersion) {
    let passwords =
        |directory: &Path| format!("password_file {}", password_file(directory, "edge", "s3cret").display());
    let Some(broker) = Mosquitto::with(passwords).await else { return };
    let authority = Authority::new();
    let router = SniRouter::to("localhost", authority.issue("localhost").server_config(), broker.port).await;
    let cloud = |password: &str| BrokerConfig {
        host: "localhost".into(),
        tls: Some(TlsConfig { ca_file: Some(authority.file()), ..TlsConfig::default() }),
        auth: Some(BrokerAuth { username: "edge".into(), password: password.into() }),
        ..spoken(version, router.port)
    };
    let rig = Rig::start(cloud("s3cret"), &[]);
    rig.append(&route("machine/a"), 1..=1_000);
    rig.until_delivered().await;
    rig.check_published("acknowledged", 1_000);
    let refused = Rig::start(cloud("wrong"), &[]);
    let connection = refused.until_broker(|connection| connection.reason().is_some()).await;
    assert!(connection.reason().unwrap().contains("user `edge`"), "{connection:?}");
    let asked = router.asked.lock().unwrap();
    assert!(asked.iter().all(|name| name.as_deref() == Some("localhost")), "{asked:?}");
}
