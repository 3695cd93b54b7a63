//! What the connections share.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Behaviour, Event, Seen, outbox::Outbox};

#[derive(Debug)]
pub(super) struct Shared {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    behaviour: Arc<Behaviour>,
    seen: Vec<Seen>,
    connections: usize,
    messages: usize,
    clients: HashMap<String, Client>,
    /// When the messages of the last second were acknowledged.
    acknowledged: VecDeque<Instant>,
}

/// Who is connected, by the id.
#[derive(Debug)]
struct Client {
    connection: usize,
    version: u8,
    outbox: Outbox,
    filters: Vec<String>,
}

impl Shared {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        let state = State {
            behaviour: Arc::new(behaviour),
            seen: Vec::new(),
            connections: 0,
            messages: 0,
            clients: HashMap::new(),
            acknowledged: VecDeque::new(),
        };
        Self { began: Instant::now(), state: Mutex::new(state) }
    }

    /// A panic elsewhere leaves whole records behind, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn behaviour(&self) -> Arc<Behaviour> {
        Arc::clone(&self.lock().behaviour)
    }

    pub(super) fn set_behaviour(&self, behaviour: Behaviour) {
        self.lock().behaviour = Arc::new(behaviour);
    }

    pub(super) fn note(&self, connection: usize, event: Event) {
        let seen = Seen { at: self.began.elapsed(), connection, event };
        self.lock().seen.push(seen);
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn seen<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&self.lock().seen)
    }

    pub(super) fn next_connection(&self) -> usize {
        let mut state = self.lock();
        state.connections += 1;
        state.connections
    }

    pub(super) fn next_message(&self) -> usize {
        let mut state = self.lock();
        state.messages += 1;
        state.messages
    }

    /// Whether one more message may be acknowledged within this second.
    pub(super) fn is_within(&self, quota: usize) -> bool {
        let (now, mut state) = (Instant::now(), self.lock());
        while state.acknowledged.front().is_some_and(|time| now.duration_since(*time) >= Duration::from_secs(1)) {
            state.acknowledged.pop_front();
        }
        let is_within = state.acknowledged.len() < quota;
        if is_within {
            state.acknowledged.push_back(now);
        }
        is_within
    }

    /// A client has connected; one of the same id that was there before is told and has to go.
    pub(super) fn enter(&self, client_id: &str, connection: usize, version: u8, outbox: &Outbox) {
        let client = Client { connection, version, outbox: outbox.clone(), filters: Vec::new() };
        let before = self.lock().clients.insert(client_id.to_owned(), client);
        if let Some(before) = before {
            before.outbox.end(if before.version < 5 { Vec::new() } else { vec![0xe0, 0x01, 0x8e] });
        }
    }

    pub(super) fn leave(&self, client_id: &str, connection: usize) {
        let mut state = self.lock();
        if state.clients.get(client_id).is_some_and(|client| client.connection == connection) {
            state.clients.remove(client_id);
        }
    }

    pub(super) fn subscribe(&self, client_id: &str, connection: usize, filters: impl Iterator<Item = String>) {
        if let Some(client) = self.lock().clients.get_mut(client_id).filter(|client| client.connection == connection) {
            client.filters.extend(filters);
        }
    }

    /// Versions and writers of those that have subscribed to a topic.
    pub(super) fn subscribers(&self, topic: &str) -> Vec<(u8, Outbox)> {
        let is_one = |client: &&Client| client.filters.iter().any(|filter| is_match(filter, topic));
        self.lock().clients.values().filter(is_one).map(|client| (client.version, client.outbox.clone())).collect()
    }

    /// Ends all connections.
    pub(super) fn end_all(&self, last: &[u8]) {
        for client in self.lock().clients.values() {
            client.outbox.end(if client.version < 5 { Vec::new() } else { last.to_vec() });
        }
    }
}

/// Whether a filter takes in a topic.
pub(super) fn is_match(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (part, Some(level)) if part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
