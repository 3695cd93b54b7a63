//! A TCP proxy on loopback that can swallow everything while its connections stay open.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

pub(crate) struct Proxy {
    address: SocketAddr,
    is_hole: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_hole = watch::Sender::new(false);
        let switch = is_hole.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that began while there was a hole never gets out of it.
                if let Ok(server) = TcpStream::connect(target).await {
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::spawn(forward(from_client, to_server, switch.subscribe()));
                    tokio::spawn(forward(from_server, to_client, switch.subscribe()));
                }
            }
        });
        Self { address, is_hole }
    }

    pub(crate) fn url(&self) -> String {
        format!("opc.tcp://{}", self.address)
    }

    /// From now on nothing comes through, and nobody is told.
    pub(crate) fn open_hole(&self) {
        self.is_hole.send_replace(true);
    }

    /// New connections work again; those from before stay silent, since what they lost is lost.
    pub(crate) fn close_hole(&self) {
        self.is_hole.send_replace(false);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_hole: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut is_lost = false;
    while let Ok(count) = from.read(&mut buffer).await {
        is_lost = is_lost || *is_hole.borrow();
        if count == 0 || (!is_lost && to.write_all(&buffer[..count]).await.is_err()) {
            break;
        }
    }
}
