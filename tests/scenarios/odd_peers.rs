//! What listens at the address need not be a server: nothing that it sends takes memory, or ends the process.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tagwise_tests::{
    Adapter, FaultProxy, HostileServer, Hostility, Mapping, Mosquitto, Usage, peer_or_skip, wait_until,
};

use crate::odd_stand::{SOON, count_after, odd, tag};

/// What the adapter may have resident at most; it has less than half of it when nothing is wrong.
const MEMORY: u64 = 150_000_000;
/// What a connection may take before it is given up: some of it waits in the kernel.
const TAKEN: u64 = 32_000_000;
const MANY: Duration = Duration::from_secs(40);

/// A frame's header: type, size.
fn header(kind: [u8; 4], size: u32) -> Vec<u8> {
    [kind.as_slice(), &size.to_le_bytes()].concat()
}

async fn it_takes_no_memory(hostility: Hostility) -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = HostileServer::start(hostility.clone()).await?;
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let mapping = Mapping::between(&server.url(), &broker.url())?.connection("request_timeout: 1s").with(&tags);
    let mut adapter = Adapter::spawn(&mapping)?;
    let mut what = format!("{hostility:?}");
    what.truncate(60);
    let is_given_up = async || {
        adapter.ensure_running()?;
        let peak = Usage::of(adapter.id()?)?.peak_resident_bytes;
        ensure!(peak < MEMORY, "{what}: {peak} bytes are resident");
        ensure!(server.most_taken() < TAKEN, "{what}: {} bytes were taken", server.most_taken());
        Ok((server.connections() >= 3).then_some(()))
    };
    wait_until("the connection is given up twice", MANY, is_given_up).await?;
    ensure!(!adapter.log()?.contains("panicked"), "{}", adapter.log()?);
    adapter.readiness("the reason is told", |reply| reply.status == 503).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledge_of_impossible_size() -> Result<()> {
    for size in [0, 7, 27, 1 << 20, 1 << 31, u32::MAX] {
        it_takes_no_memory(Hostility::Flood(header(*b"ACKF", size))).await.with_context(|| format!("size {size}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_of_impossible_size_before_any_trust() -> Result<()> {
    for size in [0, 7, 65_536, 1 << 31] {
        let mut bytes = HostileServer::acknowledge([65_535, 65_535, 0, 0]);
        bytes.extend(header(*b"OPNF", size));
        it_takes_no_memory(Hostility::Flood(bytes)).await.with_context(|| format!("size {size}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_with_an_endless_reason() -> Result<()> {
    let mut bytes = header(*b"ERRF", 1 << 30);
    bytes.extend([0, 0, 0x80, 0x80]);
    bytes.extend((1_i32 << 30).to_le_bytes());
    it_takes_no_memory(Hostility::Flood(bytes)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_protocol() -> Result<()> {
    for text in ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"] {
        it_takes_no_memory(Hostility::Silence(text.as_bytes().to_vec())).await?;
    }
    it_takes_no_memory(Hostility::Flood(vec![0xff; 64])).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buffers_that_nothing_fits_into() -> Result<()> {
    for size in [0, 1, 8, 100] {
        it_takes_no_memory(Hostility::Silence(HostileServer::acknowledge([size, size, 1, 1]))).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_without_a_last_one() -> Result<()> {
    for kind in [*b"OPNC", *b"MSGC"] {
        let mut chunk = header(kind, 65_535);
        chunk.resize(65_535, 0);
        it_takes_no_memory(Hostility::Repeat(chunk)).await?;
    }
    // Chunks of nothing but their headers, which cost more than they hold.
    let chunk = [header(*b"MSGC", 24), vec![0; 16]].concat();
    it_takes_no_memory(Hostility::Repeat(chunk.repeat(1000))).await
}

/// In the middle of a session, where everything was right until then.
async fn values_flow_again_after(harm: impl Fn(&FaultProxy)) -> Result<()> {
    let Some(stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let proxy = FaultProxy::start(stand.server.port()).await?;
    let tags = format!("tags:\n{}", tag("counter", "Counter1", ""));
    let mut adapter = Adapter::start(&stand.mapping(&proxy.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "counter", 5).await?;
    harm(&proxy);
    wait_until("the harm is done", SOON, async || Ok((proxy.played() >= 1).then_some(()))).await?;
    let mark = stand.probe.mark();
    count_after(&stand.probe, mark, "counter", 20).await?;
    adapter.ensure_running()?;
    let peak = Usage::of(adapter.id()?)?.peak_resident_bytes;
    ensure!(peak < MEMORY, "{peak} bytes are resident");
    ensure!(!adapter.log()?.contains("panicked"), "{}", adapter.log()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_of_impossible_size_in_a_session() -> Result<()> {
    values_flow_again_after(|proxy| proxy.inject(&header(*b"MSGF", 1 << 31))).await?;
    values_flow_again_after(|proxy| proxy.inject(&header(*b"MSGF", 0))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_response_that_claims_too_much() -> Result<()> {
    values_flow_again_after(|proxy| proxy.forge_publish_responses(1)).await
}
