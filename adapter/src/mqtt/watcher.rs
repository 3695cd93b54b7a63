//! A client that only looks on: what a person at the broker would see.

use std::{io, time::Duration};

use bytes::Bytes;
use rumqttc::v5::{
    AsyncClient, Event, EventLoop,
    mqttbytes::{QoS, v5::Packet},
};

use super::options::connection_options;
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
        loop {
            let options = connection_options(&self.broker, &self.client_id)
                .map_err(|trouble| io::Error::other(trouble.sentence))?;
            let (client, mut event_loop) = AsyncClient::new(options, REQUESTS);
            self.watch(&client, &mut event_loop, &mut show).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends well when the connection does.
    async fn watch(
        &self,
        client: &AsyncClient,
        event_loop: &mut EventLoop,
        show: &mut impl FnMut(WatchedMessage) -> io::Result<()>,
    ) -> io::Result<()> {
        if client.try_subscribe(&self.filter, QoS::AtLeastOnce).is_err() {
            return Ok(());
        }
        while let Ok(event) = event_loop.poll().await {
            if let Event::Incoming(Packet::Publish(publish)) = event {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                show(WatchedMessage { topic, payload: publish.payload })?;
            }
        }
        Ok(())
    }
}
