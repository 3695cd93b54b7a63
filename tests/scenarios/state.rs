//! The state directory: one process each.

use std::time::Duration;

use anyhow::Result;
use tagwise_tests::{Adapter, Mapping, Mosquitto, MosquittoOptions, UaServer, peer_or_skip, run_to_end};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_state_is_refused() -> Result<()> {
    let broker = Mosquitto::prepare(peer_or_skip!(Mosquitto), MosquittoOptions::default())?;
    let mapping = Mapping::between("opc.tcp://127.0.0.1:9", &broker.url())?
        .with(&format!("tags:\n  - {{ name: counter, node: '{}', topic: a/b }}", UaServer::node("Counter1")));
    let mut first = Adapter::spawn(&mapping)?;
    first.readiness("the first is up", |reply| reply.status == 503).await?;
    let second = run_to_end(&["run", "line1.yaml"], first.directory(), Duration::from_secs(20)).await?;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("state"), "it says why: {}", second.stderr);
    first.ensure_running()
}
