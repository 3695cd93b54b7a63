//! A client that only looks on: what a person at the broker would see.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{self, Instant};

use super::{
    access::Access,
    connect::{Connected, connect, keep_alive},
    packet::Received,
};
use crate::config::effective::BrokerConfig;

const PAUSE: Duration = Duration::from_millis(500);
/// The id of the only SUBSCRIBE.
const SUBSCRIBE: u16 = 1;

/// A message as the broker delivered it.
#[derive(Clone, Debug)]
pub struct WatchedMessage {
    /// Where it was published to.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
}

/// Subscribes and shows what comes, through every loss of the connection.
#[derive(Debug)]
pub struct Watcher {
    broker: BrokerConfig,
    client_id: String,
    filter: String,
}

impl Watcher {
    /// A client named `client_id` that will subscribe to `filter`.
    pub fn new(broker: BrokerConfig, client_id: &str, filter: &str) -> Self {
        Self { broker, client_id: client_id.to_owned(), filter: filter.to_owned() }
    }

    /// Shows messages until `show` fails, which is the only way this ends.
    pub async fn run(self, mut show: impl FnMut(WatchedMessage) -> io::Result<()>) -> io::Result<()> {
        let access = Arc::new(Access::default());
        loop {
            if let Ok(connected) = connect(&self.broker, &access, &self.client_id, None).await {
                self.watch(connected, &mut show).await?;
            }
            time::sleep(PAUSE).await;
        }
    }

    /// Ends well when the connection does.
    async fn watch(
        &self,
        connected: Connected,
        show: &mut impl FnMut(WatchedMessage) -> io::Result<()>,
    ) -> io::Result<()> {
        let Connected { mut transport, connack } = connected;
        let codec = transport.codec();
        if codec.watch(&mut transport.out, SUBSCRIBE, &self.filter).is_err() {
            return Ok(());
        }
        let mut pings = time::interval_at(Instant::now(), keep_alive(&connack, self.broker.keep_alive));
        loop {
            tokio::select! {
                turned = transport.turn(true) => if turned.is_err() {
                    return Ok(());
                },
                _ = pings.tick() => codec.ping(&mut transport.out),
            }
            while let Ok(Some(received)) = transport.take() {
                if let Received::Publish(message) = received {
                    if message.id != 0 {
                        codec.puback(&mut transport.out, message.id);
                    }
                    show(WatchedMessage { topic: message.topic, payload: message.payload })?;
                }
            }
        }
    }
}
