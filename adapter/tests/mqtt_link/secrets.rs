//! Secrets that change while the link runs.

use std::{fs, path::Path};

use tagwise::{
    config::{self, ProcessEnvironment, effective::BrokerConfig},
    supervisor::Connection,
};
use tagwise_model::Registry;

use crate::{
    mosquitto::{Mosquitto, password_file},
    rig::{Rig, route},
};

/// A broker of a mapping whose password stands in the file `secret` beside it.
fn broker(directory: &Path, port: u16) -> BrokerConfig {
    let mapping = format!(
        "version: 1\nopcua: {{ uri: opc.tcp://plc, security: {{ policy: none }} }}\n\
         broker: {{ url: \"mqtt://127.0.0.1:{port}\", auth: {{ username: joe, password: \"${{file:secret}}\" }} }}\n\
         tags: [ {{ name: a, node: \"nsu=urn:x;i=1\", topic: a }} ]\n"
    );
    let loaded = config::parse(&mapping, &directory.join("line1.yaml"), &ProcessEnvironment, &Registry::builtin());
    loaded.unwrap_or_else(|said| panic!("{said}")).config.brokers.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_password_is_used_at_the_next_connection() {
    let files = tempfile::tempdir().unwrap();
    let secret = files.path().join("secret");
    fs::write(&secret, "zero\n").unwrap();
    let passwords = password_file(files.path(), "joe", "one");
    let Some(mut broker_process) = Mosquitto::with(|_| format!("password_file {}", passwords.display())).await else {
        return;
    };
    let rig = Rig::start(broker(files.path(), broker_process.port), &[]);
    let refused = rig.until_broker(|connection| matches!(connection, Connection::Error { .. })).await;
    let reason = refused.reason().unwrap();
    assert!(reason.contains("refused client id `line1-broker` with user `joe`: not authorized"), "{reason}");
    fs::write(&secret, "one\n").unwrap();
    rig.append(&route("machine/a"), 1..=10);
    rig.until_delivered().await;

    // The file first: a broker that refuses what had worked is left alone for a minute.
    fs::write(&secret, "two\n").unwrap();
    broker_process.kill();
    password_file(files.path(), "joe", "two");
    rig.until_broker(|connection| connection.reason().is_some()).await;
    broker_process.start().await;
    rig.append(&route("machine/a"), 11..=20);
    rig.until_delivered().await;

    // With the file away the password that was good last is used.
    fs::remove_file(&secret).unwrap();
    broker_process.kill();
    rig.until_broker(|connection| connection.reason().is_some()).await;
    broker_process.start().await;
    rig.append(&route("machine/a"), 21..=30);
    rig.until_delivered().await;
    rig.check_published("acknowledged", 30);
}
