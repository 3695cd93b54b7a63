//! What the proxy is to do to the connections through it, and what it has seen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What becomes of what comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    /// It goes on.
    #[default]
    Open,
    /// What the broker says waits.
    Deaf,
    /// It waits, and nobody is told.
    Hole,
    /// New connections are closed at once.
    Shut,
}

/// How connections are ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both sides are told, by a reset.
    #[default]
    Reset,
    /// Only the client is.
    Abandon,
}

/// What a scenario changes while connections follow it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tricks {
    pub(super) gate: Gate,
    /// No PUBACK comes through.
    pub(super) is_mute: bool,
    /// A connection ends after so many PUBACKs.
    pub(super) hang_up_after: Option<u64>,
    /// The broker is made to allow so many messages in flight.
    pub(super) receive_maximum: Option<u16>,
}

/// What has passed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Connections that the proxy has hung up on.
    pub(super) hang_ups: u64,
    /// Messages that were without a PUBACK on one connection, at most.
    pub(super) most_outstanding: usize,
}

/// The plan, shared with every connection.
#[derive(Debug)]
pub(super) struct Plan {
    /// Where the broker is.
    pub(super) port: u16,
    /// Whether what passes is MQTT in the clear.
    pub(super) is_readable: bool,
    tricks: Mutex<Tricks>,
    seen: Mutex<Seen>,
    /// Counts how often all connections were to end, and says how.
    endings: watch::Sender<(u64, Ending)>,
}

impl Plan {
    pub(super) fn leading_to(port: u16, is_readable: bool) -> Self {
        Self {
            port,
            is_readable,
            tricks: Mutex::default(),
            seen: Mutex::default(),
            endings: watch::Sender::new((0, Ending::Reset)),
        }
    }

    pub(super) fn tricks(&self) -> Tricks {
        *lock(&self.tricks)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Tricks)) {
        change(&mut lock(&self.tricks));
    }

    pub(super) fn seen(&self) -> Seen {
        *lock(&self.seen)
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut lock(&self.seen));
    }

    pub(super) fn end_all(&self, ending: Ending) {
        self.endings.send_modify(|(count, how)| (*count, *how) = (*count + 1, ending));
    }

    /// How often all connections were to end.
    pub(super) fn generation(&self) -> u64 {
        self.endings.borrow().0
    }

    pub(super) fn endings(&self) -> watch::Receiver<(u64, Ending)> {
        self.endings.subscribe()
    }
}

/// A panic elsewhere leaves a whole plan behind, so a poisoned lock can be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
