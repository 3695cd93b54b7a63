//! A client that only looks on: what a person at the broker would see.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    access::Access,
    client::Event,
    connect::{Connected, connect},
};
use crate::config::effective::BrokerConfig;

const REQUESTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(500);

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
            if let Ok(connected) = connect(&self.broker, &access, &self.client_id, None, REQUESTS).await {
                self.watch(connected, &mut show).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends well when the connection does.
    async fn watch(
        &self,
        connected: Connected,
        show: &mut impl FnMut(WatchedMessage) -> io::Result<()>,
    ) -> io::Result<()> {
        let Connected { requests, mut events, .. } = connected;
        if !requests.watch(&self.filter) {
            return Ok(());
        }
        while let Ok(event) = events.next().await {
            if let Event::Publish(message) = event {
                show(WatchedMessage { topic: message.topic, payload: message.payload })?;
            }
        }
        Ok(())
    }
}
