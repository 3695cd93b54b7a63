//! What a link remembers over its connections.

use std::time::Instant;

use super::{
    rate::Rate, refusals::Refusals, refused_topics::RefusedTopics, replay::Replay, suspicion::Suspicion, window::Window,
};
use crate::domain::TopicFilter;

/// What was learned of the broker.
#[derive(Debug)]
pub(super) struct Memory {
    /// On which packets it hangs up.
    pub(super) suspicion: Suspicion,
    /// How many messages a second it takes.
    pub(super) rate: Rate,
    /// What it has taken, and the spool still has.
    pub(super) replay: Replay,
    /// What it refuses, and whether it takes anything.
    pub(super) refusals: Refusals,
    /// What it has refused of late.
    pub(super) refused_topics: RefusedTopics,
}

impl Memory {
    /// A connection ends: what is settled on it is not sent again; nor what was refused just before, for some brokers hang
    /// up behind a refusal: that is judged by what is taken next.
    pub(super) fn keep<T>(&mut self, window: &Window<T>) {
        self.replay.keep(window.settled());
        if !self.refusals.has_just_refused(Instant::now()) {
            return;
        }
        for (place, reason) in window.refused() {
            self.suspicion.accuse(place, reason);
        }
    }

    /// Nothing is known. `filters` are to be subscribed; `max_rate` in messages per second.
    pub(super) fn new(filters: &[TopicFilter], max_rate: Option<u32>) -> Self {
        Self {
            suspicion: Suspicion::new(filters),
            rate: Rate::new(max_rate, Instant::now()),
            replay: Replay::default(),
            refusals: Refusals::new(),
            refused_topics: RefusedTopics::default(),
        }
    }
}
