//! The PLC goes and comes, and so do its clients.

use std::time::{Duration, Instant};

use tagwise_simulator::{Plc, PlcOptions, load_tag_node_id};

use crate::client::{Client, PATIENCE};

#[tokio::test]
async fn a_client_connects_again_after_a_restart_on_the_same_port() {
    let first = Plc::start(PlcOptions::default()).await.unwrap();
    let listen = first.local_addr();
    let client = Client::connect(&first.endpoint_url()).await;
    let (_, mut values) = client.watch(&watched(), Duration::from_millis(50), 0.0, 10).await;
    assert!(tokio::time::timeout(PATIENCE, values.recv()).await.unwrap().is_some());

    let stopping = Instant::now();
    first.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(2), "stopping took {:?}", stopping.elapsed());
    assert!(tokio::net::TcpStream::connect(listen).await.is_err(), "nobody should listen any more");

    let second = Plc::start(PlcOptions { listen, ..PlcOptions::default() }).await.unwrap();
    assert_eq!(second.local_addr(), listen);
    let client = Client::connect(&second.endpoint_url()).await;
    assert!(client.read("\"Machine\".\"Speed\"").await.status().is_good());
    client.disconnect().await;
    second.stop().await;
}

#[tokio::test]
async fn a_dropped_plc_frees_its_port_soon() {
    let first = Plc::start(PlcOptions::default()).await.unwrap();
    let listen = first.local_addr();
    let client = Client::connect(&first.endpoint_url()).await;
    drop(first);
    let restarted = async {
        loop {
            match Plc::start(PlcOptions { listen, ..PlcOptions::default() }).await {
                Ok(plc) => break plc,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let second = tokio::time::timeout(PATIENCE, restarted).await.unwrap();
    client.vanish();
    second.stop().await;
}

#[tokio::test]
async fn the_plc_serves_others_after_a_client_vanished() {
    let plc = Plc::start(PlcOptions { load_tags: 100, ..PlcOptions::default() }).await.unwrap();
    let ids: Vec<String> = (1..=100).map(load_tag_node_id).collect();
    for _ in 0..5 {
        let client = Client::connect(&plc.endpoint_url()).await;
        let (_, mut values) = client.watch(&ids, Duration::from_millis(20), 0.0, 10).await;
        assert!(tokio::time::timeout(PATIENCE, values.recv()).await.unwrap().is_some());
        client.vanish();
    }
    let client = Client::connect(&plc.endpoint_url()).await;
    let before = plc.load_statistics().ticks;
    let (_, mut values) = client.watch(&ids, Duration::from_millis(20), 0.0, 10).await;
    let later =
        async { while values.recv().await.unwrap().1.value.unwrap().as_f64().unwrap() < before as f64 + 5.0 {} };
    tokio::time::timeout(PATIENCE, later).await.unwrap();
    plc.stop().await;
}

#[tokio::test]
async fn nothing_is_written_to_the_working_directory() {
    let entries = || {
        let mut names: Vec<_> = std::fs::read_dir(".").unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = entries();
    let plc = Plc::start(PlcOptions::default()).await.unwrap();
    let client = Client::connect(&plc.endpoint_url()).await;
    client.disconnect().await;
    plc.stop().await;
    assert_eq!(entries(), before);
}

fn watched() -> [String; 1] {
    ["\"Machine\".\"Vibration\"".to_owned()]
}
