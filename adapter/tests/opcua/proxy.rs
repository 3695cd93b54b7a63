//! A TCP proxy on loopback that can swallow everything while its connections stay open, swallow one message, or reset.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
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
    /// Whether nobody listens.
    is_gone: watch::Sender<bool>,
    rules: Arc<Rules>,
}

/// What becomes of the server's messages.
#[derive(Default)]
struct Rules {
    /// How many are to be swallowed,
    wanted: AtomicUsize,
    /// of at least so many bytes.
    at_least: AtomicUsize,
    /// How long each is on its way.
    delay_in_ms: AtomicU64,
    /// Whether no message can be had again.
    has_no_past: AtomicBool,
    /// Longer messages to the server end the connection; 0 for any.
    longest: AtomicUsize,
}

/// Which way messages go.
enum Way {
    North(Arc<Rules>),
    South(Arc<Rules>),
}

async fn wait_for(switch: &mut watch::Receiver<bool>, wanted: bool) -> bool {
    switch.wait_for(|state| *state == wanted).await.is_ok()
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (is_hole, resets) = (watch::Sender::new(false), watch::Sender::new(0));
        let rules = Arc::<Rules>::default();
        let is_gone = watch::Sender::new(false);
        let (mut gone, mut hole) = (is_gone.subscribe(), is_hole.subscribe());
        let (switch, reset, ruling) = (is_hole.clone(), resets.clone(), Arc::clone(&rules));
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    true = wait_for(&mut gone, true) => {
                        drop(listener);
                        wait_for(&mut gone, false).await;
                        listener = TcpListener::bind(address).await.expect("the port of before");
                        continue;
                    }
                };
                let Ok((client, _)) = accepted else { return };
                // As in a network that lets nothing through, the server answers a connection when the hole has closed.
                wait_for(&mut hole, false).await;
                if let Ok(server) = TcpStream::connect(target).await {
                    // Closed without a farewell: the peer sees a reset.
                    client.set_zero_linger().expect("a socket option");
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let north = forward(from_client, to_server, switch.subscribe(), Way::North(Arc::clone(&ruling)));
                    let south = forward(from_server, to_client, switch.subscribe(), Way::South(Arc::clone(&ruling)));
                    let mut reset = reset.subscribe();
                    reset.mark_unchanged();
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = reset.changed() => {}
                            // Either direction ends the connection.
                            () = north => {}
                            () = south => {}
                        }
                    });
                }
            }
        });
        Self { address, is_hole, resets, is_gone, rules }
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

    /// Resets every connection and refuses new ones, as a server does that restarts.
    pub(crate) fn go(&self) {
        self.is_gone.send_replace(true);
        self.reset();
    }

    /// Listens again.
    pub(crate) fn come_back(&self) {
        self.is_gone.send_replace(false);
    }

    /// Swallows the next `count` messages from the server that have at least so many bytes.
    pub(crate) fn steal(&self, count: usize, at_least: usize) {
        self.rules.at_least.store(at_least, Ordering::SeqCst);
        self.rules.wanted.store(count, Ordering::SeqCst);
    }

    /// Makes every message of the server late, one after the other.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.rules.delay_in_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Lets the server seem to have forgotten every message that was sent.
    pub(crate) fn forget_the_past(&self) {
        self.rules.has_no_past.store(true, Ordering::SeqCst);
    }

    /// Ends the connection at every message to the server that is longer, as a server does that cannot take it.
    pub(crate) fn end_at_longer_than(&self, bytes: usize) {
        self.rules.longest.store(bytes, Ordering::SeqCst);
    }

    /// Messages that are still to be swallowed.
    pub(crate) fn to_be_stolen(&self) -> usize {
        self.rules.wanted.load(Ordering::SeqCst)
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_hole: watch::Receiver<bool>, way: Way) {
    let mut header = [0; 8];
    let mut is_lost = false;
    let mut stolen = 0;
    // Every message of OPC UA's TCP mapping says its length after four bytes.
    while from.read_exact(&mut header).await.is_ok() {
        let length = number_at(&header, 4) as usize;
        let mut message = header.to_vec();
        message.resize(length.max(header.len()), 0);
        if from.read_exact(&mut message[header.len()..]).await.is_err() {
            break;
        }
        is_lost = is_lost || *is_hole.borrow();
        match &way {
            Way::North(rules) => {
                if (1..length).contains(&rules.longest.load(Ordering::SeqCst)) {
                    break;
                }
                rules.spoil_republish(&mut message);
            }
            Way::South(rules) => {
                if rules.swallow(length) {
                    stolen += 1;
                    continue;
                }
                tokio::time::sleep(Duration::from_millis(rules.delay_in_ms.load(Ordering::SeqCst))).await;
            }
        }
        // Chunks are counted, too: channel, token, and then the number, which is to have no hole.
        if &header[..3] == b"MSG" && message.len() >= 20 {
            let count = number_at(&message, 16) - stolen;
            message[16..20].copy_from_slice(&count.to_le_bytes());
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

fn number_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Rules {
    /// Asks for a message that the server has never had.
    fn spoil_republish(&self, message: &mut [u8]) {
        /// The node id of a `RepublishRequest`'s binary encoding, in its four-byte form.
        const REPUBLISH: [u8; 4] = [1, 0, 0x40, 0x03];
        if self.has_no_past.load(Ordering::SeqCst) && message.get(24..28) == Some(&REPUBLISH) {
            // The number is the last of the request's fields.
            let at = message.len() - 4;
            message[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        }
    }

    fn swallow(&self, length: usize) -> bool {
        length >= self.at_least.load(Ordering::SeqCst)
            && self.wanted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |wanted| wanted.checked_sub(1)).is_ok()
    }
}
