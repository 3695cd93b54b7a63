//! An MQTT 5 client that remembers everything it hears and can publish commands.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use rumqttc::{
    TlsConfiguration, Transport,
    v5::{
        AsyncClient, Event, EventLoop, Incoming, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectProperties, Filter, PublishProperties},
        },
    },
};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

use crate::{BrokerAccess, Message, PATIENCE, pause, wait_until};

const PAYLOAD_LIMIT: u32 = 1024 * 1024;
const FENCE_TOPIC: &str = "probe/fence";

/// A subscriber to everything; it connects again by itself when the broker comes back.
#[derive(Debug)]
pub struct MqttProbe {
    client: AsyncClient,
    inbox: Arc<Inbox>,
    task: JoinHandle<()>,
    next_reply: AtomicU64,
}

#[derive(Debug)]
struct Inbox {
    messages: Mutex<Vec<Message>>,
    arrivals: watch::Sender<u64>,
    /// How often the broker has acknowledged the subscription: once per connection.
    subscriptions: watch::Sender<u64>,
}

impl Inbox {
    /// A panic elsewhere leaves whole messages behind, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MqttProbe {
    /// Connects, subscribes to every topic and waits for the broker to say so.
    pub async fn connect(access: &BrokerAccess) -> Result<Self> {
        let probe = Self::spawn(access)?;
        probe.subscribed(1).await?;
        Ok(probe)
    }

    /// As `connect`, with a session that the broker keeps for an hour: what comes while the probe is away is heard later.
    pub async fn connect_to_stay(access: &BrokerAccess) -> Result<Self> {
        let probe = Self::spawn_with(access, false);
        probe.subscribed(1).await?;
        Ok(probe)
    }

    /// As `connect`, without waiting: the broker may come later.
    pub fn spawn(access: &BrokerAccess) -> Result<Self> {
        Ok(Self::spawn_with(access, true))
    }

    fn spawn_with(access: &BrokerAccess, is_clean: bool) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let id = format!("probe-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let (client, event_loop) = AsyncClient::new(options(id, access, is_clean), 1000);
        let inbox = Arc::new(Inbox {
            messages: Mutex::default(),
            arrivals: watch::Sender::new(0),
            subscriptions: watch::Sender::new(0),
        });
        let task = tokio::spawn(listen(client.clone(), event_loop, Arc::clone(&inbox)));
        Self { client, inbox, task, next_reply: AtomicU64::new(1) }
    }

    /// How many connections have been subscribed so far.
    pub fn subscription_count(&self) -> u64 {
        *self.inbox.subscriptions.borrow()
    }

    /// Waits until `count` connections have been subscribed.
    pub async fn subscribed(&self, count: u64) -> Result<()> {
        let mut subscriptions = self.inbox.subscriptions.subscribe();
        let waiting = subscriptions.wait_for(|subscribed| *subscribed >= count);
        tokio::time::timeout(PATIENCE, waiting).await.context("the probe waited in vain for its subscription")??;
        Ok(())
    }

    /// Everything heard so far.
    pub fn messages(&self) -> Vec<Message> {
        self.inbox.lock().clone()
    }

    /// Everything heard so far, and forgets it.
    pub fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut *self.inbox.lock())
    }

    /// Everything heard on one topic.
    pub fn on_topic(&self, topic: &str) -> Vec<Message> {
        self.inbox.lock().iter().filter(|message| message.topic == topic).cloned().collect()
    }

    /// How many messages have been heard: a mark for `wait_after`.
    pub fn mark(&self) -> usize {
        self.inbox.lock().len()
    }

    /// Waits for the first message, heard before or later, that `is_wanted`.
    pub async fn wait_for(&self, what: &str, is_wanted: impl Fn(&Message) -> bool) -> Result<Message> {
        self.wait_after(0, what, is_wanted).await
    }

    /// Waits for the first message after `mark` that `is_wanted`.
    pub async fn wait_after(&self, mark: usize, what: &str, is_wanted: impl Fn(&Message) -> bool) -> Result<Message> {
        let mut looked_at = mark;
        self.wait_until(what, PATIENCE, |messages| {
            let found =
                messages.get(looked_at..).unwrap_or_default().iter().find(|message| is_wanted(message)).cloned();
            looked_at = messages.len();
            found
        })
        .await
    }

    /// Waits until `count` messages have come on `topic`, and returns them.
    pub async fn wait_for_count(&self, topic: &str, count: usize) -> Result<Vec<Message>> {
        self.wait_until(&format!("{count} messages came on {topic}"), PATIENCE, |messages| {
            let on_topic = messages.iter().filter(|message| message.topic == topic);
            (on_topic.clone().count() >= count).then(|| on_topic.cloned().collect())
        })
        .await
    }

    /// Waits until `look` finds what it wants among all messages; it is asked after each arrival.
    pub async fn wait_until<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut(&[Message]) -> Option<T>,
    ) -> Result<T> {
        let mut arrivals = self.inbox.arrivals.subscribe();
        let waiting = async {
            loop {
                arrivals.mark_unchanged();
                if let Some(found) = look(&self.inbox.lock()) {
                    return Ok(found);
                }
                arrivals.changed().await?;
            }
        };
        match tokio::time::timeout(deadline, waiting).await {
            Ok(found) => found,
            Err(_) => {
                anyhow::bail!("the probe waited {deadline:?} in vain until {what}; it has heard {}", self.summary())
            }
        }
    }

    /// Publishes at least once.
    pub async fn publish(&self, topic: &str, payload: &str) -> Result<()> {
        self.publish_with(topic, payload, false, PublishProperties::default()).await
    }

    /// Publishes at least once, with retain bit and properties.
    pub async fn publish_with(
        &self,
        topic: &str,
        payload: &str,
        is_retained: bool,
        properties: PublishProperties,
    ) -> Result<()> {
        let payload = payload.to_owned();
        let sent = self.client.publish_with_properties(topic, QoS::AtLeastOnce, is_retained, payload, properties);
        sent.await.with_context(|| format!("publishing to {topic}"))
    }

    /// Sends a command with a response topic and correlation data of its own, and waits for the verdict.
    pub async fn request(&self, topic: &str, payload: &str) -> Result<Value> {
        let number = self.next_reply.fetch_add(1, Ordering::Relaxed);
        let response_topic = format!("probe/reply/{number}");
        let correlation = Bytes::from(format!("request-{number}"));
        let properties = PublishProperties {
            response_topic: Some(response_topic.clone()),
            correlation_data: Some(correlation.clone()),
            ..PublishProperties::default()
        };
        self.publish_with(topic, payload, false, properties).await?;
        let what = format!("the verdict on {payload} to {topic} came");
        let verdict = self.wait_for(&what, |message| message.topic == response_topic).await?;
        anyhow::ensure!(verdict.correlation_data == Some(correlation), "wrong correlation data: {verdict:?}");
        verdict.json()
    }

    /// Sends a message to itself and waits for it: whatever the broker had passed on before has then been heard.
    pub async fn fence(&self) -> Result<()> {
        self.fence_within(PATIENCE).await
    }

    /// As `fence`, where so much is on its way that it takes longer.
    pub async fn fence_within(&self, patience: Duration) -> Result<()> {
        let mark = self.mark();
        let text = format!("fence {mark}");
        self.publish(FENCE_TOPIC, &text).await?;
        let mut looked_at = mark;
        self.wait_until("the fence came back", patience, |messages| {
            let mut later = messages.get(looked_at..).unwrap_or_default().iter();
            looked_at = messages.len();
            later.any(|message| message.topic == FENCE_TOPIC).then_some(())
        })
        .await
    }

    /// Waits until nothing has come on topics that begin with `prefix` for `quiet`.
    pub async fn silence(&self, prefix: &str, quiet: Duration) -> Result<()> {
        let count = || self.inbox.lock().iter().filter(|message| message.topic.starts_with(prefix)).count();
        wait_until(&format!("nothing comes on {prefix} for {quiet:?}"), PATIENCE, async || {
            let before = count();
            pause(quiet).await;
            Ok((count() == before).then_some(()))
        })
        .await
    }

    fn summary(&self) -> String {
        let messages = self.inbox.lock();
        let mut topics: HashMap<&str, usize> = HashMap::new();
        for message in messages.iter() {
            *topics.entry(&message.topic).or_default() += 1;
        }
        let last = messages.last().map(|message| (&message.topic, &message.payload));
        format!("{} messages, {topics:?}, the last {last:?}", messages.len())
    }
}

impl Drop for MqttProbe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn options(id: String, access: &BrokerAccess, is_clean: bool) -> MqttOptions {
    let mut options = MqttOptions::new(id, &access.host, access.port);
    options.set_keep_alive(Duration::from_secs(5)).set_clean_start(is_clean);
    let mut connect = ConnectProperties::new();
    connect.session_expiry_interval = (!is_clean).then_some(3600);
    connect.max_packet_size = Some(PAYLOAD_LIMIT);
    options.set_connect_properties(connect);
    if let Some((name, password)) = &access.user {
        options.set_credentials(name, password);
    }
    if let Some(authority) = &access.authority {
        // Several crates bring their own provider, so one has to be named; a second call changes nothing.
        rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
        let tls = TlsConfiguration::Simple { ca: authority.clone().into_bytes(), alpn: None, client_auth: None };
        options.set_transport(Transport::Tls(tls));
    }
    options
}

async fn listen(client: AsyncClient, mut event_loop: EventLoop, inbox: Arc<Inbox>) {
    loop {
        match event_loop.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                let everything = Filter { preserve_retain: true, ..Filter::new("#", QoS::AtLeastOnce) };
                // The queue is empty right after connecting.
                client.try_subscribe_many([everything]).unwrap_or_default();
            }
            Ok(Event::Incoming(Incoming::SubAck(_))) => inbox.subscriptions.send_modify(|count| *count += 1),
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                inbox.lock().push(publish.into());
                inbox.arrivals.send_modify(|count| *count += 1);
            }
            Ok(_) => {}
            Err(_) => pause(Duration::from_millis(20)).await,
        }
    }
}
