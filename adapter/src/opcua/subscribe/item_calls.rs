//! CreateMonitoredItems calls that wait for their answer. They outlive the run that made them: what the server creates in
//! one that is given up, or answers late, is known in the end.

use std::{
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use opcua::types::MonitoredItemCreateResult;
use tokio::time;

use crate::domain::TagId;
use crate::opcua::{
    service_error::ServiceError,
    subscribe::{item::Item, subscription::Subscription},
};

/// How long a late answer is waited for beside other work.
pub(in crate::opcua) const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What the server answers.
pub(in crate::opcua) type Answer = Result<Vec<MonitoredItemCreateResult>, ServiceError>;

/// A call that has ended.
pub(in crate::opcua) struct Ended {
    pub(in crate::opcua) subscription: Subscription,
    pub(in crate::opcua) items: Vec<Item>,
    pub(in crate::opcua) answer: Answer,
}

impl Ended {
    /// Whether nobody knows which of the items exist.
    pub(in crate::opcua) const fn is_unknown(&self) -> bool {
        matches!(self.answer, Err(ServiceError::Lost))
    }
}

struct Call {
    subscription: Subscription,
    items: Vec<Item>,
    /// A Mutex makes it Sync; it is never locked.
    answer: Mutex<BoxFuture<'static, Answer>>,
}

impl Call {
    fn answer(&mut self) -> &mut BoxFuture<'static, Answer> {
        self.answer.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(self, answer: Answer) -> Ended {
        Ended { subscription: self.subscription, items: self.items, answer }
    }
}

/// The calls of one session.
pub(in crate::opcua) struct ItemCalls {
    /// The one that is waited for.
    current: Option<Call>,
    /// Those whose answer did not come in time.
    late: Vec<Call>,
    patience: Duration,
}

impl ItemCalls {
    /// No call yet. An answer that takes longer than `patience` is late.
    pub(in crate::opcua) const fn new(patience: Duration) -> Self {
        Self { current: None, late: Vec::new(), patience }
    }

    /// Begins a call. One that is still waited for counts as late.
    pub(in crate::opcua) fn begin(
        &mut self,
        subscription: Subscription,
        items: Vec<Item>,
        answer: BoxFuture<'static, Answer>,
    ) {
        let call = Call { subscription, items, answer: Mutex::new(answer) };
        self.late.extend(self.current.replace(call));
    }

    /// Waits for the call that was begun; `None` where there is none, or none in time: it is late, then.
    pub(in crate::opcua) async fn finish(&mut self) -> Option<Ended> {
        let answer = self.current.as_mut()?.answer();
        let answered = time::timeout(self.patience, answer).await;
        let call = self.current.take()?;
        if let Ok(answer) = answered {
            return Some(call.ended(answer));
        }
        self.late.push(call);
        None
    }

    /// Waits for the next late answer, for ever where none is expected.
    pub(in crate::opcua) async fn late(&mut self) -> Ended {
        poll_fn(|context| self.poll_late(context)).await
    }

    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        for index in 0..self.late.len() {
            if let Poll::Ready(answer) = self.late[index].answer().poll_unpin(context) {
                return Poll::Ready(self.late.swap_remove(index).ended(answer));
            }
        }
        Poll::Pending
    }

    /// Whether a call for this tag alone is late: another one would be late as well.
    pub(in crate::opcua) fn is_late(&self, tag: TagId) -> bool {
        self.late.iter().any(|call| call.items.len() == 1 && call.items[0].tag == tag)
    }

    /// Forgets the calls for Subscriptions that exist no more.
    pub(in crate::opcua) fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        self.current.take_if(|call| !exists(call.subscription.id));
        self.late.retain(|call| exists(call.subscription.id));
    }
}

#[cfg(test)]
mod tests {
    use opcua::types::NodeId;

    use super::*;
    use crate::opcua::{session::ask::Values, subscribe::filter::filter, test_support::tag};

    const PATIENCE: Duration = Duration::from_secs(5);

    fn subscription(id: u32) -> Subscription {
        Subscription { id, publishing_interval: Duration::from_secs(1), keep_alive_time: Duration::from_secs(5) }
    }

    fn items(tags: std::ops::Range<u32>) -> Vec<Item> {
        let filter = || filter(&tag("t", 3, "x").subscription, Values::Unknown);
        tags.map(|tag| Item::new(TagId(tag), NodeId::new(3, tag), filter())).collect()
    }

    fn after(seconds: u64) -> BoxFuture<'static, Answer> {
        async move {
            time::sleep(Duration::from_secs(seconds)).await;
            Ok(vec![MonitoredItemCreateResult::default()])
        }
        .boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_outlives_the_run_that_made_it() {
        let mut calls = ItemCalls::new(PATIENCE);
        assert!(calls.finish().await.is_none());
        calls.begin(subscription(7), items(0..2), after(3));
        assert!(time::timeout(Duration::from_secs(1), calls.finish()).await.is_err(), "given up");
        let ended = calls.finish().await.unwrap();
        assert_eq!((ended.subscription.id, ended.items.len(), ended.answer.is_ok()), (7, 2, true));
        assert!(calls.finish().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_comes_in_the_end_and_no_second_call_for_its_tag_is_made() {
        let mut calls = ItemCalls::new(PATIENCE);
        for (tags, seconds) in [(0..2, 20), (2..3, 15)] {
            calls.begin(subscription(7), items(tags), after(seconds));
            assert!(calls.finish().await.is_none());
        }
        assert!(calls.is_late(TagId(2)) && !calls.is_late(TagId(0)), "of several, another call may be answered");
        assert!(time::timeout(Duration::from_millis(1), calls.late()).await.is_err(), "given up");
        assert_eq!((calls.late().await.items.len(), calls.late().await.items.len()), (2, 1));
        assert!(!calls.is_late(TagId(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_belongs_to_a_subscription_that_is_no_more_is_forgotten() {
        let mut calls = ItemCalls::new(PATIENCE);
        calls.begin(subscription(7), items(0..1), after(20));
        assert!(calls.finish().await.is_none());
        calls.begin(subscription(8), items(1..2), after(1));
        calls.retain(|id| id == 8);
        assert!(!calls.is_late(TagId(0)));
        assert!(calls.finish().await.is_some());
        calls.begin(subscription(8), items(1..2), after(1));
        calls.retain(|id| id == 7);
        assert!(calls.finish().await.is_none());
    }

    #[test]
    fn only_a_lost_connection_leaves_items_unknown() {
        let ended = |answer| Ended { subscription: subscription(7), items: items(0..1), answer };
        assert!(ended(Err(ServiceError::Lost)).is_unknown());
        for known in [Ok(Vec::new()), Err(ServiceError::NotConnected), Err(ServiceError::Timeout)] {
            assert!(!ended(known).is_unknown());
        }
    }
}
