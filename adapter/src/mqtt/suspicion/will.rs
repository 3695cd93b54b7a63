//! The Will travels in CONNECT, and whoever does not like it refuses the whole client.

use std::time::Instant;

use super::{
    search::TRIED_AGAIN_AFTER,
    sending::{Retained, Sending},
};
use crate::{domain::TopicName, mqtt::packet::Reason};

/// Of so many attempts in a row that fail without a word about the Will, the last two are made with less of it.
const CYCLE: [Sending; 4] = [Sending::Whole, Sending::Whole, Sending::NotRetained, Sending::Not];

/// How the Will is sent, and what connections have shown.
#[derive(Debug, Default)]
pub(super) struct WillTrial {
    settled: Retained,
    /// Refusals in a row that may be about the Will.
    failures: usize,
    tried: Sending,
    reason: Option<Reason>,
}

impl WillTrial {
    /// A connection is about to be made: how to send the Will.
    pub(super) fn begin(&mut self, now: Instant) -> Sending {
        self.settled.begin(now);
        let next = CYCLE[self.failures % CYCLE.len()];
        self.tried = match (self.settled.sending(), next) {
            (Sending::Whole, next) => next,
            (settled, Sending::Whole) => settled,
            (_, next) => next,
        };
        self.tried
    }

    /// The broker refused CONNECT, or hung up on it.
    pub(super) const fn on_failed(&mut self, reason: Option<Reason>) {
        self.reason = reason;
        self.failures = match (reason, self.tried) {
            // Said of the Will, since CONNECT has nothing else of the kind.
            (Some(Reason::RETAIN_NOT_SUPPORTED), Sending::Whole) => 2,
            (
                Some(
                    Reason::RETAIN_NOT_SUPPORTED
                    | Reason::TOPIC_NAME_INVALID
                    | Reason::QOS_NOT_SUPPORTED
                    | Reason::PACKET_TOO_LARGE
                    | Reason::PAYLOAD_FORMAT_INVALID,
                ),
                Sending::Whole | Sending::NotRetained,
            ) => 3,
            (None | Some(Reason::NOT_AUTHORIZED | Reason::UNSPECIFIED | Reason::IMPLEMENTATION_SPECIFIC), _) => {
                self.failures + 1
            }
            _ => 0,
        };
    }

    /// The broker has let us in with the Will as it was sent.
    pub(super) fn on_let_in(&mut self, now: Instant) {
        if self.failures > 0 && self.tried != Sending::Whole && self.tried != self.settled.sending() {
            self.settled.settle(self.tried, self.reason, now);
        }
        self.failures = 0;
    }

    pub(super) fn concern(&self, topic: &TopicName) -> Option<String> {
        self.settled.concern("the Will on", topic)
    }
}

const _: () = assert!(TRIED_AGAIN_AFTER.as_secs() >= 60, "trying the Will again costs a connection");
