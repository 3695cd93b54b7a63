//! An MQTT 5 client with just what the tests need.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tagwise_simulator::Broker;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::PATIENCE;

pub(crate) struct Mqtt {
    pub(crate) client: AsyncClient,
    event_loop: JoinHandle<()>,
    publishes: mpsc::UnboundedReceiver<Publish>,
    acknowledgements: mpsc::UnboundedReceiver<Packet>,
}

pub(crate) fn options(broker: &Broker, client_id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", broker.local_addr().port());
    options.set_keep_alive(Duration::from_secs(10)).set_max_packet_size(Some(16 * 1024 * 1024));
    options
}

impl Mqtt {
    pub(crate) async fn connect(broker: &Broker, client_id: &str) -> Self {
        Self::connect_with(options(broker, client_id)).await
    }

    pub(crate) async fn connect_with(options: MqttOptions) -> Self {
        let (client, mut event_loop) = AsyncClient::new(options, 10_000);
        let (publishes_tx, publishes) = mpsc::unbounded_channel();
        let (acknowledgements_tx, mut acknowledgements) = mpsc::unbounded_channel();
        let event_loop = tokio::spawn(async move {
            // The loop ends with the connection; what a test waits for then no longer comes.
            while let Ok(event) = event_loop.poll().await {
                match event {
                    Event::Incoming(Packet::Publish(publish)) => drop(publishes_tx.send(publish)),
                    Event::Incoming(packet) => drop(acknowledgements_tx.send(packet)),
                    Event::Outgoing(_) => {}
                }
            }
        });
        let connected = tokio::time::timeout(PATIENCE, acknowledgements.recv()).await.unwrap();
        assert!(matches!(connected, Some(Packet::ConnAck(_))), "{connected:?}");
        Self { client, event_loop, publishes, acknowledgements }
    }

    /// Subscribes with `QoS` 1 and waits until that is acknowledged.
    pub(crate) async fn subscribe(&mut self, topic: &str) {
        self.subscribe_filter(Filter::new(topic, QoS::AtLeastOnce)).await;
    }

    pub(crate) async fn subscribe_filter(&mut self, filter: Filter) {
        self.client.subscribe_many([filter]).await.unwrap();
        self.acknowledged(|packet| matches!(packet, Packet::SubAck(_))).await;
    }

    /// Publishes with `QoS` 1 and waits until that is acknowledged.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) {
        let payload = payload.to_vec();
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.unwrap();
        self.acknowledged(|packet| matches!(packet, Packet::PubAck(_))).await;
    }

    pub(crate) async fn publish_with(&mut self, topic: &str, payload: &str, properties: PublishProperties) {
        let payload = payload.to_owned();
        self.client.publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties).await.unwrap();
        self.acknowledged(|packet| matches!(packet, Packet::PubAck(_))).await;
    }

    async fn acknowledged(&mut self, is_wanted: impl Fn(&Packet) -> bool) {
        let wait = async { while !is_wanted(&self.acknowledgements.recv().await.unwrap()) {} };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Publish {
        tokio::time::timeout(PATIENCE, self.publishes.recv()).await.unwrap().unwrap()
    }

    /// Waits until the broker closed the connection.
    pub(crate) async fn closed(self) {
        tokio::time::timeout(PATIENCE, self.event_loop).await.unwrap().unwrap();
    }

    /// Disappears without a word, as when the cable is cut.
    pub(crate) fn vanish(self) {
        self.event_loop.abort();
    }
}
