//! When tags that the server refuses are asked for again.
//!
//! Those that have never been had are tried less and less often. One whose node has gone may be back at any moment, as
//! after a download to the PLC: it is tried every few seconds, and of very many only some, until one of them is back.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::domain::TagId;
use crate::opcua::backoff::Backoff;

/// The first pause before a refused tag is tried again.
pub(in crate::opcua) const RETRY_INITIAL: Duration = Duration::from_secs(4);
/// The longest pause.
pub(in crate::opcua) const RETRY_MAX: Duration = Duration::from_mins(1);
/// The first pause before a tag is tried again whose node has gone.
const LOST_INITIAL: Duration = Duration::from_secs(2);
/// The longest, so that a node that is back has values within five seconds.
const LOST_MAX: Duration = Duration::from_secs(4);
/// So many of those are tried at a time.
const MOST_LOST_AT_ONCE: usize = 500;

/// The refused tags of a session.
#[derive(Debug)]
pub(in crate::opcua) struct Retries {
    refused: Group,
    lost: Group,
    /// The lost tag that was tried last, so that each gets its turn.
    last: Option<TagId>,
}

#[derive(Debug)]
struct Group {
    tags: BTreeSet<TagId>,
    backoff: Backoff,
    next: Option<Instant>,
}

impl Group {
    fn new(initial: Duration, longest: Duration) -> Self {
        Self { tags: BTreeSet::new(), backoff: Backoff::new(initial, longest), next: None }
    }

    fn plan(&mut self) {
        self.next = (!self.tags.is_empty()).then(|| Instant::now() + self.backoff.pause());
    }

    fn is_due(&self) -> bool {
        self.next.is_some_and(|next| next <= Instant::now())
    }

    /// Something changed for the better: the next try comes soon.
    fn hurry(&mut self) {
        self.backoff.reset();
        self.plan();
    }
}

impl Retries {
    /// Nothing is refused yet.
    pub(in crate::opcua) fn new() -> Self {
        let (refused, lost) = (Group::new(RETRY_INITIAL, RETRY_MAX), Group::new(LOST_INITIAL, LOST_MAX));
        Self { refused, lost, last: None }
    }

    /// Tags that were refused.
    pub(in crate::opcua) fn refuse(&mut self, tags: impl IntoIterator<Item = TagId>) {
        let lost = &self.lost.tags;
        self.refused.tags.extend(tags.into_iter().filter(|tag| !lost.contains(tag)));
        if self.refused.next.is_none() {
            self.refused.plan();
        }
    }

    /// Tags whose node has gone.
    pub(in crate::opcua) fn lose(&mut self, tags: impl IntoIterator<Item = TagId>) {
        let before = self.lost.tags.len();
        for tag in tags {
            self.refused.tags.remove(&tag);
            self.lost.tags.insert(tag);
        }
        if self.lost.tags.len() > before || self.lost.next.is_none() {
            self.lost.hurry();
        }
    }

    /// How many are left.
    pub(in crate::opcua) fn len(&self) -> usize {
        self.refused.tags.len() + self.lost.tags.len()
    }

    /// When some are due; `None` when none is left.
    pub(in crate::opcua) fn next(&self) -> Option<Instant> {
        [self.refused.next, self.lost.next].into_iter().flatten().min()
    }

    /// The tags whose time has come. They stay among the refused until they are settled.
    pub(in crate::opcua) fn due(&self) -> Vec<TagId> {
        let mut due = Vec::new();
        if self.refused.is_due() {
            due.extend(&self.refused.tags);
        }
        if self.lost.is_due() {
            let after = self.lost.tags.iter().filter(|tag| self.last.is_none_or(|last| **tag > last));
            let before = self.lost.tags.iter().filter(|tag| self.last.is_some_and(|last| **tag <= last));
            due.extend(after.chain(before).take(MOST_LOST_AT_ONCE));
        }
        due
    }

    /// What came of those that were due: these are still refused.
    pub(in crate::opcua) fn settle(&mut self, due: &[TagId], refused: &[TagId]) {
        let refused: BTreeSet<TagId> = refused.iter().copied().collect();
        let had: Vec<TagId> = due.iter().copied().filter(|tag| !refused.contains(tag)).collect();
        self.last = due.iter().rev().find(|tag| self.lost.tags.contains(tag)).copied().or(self.last);
        for group in [&mut self.refused, &mut self.lost] {
            for tag in &had {
                group.tags.remove(tag);
            }
            if !had.is_empty() {
                group.hurry();
            } else if group.is_due() {
                group.plan();
            }
        }
        // Where one is back, the others are likely to be.
        if !had.is_empty() && !self.lost.tags.is_empty() {
            self.lost.next = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(range: std::ops::Range<u32>) -> Vec<TagId> {
        range.map(TagId).collect()
    }

    /// Lets time pass until something is due; how long that was, and what.
    async fn wait(retries: &Retries) -> (Duration, Vec<TagId>) {
        let (since, next) = (Instant::now(), retries.next().unwrap());
        tokio::time::sleep_until(next).await;
        (since.elapsed(), retries.due())
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_node_is_asked_for_every_few_seconds_and_a_wrong_one_less_and_less_often() {
        let mut retries = Retries::new();
        assert_eq!((retries.next(), retries.due()), (None, Vec::new()));
        retries.refuse(tags(0..2));
        retries.lose(tags(1..2));
        assert_eq!(retries.len(), 2);
        let end = Instant::now() + Duration::from_mins(30);
        let (mut of_lost, mut of_refused) = (Vec::new(), Vec::new());
        while Instant::now() < end {
            let (_, due) = wait(&retries).await;
            for tag in &due {
                if *tag == TagId(1) { of_lost.push(Instant::now()) } else { of_refused.push(Instant::now()) }
            }
            retries.settle(&due, &due);
        }
        let longest = |times: &[Instant]| times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest(&of_lost) <= LOST_MAX + Duration::from_millis(10), "{:?}", longest(&of_lost));
        assert!(longest(&of_refused) > Duration::from_secs(29) && longest(&of_refused) <= RETRY_MAX * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_lost_nodes_some_are_tried_and_when_one_is_back_all_are() {
        let mut retries = Retries::new();
        retries.lose(tags(0..2_000));
        let mut tried = BTreeSet::new();
        for _ in 0..4 {
            let (_, due) = wait(&retries).await;
            assert_eq!(due.len(), MOST_LOST_AT_ONCE);
            retries.settle(&due, &due);
            tried.extend(due);
        }
        assert_eq!(tried.len(), 2_000, "each gets its turn");
        let (_, due) = wait(&retries).await;
        retries.settle(&due, &due[1..]);
        let mut rounds = 0;
        while retries.len() > 0 {
            let (pause, due) = wait(&retries).await;
            assert!(pause.is_zero(), "{pause:?}");
            retries.settle(&due, &[]);
            rounds += 1;
        }
        assert_eq!((rounds, retries.next()), (4, None));
    }
}
