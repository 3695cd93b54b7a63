//! Another MQTT 5 client: sees what arrives at the broker, and publishes what the link should hear.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Packet, Publish, PublishProperties},
    },
};
use tokio::{sync::mpsc, task::JoinSet, time};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static CLIENTS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Watcher {
    client: AsyncClient,
    seen_rx: mpsc::Receiver<Packet>,
    _task: JoinSet<()>,
}

impl Watcher {
    /// Connects and waits until the subscription stands. QoS 0: mosquitto writes to the watcher before it acknowledges
    /// to the publisher, so that what was acknowledged was also seen.
    pub(crate) async fn subscribe(port: u16, filter: &str) -> Self {
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let mut options = MqttOptions::new(format!("watcher-{number}"), "127.0.0.1", port);
        options.set_max_packet_size(Some(1 << 20)).set_clean_start(true);
        let (client, mut event_loop) = AsyncClient::new(options, 64);
        let (seen_tx, seen_rx) = mpsc::channel(100_000);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok(event) = event_loop.poll().await {
                forward(event, &seen_tx).await;
            }
            // rumqttc keeps what it has read together with the end of the connection.
            while let Some(event) = event_loop.state.events.pop_front() {
                forward(event, &seen_tx).await;
            }
        });
        let mut watcher = Self { client, seen_rx, _task: task };
        watcher.client.subscribe(filter, QoS::AtMostOnce).await.unwrap();
        watcher.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await;
        watcher
    }

    /// The next message; fails the test when none comes.
    pub(crate) async fn next(&mut self) -> Publish {
        self.until(|packet| match packet {
            Packet::Publish(publish) => Some(publish),
            _ => None,
        })
        .await
    }

    /// The next message to that topic.
    pub(crate) async fn next_to(&mut self, topic: &str) -> Publish {
        loop {
            let publish = self.next().await;
            if publish.topic == topic {
                return publish;
            }
        }
    }

    /// The next message, `None` when the broker is gone.
    pub(crate) async fn next_or_gone(&mut self) -> Option<Publish> {
        loop {
            match time::timeout(PATIENCE, self.seen_rx.recv()).await.expect("something should have arrived") {
                Some(Packet::Publish(publish)) => return Some(publish),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Publishes and waits for the PUBACK.
    pub(crate) async fn publish(
        &mut self,
        topic: &str,
        payload: &str,
        retain: bool,
        properties: PublishProperties,
    ) -> Vec<Publish> {
        let payload = payload.to_owned();
        self.client.publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties).await.unwrap();
        let mut meanwhile = Vec::new();
        self.until(|packet| match packet {
            Packet::Publish(publish) => {
                meanwhile.push(publish);
                None
            }
            packet => matches!(packet, Packet::PubAck(_)).then_some(()),
        })
        .await;
        meanwhile
    }

    async fn until<T>(&mut self, mut matches: impl FnMut(Packet) -> Option<T>) -> T {
        let search = async {
            loop {
                let packet = self.seen_rx.recv().await.expect("the broker has hung up on the watcher");
                if let Some(found) = matches(packet) {
                    return found;
                }
            }
        };
        time::timeout(PATIENCE, search).await.expect("what the test waits for has not arrived")
    }
}

/// A test that has ended looks at nothing any more.
async fn forward(event: Event, seen_tx: &mpsc::Sender<Packet>) {
    if let Event::Incoming(packet) = event {
        drop(seen_tx.send(packet).await);
    }
}

/// The value of a user property.
pub(crate) fn user_property<'a>(publish: &'a Publish, name: &str) -> Option<&'a str> {
    let properties = publish.properties.as_ref()?;
    properties.user_properties.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}
