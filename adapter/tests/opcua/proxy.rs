//! A TCP proxy on loopback that can swallow everything while its connections stay open, swallow one message, or reset.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

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
    /// The number of resets so far.
    resets: watch::Sender<u32>,
    thief: Arc<Thief>,
}

/// Swallows messages from the server, whole ones of at least so many bytes.
#[derive(Default)]
struct Thief {
    wanted: AtomicUsize,
    at_least: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (is_hole, resets) = (watch::Sender::new(false), watch::Sender::new(0));
        let thief = Arc::<Thief>::default();
        let (switch, reset, stealing) = (is_hole.clone(), resets.clone(), Arc::clone(&thief));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that began while there was a hole never gets out of it.
                if let Ok(server) = TcpStream::connect(target).await {
                    // Closed without a farewell: the peer sees a reset.
                    client.set_zero_linger().expect("a socket option");
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let north = forward(from_client, to_server, switch.subscribe(), None);
                    let south = forward(from_server, to_client, switch.subscribe(), Some(Arc::clone(&stealing)));
                    let mut reset = reset.subscribe();
                    reset.mark_unchanged();
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = reset.changed() => {}
                            () = async { tokio::join!(north, south); } => {}
                        }
                    });
                }
            }
        });
        Self { address, is_hole, resets, thief }
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

    /// Resets every connection.
    pub(crate) fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }

    /// Swallows the next `count` messages from the server that have at least so many bytes.
    pub(crate) fn steal(&self, count: usize, at_least: usize) {
        self.thief.at_least.store(at_least, Ordering::SeqCst);
        self.thief.wanted.store(count, Ordering::SeqCst);
    }

    /// Messages that are still to be swallowed.
    pub(crate) fn to_be_stolen(&self) -> usize {
        self.thief.wanted.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_hole: watch::Receiver<bool>,
    thief: Option<Arc<Thief>>,
) {
    let mut header = [0; 8];
    let mut is_lost = false;
    let mut stolen = 0;
    // Every message of OPC UA's TCP mapping says its length after four bytes.
    while from.read_exact(&mut header).await.is_ok() {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let mut message = header.to_vec();
        message.resize(length.max(header.len()), 0);
        if from.read_exact(&mut message[header.len()..]).await.is_err() {
            break;
        }
        is_lost = is_lost || *is_hole.borrow();
        if thief.as_ref().is_some_and(|thief| thief.takes(length)) {
            stolen += 1;
            continue;
        }
        // Chunks are counted, too: channel, token, and then the number, which is to have no hole.
        if let (b"MSG", Some(number)) = (&header[..3], message.get_mut(16..20)) {
            let count = u32::from_le_bytes([number[0], number[1], number[2], number[3]]) - stolen;
            number.copy_from_slice(&count.to_le_bytes());
        }
        if !is_lost && to.write_all(&message).await.is_err() {
            break;
        }
    }
    // The end of one direction does not end a hole.
    if is_lost {
        std::future::pending::<()>().await;
    }
}

impl Thief {
    fn takes(&self, length: usize) -> bool {
        length >= self.at_least.load(Ordering::SeqCst)
            && self.wanted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |wanted| wanted.checked_sub(1)).is_ok()
    }
}
