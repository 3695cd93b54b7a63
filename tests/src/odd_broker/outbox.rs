//! What a connection sends, each packet at its time.

use std::{collections::BTreeMap, io};

use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::Instant,
};

/// Something to send.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Not before this time.
    At(Instant, Vec<u8>),
    /// At once, and then the end; what has been kept back until now is never sent.
    End(Vec<u8>),
}

/// To a connection's writer. What is sent to one that has ended goes nowhere.
#[derive(Clone, Debug)]
pub(super) struct Outbox(pub(super) UnboundedSender<Outgoing>);

impl Outbox {
    pub(super) fn send(&self, bytes: Vec<u8>) {
        self.send_at(Instant::now(), bytes);
    }

    pub(super) fn send_at(&self, time: Instant, bytes: Vec<u8>) {
        self.0.send(Outgoing::At(time, bytes)).unwrap_or_default();
    }

    pub(super) fn end(&self, last: Vec<u8>) {
        self.0.send(Outgoing::End(last)).unwrap_or_default();
    }
}

/// Sends until the end, or until nobody is left who could give it something.
pub(super) async fn write(mut queue: UnboundedReceiver<Outgoing>, mut socket: OwnedWriteHalf) -> io::Result<()> {
    let mut waiting: BTreeMap<(Instant, u64), Vec<u8>> = BTreeMap::new();
    for number in 0.. {
        let next = waiting.first_key_value().map(|((time, _), _)| *time);
        let due = async {
            match next {
                Some(time) => tokio::time::sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing::At(time, bytes)) if time <= Instant::now() && waiting.is_empty() => {
                    socket.write_all(&bytes).await?;
                }
                Some(Outgoing::At(time, bytes)) => drop(waiting.insert((time, number), bytes)),
                Some(Outgoing::End(last)) => {
                    socket.write_all(&last).await?;
                    break;
                }
                None => break,
            },
            () = due => {
                if let Some((_, bytes)) = waiting.pop_first() {
                    socket.write_all(&bytes).await?;
                }
            }
        }
    }
    socket.shutdown().await
}
