//! A peer that means no good: it answers the first messages of OPC UA's TCP protocol as no server would.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// What is sent at once, of bytes without end.
const STEP: usize = 64 * 1024;
/// Where bytes without end have an end all the same, so that a client that takes them all fails instead of the machine.
const MOST: u64 = 1 << 30;

/// What such a peer does.
#[derive(Clone, Debug)]
pub enum Hostility {
    /// Answers Hello with these bytes, and then sends zeros without end.
    Flood(Vec<u8>),
    /// Answers Hello with these bytes, and then nothing more.
    Silence(Vec<u8>),
    /// Answers Hello as it should, and what comes next with these bytes again and again without end.
    Repeat(Vec<u8>),
}

/// Such a peer on loopback; it ends on drop.
#[derive(Debug)]
pub struct HostileServer {
    port: u16,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    most_taken: AtomicU64,
}

impl HostileServer {
    /// Listens on a free port.
    pub async fn start(hostility: Hostility) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the hostile server")?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(accept(listener, Arc::new(hostility), Arc::clone(&counts)));
        Ok(Self { port, counts, task })
    }

    /// The endpoint for a mapping.
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}", self.port)
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How many bytes one connection has taken at most, those included that wait in the kernel.
    pub fn most_taken(&self) -> u64 {
        self.counts.most_taken.load(Ordering::Relaxed)
    }

    /// An Acknowledge of these sizes, in the order in which they stand in it: receive buffer, send buffer, message, chunks.
    pub fn acknowledge(sizes: [u32; 4]) -> Vec<u8> {
        let mut message = b"ACKF".to_vec();
        message.extend([28_u32, 0].into_iter().chain(sizes).flat_map(u32::to_le_bytes));
        message
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, hostility: Arc<Hostility>, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let (hostility, counts) = (Arc::clone(&hostility), Arc::clone(&counts));
        // A connection ends when the client has had enough.
        connections.spawn(async move { answer(stream, &hostility, &counts).await.unwrap_or_default() });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, hostility: &Hostility, counts: &Counts) -> Result<()> {
    hear(&mut stream).await?;
    match hostility {
        Hostility::Flood(bytes) => {
            stream.write_all(bytes).await?;
            send_without_end(&mut stream, &vec![0; STEP], counts).await
        }
        Hostility::Silence(bytes) => {
            stream.write_all(bytes).await?;
            loop {
                hear(&mut stream).await?;
            }
        }
        Hostility::Repeat(bytes) => {
            stream.write_all(&HostileServer::acknowledge([65_535, 65_535, 0, 0])).await?;
            hear(&mut stream).await?;
            send_without_end(&mut stream, bytes, counts).await
        }
    }
}

/// Waits for whatever the client says.
async fn hear(stream: &mut TcpStream) -> Result<()> {
    let count = stream.read(&mut vec![0; STEP]).await?;
    anyhow::ensure!(count > 0, "the client has gone");
    Ok(())
}

async fn send_without_end(stream: &mut TcpStream, bytes: &[u8], counts: &Counts) -> Result<()> {
    let mut taken = 0;
    while taken < MOST {
        stream.write_all(bytes).await?;
        taken += u64::try_from(bytes.len())?;
        counts.most_taken.fetch_max(taken, Ordering::Relaxed);
    }
    Ok(())
}
