//! Creates items of one Subscription, call by call, and takes the answers, also those that come late.

use std::collections::VecDeque;

use futures_util::FutureExt;
use opcua::types::{MonitoredItemCreateResult, StatusCode};

use super::items::{Created, Outcome, Subscriber};
use crate::domain::TagId;
use crate::opcua::{
    intake::grants::TagGrant,
    problem::{Problem, Step},
    service_error::ServiceError,
    session::failure::Failure,
    status,
    subscribe::filter::{self, Filter},
    subscribe::item::{Item, request},
    subscribe::item_calls::{Answer, Ended, LONGEST_WAIT},
    subscribe::refused_tags::Refusals,
    subscribe::subscription::Subscription,
};
use crate::supervisor::TagState;

impl Subscriber<'_> {
    /// Creates items of one Subscription. A call that is refused as a whole is tried again in halves, down to the one
    /// item that is to blame. One that is late goes in halves behind the others, which need not wait for it.
    pub(super) async fn create_group(
        &mut self,
        subscription: Subscription,
        items: &[Item],
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let mut left = VecDeque::from([items]);
        let mut held = 0;
        while let Some(part) = left.pop_front() {
            let (call, rest) = self.call_size.split(part);
            if !rest.is_empty() {
                left.push_front(rest);
            }
            match self.ask(subscription, call).await? {
                Ok(results) => {
                    held += results.iter().filter(|result| result.status_code.is_good()).count();
                    let is_full = |result: &MonitoredItemCreateResult| is_full(result.status_code);
                    self.look_for_room(results.iter().any(is_full), held)?;
                    self.take_results(subscription, call, &results, outcome);
                }
                Err(error) => {
                    let (first, second) = call.split_at(call.len() / 2);
                    match Failure::of(&error) {
                        Failure::Size if self.call_size.refused(call.len()) => left.push_front(call),
                        Failure::Call if !first.is_empty() => {
                            left.push_front(second);
                            left.push_front(first);
                        }
                        Failure::Late if !first.is_empty() => left.extend([first, second]),
                        _ => {
                            self.look_for_room(is_full(error.status()), held)?;
                            self.refuse_all(call, error.status(), outcome);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes a call and waits for its answer, which counts as a time-out where it is late. An error where the session or
    /// the Subscription is of no more use.
    async fn ask(&mut self, subscription: Subscription, items: &[Item]) -> Result<Answer, Problem> {
        self.under_way = items.len();
        self.begin_call(subscription, items);
        let answer = match self.calls.finish().await {
            Some(ended) => {
                if ended.is_unknown() {
                    self.unknown.insert(subscription.id);
                }
                ended.answer
            }
            None => Err(ServiceError::Timeout),
        };
        if let Err(error) = &answer {
            if let Some(problem) = self.consequence(subscription.id, error).await {
                return Err(problem);
            }
            if Failure::of(error) == Failure::Late {
                self.call_size.suspected(items.len());
            }
        }
        self.was_refused_by_subscription &= answer.is_err();
        self.under_way = 0;
        Ok(answer)
    }

    fn begin_call(&mut self, subscription: Subscription, items: &[Item]) {
        let interval = subscription.publishing_interval;
        let requests = items.iter().map(|item| request(item, &self.tags[item.tag.index()], interval)).collect();
        let services = self.live.services.clone();
        let longest = LONGEST_WAIT.max(self.request_timeout.saturating_mul(2));
        let answer = async move { services.create_monitored_items(subscription.id, requests, longest).await };
        self.calls.begin(subscription, items.to_vec(), answer.boxed());
    }

    /// What a failure means beyond its call; `None` where session and Subscription go on.
    async fn consequence(&mut self, subscription: u32, error: &ServiceError) -> Option<Problem> {
        // A new Subscription that the server does not know either is no remedy.
        let is_ended = error.status() == StatusCode::BadSubscriptionIdInvalid;
        if is_ended && !std::mem::replace(&mut self.was_refused_by_subscription, true) {
            return Some(Problem::SubscriptionEnded { subscription, status: status::from_library(error.status()) });
        }
        match Failure::of(error) {
            Failure::Late if self.live.services.is_answering().await => None,
            Failure::Session | Failure::Late => Some(Problem::service(Step::CreateItems, error, self.request_timeout)),
            Failure::Size | Failure::Call | Failure::Items => None,
        }
    }

    /// Finishes the call of a run that was given up. An error where nobody knows what a call has created.
    pub(super) async fn finish_call(&mut self) -> Result<(), Problem> {
        if let Some(ended) = self.calls.finish().await {
            self.take_ended(ended);
        }
        while let Some(ended) = self.calls.late().now_or_never() {
            self.take_ended(ended);
        }
        self.under_way = 0;
        match self.unknown.first() {
            Some(&subscription) => Err(Problem::ItemsUnknown { subscription }),
            None => Ok(()),
        }
    }

    /// Takes the answer of a call that was given up or late. An item that exists by now is deleted, the others are taken
    /// over.
    pub(super) fn take_ended(&mut self, ended: Ended) {
        if ended.is_unknown() {
            self.unknown.insert(ended.subscription.id);
        }
        let Ok(results) = ended.answer else { return };
        let (mut items, mut kept) = (Vec::new(), Vec::new());
        for (item, result) in ended.items.into_iter().zip(results) {
            if result.status_code.is_bad() {
                // It is asked for again, or was by now.
            } else if self.created.contains_key(&item.tag) {
                self.surplus.entry(ended.subscription.id).or_default().push(result.monitored_item_id);
            } else {
                items.push(item);
                kept.push(result);
            }
        }
        let mut outcome = Outcome { refusals: Refusals::silent(), ..Outcome::default() };
        self.take_results(ended.subscription, &items, &kept, &mut outcome);
        outcome.revised.report();
        if let Some(retries) = &mut self.retries {
            let tags: Vec<TagId> = items.iter().map(|item| item.tag).collect();
            retries.settle(&tags, &[]);
        }
    }

    /// Deletes items that nobody wants any more.
    pub(super) async fn delete_surplus(&mut self) -> Result<(), Problem> {
        while let Some((&subscription, items)) = self.surplus.first_key_value() {
            let (call, rest) = self.call_size.split(items);
            let (call, rest) = (call.to_vec(), rest.to_vec());
            if let Err(error) = self.live.services.delete_monitored_items(subscription, call).await {
                if let Some(problem) = self.consequence(subscription, &error).await {
                    return Err(problem);
                }
                if Failure::of(&error) == Failure::Late {
                    return Err(Problem::ItemsUnknown { subscription });
                }
                // A server that has deleted them by itself is right as well.
            }
            if rest.is_empty() {
                self.surplus.remove(&subscription);
            } else {
                self.surplus.insert(subscription, rest);
            }
        }
        Ok(())
    }

    fn refuse_all(&self, items: &[Item], status: StatusCode, outcome: &mut Outcome) {
        let states = items.iter().filter_map(|item| self.refuse(item, status, outcome)).collect();
        self.table.set(states);
    }

    /// A Subscription that is full before the server's limit is reached is a reason to begin again with more of them.
    fn look_for_room(&mut self, is_full: bool, held: usize) -> Result<(), Problem> {
        if is_full && !self.has_asked() && self.room.learn(held) {
            return Err(Problem::FullSubscription { items: held });
        }
        Ok(())
    }

    fn take_results(
        &mut self,
        subscription: Subscription,
        call: &[Item],
        results: &[MonitoredItemCreateResult],
        outcome: &mut Outcome,
    ) {
        let mut states = Vec::with_capacity(call.len());
        let mut grants = Vec::with_capacity(call.len());
        for (item, result) in call.iter().zip(results) {
            if result.status_code.is_bad() {
                states.extend(self.refuse(item, result.status_code, outcome));
                continue;
            }
            let tag = &self.tags[item.tag.index()];
            let asked_queue = tag.subscription.queue_size_at(subscription.publishing_interval);
            outcome.revised.look_at(tag, asked_queue, result);
            // A server may take an item of a node that it has not; a value tells.
            if !self.lost_nodes.is_lost(item.tag) {
                states.push((item.tag, TagState::Active));
            }
            let grant = TagGrant {
                publishing_interval: subscription.publishing_interval,
                sampling_interval_ms: result.revised_sampling_interval,
                queue_size: result.revised_queue_size,
                filter: item.filter.place,
            };
            let node = item.node.clone();
            let created = Created { subscription: subscription.id, item: result.monitored_item_id, node };
            self.created.insert(item.tag, created);
            grants.push((item.tag, grant));
        }
        // A server that leaves answers out must not leave tags pending for ever.
        let unanswered = call.get(results.len()..).unwrap_or_default();
        states.extend(unanswered.iter().filter_map(|item| self.refuse(item, StatusCode::BadUnknownResponse, outcome)));
        self.grants.set(grants);
        self.table.set(states);
    }

    /// The state of an item that the server refuses; none yet where it may take it without the filter.
    fn refuse(&self, item: &Item, status: StatusCode, outcome: &mut Outcome) -> Option<(TagId, TagState)> {
        if item.filter.asked.is_some() && filter::may_be_of_filter(status) {
            let place = filter::place_without(&self.tags[item.tag.index()].subscription, item.filter.place);
            let unfiltered = Item::new(item.tag, item.node.clone(), Filter { asked: None, place });
            outcome.unfiltered.push(unfiltered);
            return None;
        }
        outcome.refused.push(item.tag);
        if status::is_about_node(status::from_library(status)) {
            self.intake.take_refusal(item.tag, status::from_library(status));
        }
        Some((item.tag, outcome.refusals.state_of(&self.tags[item.tag.index()], status)))
    }
}

fn is_full(status: StatusCode) -> bool {
    status == StatusCode::BadTooManyMonitoredItems
}
