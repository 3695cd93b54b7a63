//! The tags that are polled equally often.

use std::{collections::BTreeMap, time::Duration};

use opcua::types::{NodeId, StatusCode};
use tokio::time::Instant;
use tracing::warn;

use crate::opcua::{
    backoff::Backoff,
    poll::late::Lateness,
    subscribe::retries::{RETRY_INITIAL, RETRY_MAX},
};
use crate::{config::effective::Tag, domain::TagId};

/// No round is due more often, whatever the configuration says.
const SHORTEST: Duration = Duration::from_millis(1);

/// The tags that are read together.
pub(in crate::opcua) struct Round {
    pub(in crate::opcua) interval: Duration,
    pub(in crate::opcua) items: Vec<Item>,
    /// Tags whose node is not known in this session.
    pub(in crate::opcua) missing: Vec<TagId>,
    /// Whether their nodes have been looked for before.
    pub(in crate::opcua) has_tried: bool,
    next_try: Option<Instant>,
    backoff: Backoff,
    has_warned: bool,
}

/// One polled tag.
pub(in crate::opcua) struct Item {
    pub(in crate::opcua) tag: TagId,
    pub(in crate::opcua) node: NodeId,
    pub(in crate::opcua) health: Health,
    pub(in crate::opcua) lateness: Lateness,
}

impl Item {
    /// Not yet read.
    pub(in crate::opcua) fn new(tag: TagId, node: NodeId) -> Self {
        Self { tag, node, health: Health::Unknown, lateness: Lateness::default() }
    }
}

/// What a tag's last Read said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Health {
    Unknown,
    Active,
    Failed(StatusCode),
}

impl Round {
    fn new(interval: Duration, missing: Vec<TagId>) -> Self {
        let backoff = Backoff::new(RETRY_INITIAL, RETRY_MAX);
        let interval = interval.max(SHORTEST);
        Self { interval, items: Vec::new(), missing, has_tried: false, next_try: None, backoff, has_warned: false }
    }

    /// Whether nodes that were not found have to be looked for again.
    pub(in crate::opcua) fn is_time_to_resolve(&self) -> bool {
        self.next_try.is_some_and(|next| Instant::now() >= next)
    }

    /// The nodes have been looked for.
    pub(in crate::opcua) fn tried(&mut self) {
        self.has_tried = true;
        self.next_try = (!self.missing.is_empty()).then(|| Instant::now() + self.backoff.pause());
    }

    /// Once a session.
    pub(in crate::opcua) fn warn_of_skipped(&mut self) {
        if !std::mem::replace(&mut self.has_warned, true) {
            warn!(
                interval = ?self.interval,
                tags = self.items.len(),
                "the server does not answer as fast as it is polled, so rounds are left out; raise `sampling_interval`"
            );
        }
    }
}

/// The polled tags by interval, their nodes not yet known.
pub(in crate::opcua) fn rounds(tags: &[Tag]) -> Vec<Round> {
    let mut by_interval: BTreeMap<Duration, Vec<TagId>> = BTreeMap::new();
    for (id, tag) in (0_u32..).map(TagId).zip(tags).filter(|(_, tag)| tag.subscription.is_polled()) {
        by_interval.entry(tag.subscription.sampling_interval).or_default().push(id);
    }
    by_interval.into_iter().map(|(interval, tags)| Round::new(interval, tags)).collect()
}

/// How many rounds were left out between two that were due at these times.
pub(in crate::opcua) fn skipped(last: Instant, due: Instant, interval: Duration) -> u64 {
    let steps = due.saturating_duration_since(last).as_nanos() / interval.as_nanos().max(1);
    u64::try_from(steps.saturating_sub(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::effective::Mode, opcua::test_support::tag};

    #[test]
    fn only_polled_tags_are_read_those_of_one_interval_together() {
        let make = |mode, millis| {
            let mut tag = tag("t", 3, "x");
            tag.subscription.mode = mode;
            tag.subscription.sampling_interval = Duration::from_millis(millis);
            tag
        };
        let tags = [make(Mode::Poll, 500), make(Mode::Subscribe, 500), make(Mode::Poll, 100), make(Mode::Poll, 500)];
        let rounds = rounds(&tags);
        let found: Vec<_> = rounds.iter().map(|round| (round.interval.as_millis(), round.missing.as_slice())).collect();
        assert_eq!(found, [(100, &[TagId(2)][..]), (500, &[TagId(0), TagId(3)][..])]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_lasts_too_long_costs_the_rounds_that_were_due_meanwhile() {
        let interval = Duration::from_millis(100);
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut last = ticks.tick().await;
        let mut lost = Vec::new();
        for lasts in [0, 50, 350, 0, 1000, 0] {
            tokio::time::advance(Duration::from_millis(lasts)).await;
            let due = ticks.tick().await;
            lost.push(skipped(last, due, interval));
            last = due;
        }
        let (rounds, whole) = (u64::try_from(lost.len()).unwrap(), last.elapsed());
        assert!(lost.iter().sum::<u64>() >= 10, "{lost:?} in {rounds} rounds, {whole:?}");
        assert_eq!(lost[..2], [0, 0]);
    }
}
