//! The broker as scenarios see it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};

use super::{Behaviour, Connect, Event, Outcome, Publish, Seen, connection, shared::Shared, wire};
use crate::{Message, free_port, wait_until};

/// What the kernel may take for a slow reader before the client notices, in bytes.
const SLOW_BUFFER: u32 = 8 * 1024;

/// A broker on loopback; it and its connections end on drop.
#[derive(Debug)]
pub struct OddBroker {
    port: u16,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl OddBroker {
    /// A broker that behaves so, not yet running: its port refuses connections.
    pub fn prepare(behaviour: Behaviour) -> Result<Self> {
        Ok(Self { port: free_port()?, shared: Arc::new(Shared::new(behaviour)), task: None })
    }

    /// A broker that behaves so, running.
    pub fn start(behaviour: Behaviour) -> Result<Self> {
        let mut broker = Self::prepare(behaviour)?;
        // Another process may have taken the port meanwhile.
        if broker.resume().is_err() {
            broker.port = free_port()?;
            broker.resume()?;
        }
        Ok(broker)
    }

    /// Starts it (again) on its port.
    pub fn resume(&mut self) -> Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        if self.shared.behaviour().reading != super::Reading::Freely {
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
        }
        socket.bind((Ipv4Addr::LOCALHOST, self.port).into()).context("the odd broker's port")?;
        self.task = Some(tokio::spawn(accept(socket.listen(100)?, Arc::clone(&self.shared))));
        Ok(())
    }

    /// Ends it and all connections, without a word.
    pub fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// From now on it behaves so; what the CONNACK says, and what is timed from it, from the next connection on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.set_behaviour(behaviour);
    }

    /// Ends all connections; these bytes first where it is MQTT 5.
    pub fn hang_up(&self, last: &[u8]) {
        self.shared.end_all(last);
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How long it has been there.
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Sends a message, QoS 0, to those that have subscribed to its topic; how many they are.
    pub fn publish(&self, topic: &str, payload: &[u8]) -> usize {
        let subscribers = self.shared.subscribers(topic);
        for (version, outbox) in &subscribers {
            let properties: &[u8] = if *version < 5 { &[] } else { &[0] };
            outbox.send(wire::packet(0x30, &[&wire::text(topic)[..], properties, payload].concat()));
        }
        subscribers.len()
    }

    /// All that clients did so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen(<[Seen]>::to_vec)
    }

    /// All CONNECTs, and whether each was accepted.
    pub fn connects(&self) -> Vec<(Connect, bool)> {
        self.pick(|seen| match &seen.event {
            Event::Connect(connect, is_accepted) => Some((connect.clone(), *is_accepted)),
            _ => None,
        })
    }

    /// When each CONNECT came.
    pub fn connect_times(&self) -> Vec<Duration> {
        self.pick(|seen| matches!(seen.event, Event::Connect(..)).then_some(seen.at))
    }

    /// How many CONNECTs came after this time.
    pub fn connects_after(&self, time: Duration) -> usize {
        self.connect_times().iter().filter(|at| **at >= time).count()
    }

    /// The filters of each SUBSCRIBE.
    pub fn subscribes(&self) -> Vec<Vec<String>> {
        self.pick(|seen| match &seen.event {
            Event::Subscribe(filters) => Some(filters.clone()),
            _ => None,
        })
    }

    /// All messages on topics that begin so, with the connection they came on and what became of them.
    pub fn published(&self, start: &str) -> Vec<(usize, Publish, Outcome)> {
        self.pick(|seen| match &seen.event {
            Event::Publish(publish, outcome) if publish.topic.starts_with(start) => {
                Some((seen.connection, publish.clone(), *outcome))
            }
            _ => None,
        })
    }

    /// How many messages on topics that begin so were taken after this time, repeats included.
    pub fn taken_after(&self, time: Duration, start: &str) -> usize {
        let is_one = |seen: &&Seen| {
            let is_taken = |publish: &Publish, outcome: Outcome| outcome.is_taken() && publish.topic.starts_with(start);
            seen.at >= time && matches!(&seen.event, Event::Publish(publish, outcome) if is_taken(publish, *outcome))
        };
        self.shared.seen(|seen| seen.iter().filter(is_one).count())
    }

    /// What a subscriber to everything would have heard.
    pub fn taken(&self) -> Vec<Message> {
        self.pick(|seen| match &seen.event {
            Event::Publish(publish, outcome) if outcome.is_taken() => Some(Message::from(publish.clone())),
            _ => None,
        })
    }

    /// Waits until `look` finds what it wants.
    pub async fn wait<T>(&self, what: &str, deadline: Duration, look: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let waited = wait_until(what, deadline, async || Ok(look(self))).await;
        waited.with_context(|| self.summary())
    }

    /// Connections, messages by what became of them, and the last few things a client did.
    pub fn summary(&self) -> String {
        let seen = self.seen();
        let (mut taken, mut other) = (0, 0);
        for (_, _, outcome) in self.published("") {
            *(if outcome.is_taken() { &mut taken } else { &mut other }) += 1;
        }
        let last: Vec<String> = seen.iter().rev().take(12).rev().map(short).collect();
        let connections = self.connect_times().len();
        format!("{connections} connections, {taken} messages taken, {other} not; last {}", last.join("; "))
    }

    fn pick<T>(&self, one: impl Fn(&Seen) -> Option<T>) -> Vec<T> {
        self.shared.seen(|seen| seen.iter().filter_map(one).collect())
    }
}

fn short(seen: &Seen) -> String {
    let what = match &seen.event {
        Event::Connect(connect, is_accepted) => format!("CONNECT {} {is_accepted}", connect.client_id),
        Event::Publish(publish, outcome) => format!("{} {} bytes {outcome:?}", publish.topic, publish.size),
        event => format!("{event:?}"),
    };
    format!("{:.1} s #{}: {what}", seen.at.as_secs_f64(), seen.connection)
}

impl Drop for OddBroker {
    fn drop(&mut self) {
        self.stop();
    }
}

impl From<Publish> for Message {
    fn from(publish: Publish) -> Self {
        Self {
            topic: publish.topic,
            payload: publish.payload,
            is_retained: publish.is_retained,
            user_properties: Vec::new(),
            correlation_data: None,
            expiry_seconds: None,
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // Answers are small; a broker's kernel that keeps them back is another fault than those chosen here.
        socket.set_nodelay(true).unwrap_or_default();
        connections.spawn(async move { connection::serve(socket, &shared).await });
        while connections.try_join_next().is_some() {}
    }
}
