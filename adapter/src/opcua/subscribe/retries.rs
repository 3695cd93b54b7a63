//! When tags that the server refuses are asked for again.
//!
//! Those that have never been had are tried less and less often. One whose node has gone may be back at any moment, as
//! after a download to the PLC: it is tried every few seconds, and of very many only some, until one of them is back. One
//! that goes again soon after it was back is tried less and less often, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

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
/// A node that goes again within this time after it was back comes and goes.
const RELAPSE: Duration = Duration::from_secs(30);
/// So many of those are tried at a time.
const MOST_LOST_AT_ONCE: usize = 500;

/// The refused tags of a session.
#[derive(Debug)]
pub(in crate::opcua) struct Retries {
    refused: Group,
    lost: Group,
    /// Lost ones that come and go.
    unsteady: Group,
    /// When tags were asked for with success that had been lost, and whether they have values since then.
    back: BTreeMap<TagId, Back>,
    /// The lost tag that was tried last, so that each gets its turn.
    last: Option<TagId>,
}

#[derive(Debug)]
struct Back {
    since: Instant,
    has_values: bool,
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

    /// Something changed: the next try comes soon, and no later than planned.
    fn hurry(&mut self) {
        let planned = self.next;
        self.backoff.reset();
        self.plan();
        if let (Some(next), Some(planned)) = (&mut self.next, planned) {
            *next = planned.min(*next);
        }
    }

    /// Takes a tag up.
    fn add(&mut self, tag: TagId) {
        self.tags.insert(tag);
        if self.next.is_none() {
            self.plan();
        }
    }

    /// Takes out those that were had; whether there were any. A try that was due is over.
    fn remove(&mut self, had: &[TagId]) -> bool {
        let before = self.tags.len();
        for tag in had {
            self.tags.remove(tag);
        }
        if self.tags.is_empty() {
            self.next = None;
        } else if self.is_due() {
            self.plan();
        }
        self.tags.len() < before
    }
}

impl Retries {
    /// Nothing is refused yet.
    pub(in crate::opcua) fn new() -> Self {
        Self {
            refused: Group::new(RETRY_INITIAL, RETRY_MAX),
            lost: Group::new(LOST_INITIAL, LOST_MAX),
            unsteady: Group::new(LOST_INITIAL, RETRY_MAX),
            back: BTreeMap::new(),
            last: None,
        }
    }

    /// Tags that were refused.
    pub(in crate::opcua) fn refuse(&mut self, tags: impl IntoIterator<Item = TagId>) {
        for tag in tags {
            if !self.lost.tags.contains(&tag) && !self.unsteady.tags.contains(&tag) {
                self.refused.add(tag);
            }
        }
    }

    /// Tags whose node has gone.
    pub(in crate::opcua) fn lose(&mut self, tags: impl IntoIterator<Item = TagId>) {
        let before = self.lost.tags.len();
        for tag in tags {
            self.refused.tags.remove(&tag);
            let was_back = self.back.remove(&tag).is_some_and(|back| back.has_values);
            if was_back || self.unsteady.tags.contains(&tag) {
                self.unsteady.add(tag);
            } else {
                self.lost.tags.insert(tag);
            }
        }
        if self.lost.tags.len() > before {
            self.lost.hurry();
        }
    }

    /// Those for which `has_values` holds are back, not only asked for with success. Forgets what was long ago.
    pub(in crate::opcua) fn note_found(&mut self, has_values: impl Fn(TagId) -> bool) {
        self.back.retain(|tag, back| {
            back.has_values |= has_values(*tag);
            back.since.elapsed() < RELAPSE
        });
        if self.back.is_empty() && self.unsteady.tags.is_empty() {
            self.unsteady.backoff.reset();
        }
    }

    /// How many are left.
    pub(in crate::opcua) fn len(&self) -> usize {
        self.refused.tags.len() + self.lost.tags.len() + self.unsteady.tags.len()
    }

    /// When some are due; `None` when none is left.
    pub(in crate::opcua) fn next(&self) -> Option<Instant> {
        [self.refused.next, self.lost.next, self.unsteady.next].into_iter().flatten().min()
    }

    /// The tags whose time has come. They stay among the refused until they are settled.
    pub(in crate::opcua) fn due(&self) -> Vec<TagId> {
        let mut due = Vec::new();
        if self.refused.is_due() {
            due.extend(&self.refused.tags);
        }
        if self.unsteady.is_due() {
            due.extend(&self.unsteady.tags);
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
        let was_lost = |tag: &TagId| self.lost.tags.contains(tag) || self.unsteady.tags.contains(tag);
        let since = Instant::now();
        let back: Vec<TagId> = had.iter().copied().filter(was_lost).collect();
        self.back.extend(back.into_iter().map(|tag| (tag, Back { since, has_values: false })));
        if self.refused.remove(&had) {
            self.refused.hurry();
        }
        self.settle_lost(&had);
        self.unsteady.remove(&had);
    }

    fn settle_lost(&mut self, had: &[TagId]) {
        if self.lost.remove(had) {
            self.lost.hurry();
            // Where one is back, the others are likely to be.
            if !self.lost.tags.is_empty() {
                self.lost.next = Some(Instant::now());
            }
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

    /// A node that comes and goes, every `pause`, beside a refused one; when either was tried.
    async fn with_an_unsteady_node(minutes: u64, has_values: bool) -> (Vec<Instant>, Vec<Instant>) {
        let mut retries = Retries::new();
        retries.refuse(tags(0..1));
        retries.lose(tags(1..2));
        let end = Instant::now() + Duration::from_mins(minutes);
        let (mut of_refused, mut of_unsteady) = (vec![Instant::now()], vec![Instant::now()]);
        while Instant::now() < end {
            let (_, due) = wait(&retries).await;
            let now = Instant::now();
            of_refused.extend(due.contains(&TagId(0)).then_some(now));
            let is_back = due.contains(&TagId(1));
            of_unsteady.extend(is_back.then_some(now));
            retries.settle(&due, if due.contains(&TagId(0)) { &due[..1] } else { &[] });
            if is_back {
                tokio::time::sleep(Duration::from_secs(1)).await;
                retries.note_found(|_| has_values);
                retries.lose(tags(1..2));
            }
        }
        (of_refused, of_unsteady)
    }

    fn longest(times: &[Instant]) -> Duration {
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_comes_and_goes_does_not_keep_refused_tags_from_their_turn() {
        for has_values in [false, true] {
            let (of_refused, _) = with_an_unsteady_node(30, has_values).await;
            assert!(longest(&of_refused) <= RETRY_MAX * 2, "{:?}", longest(&of_refused));
            assert!(of_refused.len() > 20, "{}", of_refused.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_comes_and_goes_is_tried_less_often_and_one_that_only_seems_to_come_is_not() {
        let (_, of_unsteady) = with_an_unsteady_node(30, true).await;
        assert!(longest(&of_unsteady) > Duration::from_secs(29) && of_unsteady.len() < 80, "{}", of_unsteady.len());
        // A server that creates items of nodes that it has not.
        let (_, of_absent) = with_an_unsteady_node(30, false).await;
        assert!(longest(&of_absent) <= LOST_MAX + Duration::from_secs(1), "{:?}", longest(&of_absent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_goes_again_much_later_is_tried_soon() {
        let mut retries = Retries::new();
        for _ in 0..5 {
            retries.lose(tags(1..2));
            let (pause, due) = wait(&retries).await;
            assert!(pause <= LOST_INITIAL, "{pause:?}");
            retries.settle(&due, &[]);
            retries.note_found(|_| true);
            tokio::time::sleep(RELAPSE).await;
            retries.note_found(|_| true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_go_one_after_the_other_do_not_put_off_the_first() {
        let mut retries = Retries::new();
        let begun = Instant::now();
        for tag in 0..10 {
            retries.lose(tags(tag..tag + 1));
            if retries.due().contains(&TagId(0)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(retries.due().contains(&TagId(0)) && begun.elapsed() <= LOST_INITIAL + Duration::from_millis(500));
    }
}
