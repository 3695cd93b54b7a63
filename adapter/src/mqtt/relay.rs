//! A detour for connections whose server has another name than the one that is dialled.
//!
//! rumqttc asks for the name that it dials (SNI), checks the certificate against it, and can be told no other. So for
//! `tls.server_name` TLS is done here, and rumqttc speaks bare MQTT over a socket of this process. It costs a copy of
//! every packet, which is why connections without `server_name` do not come this way.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rumqttc::tokio_rustls::{TlsConnector, client::TlsStream};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncWriteExt, copy, split},
    net::{TcpStream, UnixListener, UnixStream},
    task::JoinSet,
    time,
};

use super::client::Failure;

/// How long the last packets may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection to a server by one name, with TLS for another.
pub(super) struct Relay {
    /// Where the client finds it.
    socket: String,
    task: JoinSet<()>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Relay {
    /// Connects to `address` (host and port) and does the handshake with a server named `server_name`.
    pub(super) async fn open(
        address: &str,
        server_name: &str,
        config: Arc<ClientConfig>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let server =
            time::timeout(patience, dial(address, server_name, config)).await.map_err(|_| Failure::Silence)??;
        let (listener, socket) = listen().map_err(Failure::Io)?;
        let failure = Arc::new(Mutex::new(None));
        let mut task = JoinSet::new();
        let record = Arc::clone(&failure);
        task.spawn(async move {
            let note = |error| *record.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            serve(listener, server, note).await;
        });
        Ok(Self { socket, task, failure })
    }

    /// The path of the socket.
    pub(super) fn socket(&self) -> &str {
        &self.socket
    }

    /// What went wrong between here and the server.
    pub(super) fn failure(&self) -> Option<Failure> {
        let error = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Failure::Io(error))
    }

    /// Waits until all that the client has written is on its way to the server. The client is gone by now.
    pub(super) async fn finish(mut self) {
        drop(time::timeout(FAREWELL, self.task.join_next()).await);
    }
}

async fn dial(address: &str, server_name: &str, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(server_name.to_owned()).map_err(|_| Failure::ServerName)?;
    let stream = TcpStream::connect(address).await.map_err(Failure::Io)?;
    stream.set_nodelay(true).map_err(Failure::Io)?;
    TlsConnector::from(config).connect(name, stream).await.map_err(Failure::Handshake)
}

/// A socket in Linux's abstract namespace, which has no file and goes with the process.
fn listen() -> io::Result<(UnixListener, String)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    const ATTEMPTS: usize = 16;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let socket = format!("\0tagwise-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        match UnixListener::bind(&socket) {
            Ok(listener) => return Ok((listener, socket)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// Notes what goes wrong before the client can see the end of its socket.
async fn serve(listener: UnixListener, server: TlsStream<TcpStream>, note: impl FnOnce(io::Error)) {
    let client = match accept_own(&listener).await {
        Ok(client) => client,
        Err(error) => return note(error),
    };
    drop(listener);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = split(server);
    let up = async {
        copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let down = async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    // Whoever hangs up first ends it; the other side then has had everything.
    let ended: io::Result<()> = tokio::select! {
        ended = up => ended,
        ended = down => ended,
    };
    if let Err(error) = ended {
        note(error);
    }
}

/// Any process of this machine can find the socket, but behind it the handshake has been done as us already.
async fn accept_own(listener: &UnixListener) -> io::Result<UnixStream> {
    let own = i32::try_from(std::process::id()).ok();
    loop {
        let (client, _) = listener.accept().await?;
        if client.peer_cred()?.pid() == own {
            return Ok(client);
        }
        tracing::warn!("another process has tried to use this process's connection to the broker; it was refused");
    }
}
