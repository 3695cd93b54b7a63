//! Creates the MonitoredItems of a session, checks each answer, and comes back to those that were refused.

use std::{convert::Infallible, time::Duration};

use opcua::types::{
    AttributeId, ExtensionObject, MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode,
    MonitoringParameters, NodeId, ReadValueId, StatusCode,
};
use tokio::time;
use tracing::info;

use crate::opcua::{
    backoff::Backoff,
    intake::conversion::{self, Intake},
    intake::grants::{FilterPlace, TagGrant, TagGrants},
    intake::shared::Shared,
    intake::tag_table::TagTable,
    problem::{Problem, Step},
    service_error::ServiceError,
    session::call_size::CallSize,
    session::failure::Failure,
    session::live::LiveSession,
    subscribe::filter,
    subscribe::percent::{self, Percent},
    subscribe::refused_tags::{RETRY_INITIAL, RETRY_MAX, Refusals},
    subscribe::revised::Revised,
    subscribe::room::Room,
    subscribe::subscription::{Subscription, Subscriptions},
};
use crate::{
    config::effective::{Deadband, Discard, Tag, Trigger},
    domain::{Namespace, NodeLocator, TagId},
    supervisor::TagState,
};

/// Gets the tags of one session subscribed.
pub(in crate::opcua) struct Subscriber<'a> {
    live: &'a LiveSession,
    tags: &'a [Tag],
    subscriptions: &'a Subscriptions,
    call_size: &'a mut CallSize,
    room: &'a mut Room,
    table: &'a TagTable,
    grants: &'a TagGrants,
    intake: &'a Intake,
    request_timeout: Duration,
    /// Tags that the server refuses; `None` until all were asked for once.
    refused: Option<Vec<TagId>>,
    /// Items in the call that waits for its answer.
    under_way: usize,
}

/// A tag whose node id is known in this session.
pub(in crate::opcua) struct Item {
    pub(in crate::opcua) tag: TagId,
    pub(in crate::opcua) node: NodeId,
    /// Whether the server is asked to filter.
    pub(in crate::opcua) has_filter: bool,
}

/// What came of one round.
struct Outcome {
    revised: Revised,
    refusals: Refusals,
    refused: Vec<TagId>,
    /// Items whose filter the server refuses.
    unfiltered: Vec<Item>,
}

impl<'a> Subscriber<'a> {
    /// For a session of which nothing is subscribed yet.
    pub(in crate::opcua) fn new(
        live: &'a LiveSession,
        shared: &'a Shared,
        subscriptions: &'a Subscriptions,
        call_size: &'a mut CallSize,
        room: &'a mut Room,
        request_timeout: Duration,
    ) -> Self {
        let Shared { tags, table, grants, intake, .. } = shared;
        Self {
            live,
            tags,
            subscriptions,
            call_size,
            room,
            table,
            grants,
            intake,
            request_timeout,
            refused: None,
            under_way: 0,
        }
    }

    /// The connection was lost. A call that was under way may have been too much for the server.
    pub(in crate::opcua) fn note_loss(&mut self) {
        match std::mem::take(&mut self.under_way) {
            0 => {}
            size => self.call_size.suspected(size),
        }
    }

    /// Whether every tag was asked for once.
    pub(in crate::opcua) fn has_asked(&self) -> bool {
        self.refused.is_some()
    }

    /// Creates all items, then tries the refused ones again, for as long as the session lasts. Goes on where it was when
    /// it is run again.
    pub(in crate::opcua) async fn run(&mut self) -> Result<Infallible, Problem> {
        let mut refused = match self.refused.clone() {
            Some(refused) => refused,
            None => self.ask_for_all().await?,
        };
        let mut backoff = Backoff::new(RETRY_INITIAL, RETRY_MAX);
        loop {
            if refused.is_empty() {
                return std::future::pending().await;
            }
            time::sleep(backoff.pause()).await;
            self.refresh_namespaces(&refused).await?;
            let before = refused.len();
            refused = self.create(refused, Refusals::silent()).await?;
            self.refused = Some(refused.clone());
            if refused.len() < before {
                info!(subscribed = before - refused.len(), refused = refused.len(), "refused tags are subscribed now");
                backoff.reset();
            }
        }
    }

    async fn ask_for_all(&mut self) -> Result<Vec<TagId>, Problem> {
        let all = (0_u32..).map(TagId).take(self.tags.len());
        let all: Vec<TagId> = all.filter(|tag| self.subscriptions.position_of(*tag).is_some()).collect();
        let asked = all.len();
        let refused = self.create(all, Refusals::default()).await?;
        info!(tags = asked, refused = refused.len(), "tags are subscribed");
        self.refused = Some(refused.clone());
        Ok(refused)
    }

    async fn refresh_namespaces(&self, refused: &[TagId]) -> Result<(), Problem> {
        let is_plain = |tag: &TagId| match &self.tags[tag.index()].node {
            NodeLocator::Id(address) => address.namespace == Namespace::Index(0),
            NodeLocator::Path(_) => false,
        };
        if !refused.iter().all(is_plain) {
            let refreshed = self.live.refresh_namespaces().await;
            refreshed.map_err(|error| Problem::service(Step::ReadServer, &error, self.request_timeout))?;
        }
        Ok(())
    }

    /// Returns the tags that were refused.
    async fn create(&mut self, tags: Vec<TagId>, refusals: Refusals) -> Result<Vec<TagId>, Problem> {
        let mut outcome =
            Outcome { revised: Revised::default(), refusals, refused: Vec::new(), unfiltered: Vec::new() };
        let mut items = self.resolve(tags, &mut outcome).await?;
        items.sort_by_key(|item| self.subscriptions.position_of(item.tag));
        self.create_items(&items, &mut outcome).await?;
        let mut unfiltered = std::mem::take(&mut outcome.unfiltered);
        if !unfiltered.is_empty() {
            unfiltered.sort_by_key(|item| self.subscriptions.position_of(item.tag));
            self.create_items(&unfiltered, &mut outcome).await?;
            self.filter_here(unfiltered, &outcome).await;
        }
        outcome.revised.report();
        Ok(outcome.refused)
    }

    async fn resolve(&mut self, tags: Vec<TagId>, outcome: &mut Outcome) -> Result<Vec<Item>, Problem> {
        let places: Vec<&NodeLocator> = tags.iter().map(|id| &self.tags[id.index()].node).collect();
        let found = self.live.locate(&places).await;
        let found = found.map_err(|error| Problem::service(Step::ResolvePaths, &error, self.request_timeout))?;
        let mut items = Vec::with_capacity(tags.len());
        let mut states = Vec::new();
        for (id, found) in tags.into_iter().zip(found) {
            let tag = &self.tags[id.index()];
            match found {
                Ok(node) => {
                    let has_filter = filter::filter(&tag.subscription).is_some();
                    items.push(Item { tag: id, node, has_filter });
                }
                Err(why) => {
                    outcome.refused.push(id);
                    states.push((id, outcome.refusals.state(tag, &why)));
                }
            }
        }
        if !states.is_empty() {
            self.table.set(states);
        }
        Ok(items)
    }

    /// Creates items, those of one Subscription next to each other.
    async fn create_items(&mut self, items: &[Item], outcome: &mut Outcome) -> Result<(), Problem> {
        let position = |item: &Item| self.subscriptions.position_of(item.tag);
        let groups: Vec<&[Item]> = items.chunk_by(|one, other| position(one) == position(other)).collect();
        for group in groups {
            let position = group.first().and_then(|item| self.subscriptions.position_of(item.tag));
            if let Some(subscription) = position.map(|position| self.subscriptions.all()[position]) {
                self.create_group(subscription, group, outcome).await?;
            }
        }
        Ok(())
    }

    /// Creates items of one Subscription. A call that is refused as a whole is tried again in halves, down to the one
    /// item that is to blame.
    async fn create_group(
        &mut self,
        subscription: Subscription,
        items: &[Item],
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let mut left = vec![items];
        let mut held = 0;
        while let Some(part) = left.pop() {
            let (call, rest) = self.call_size.split(part);
            if !rest.is_empty() {
                left.push(rest);
            }
            self.under_way = call.len();
            let called = self.call(subscription.id, call).await;
            self.under_way = 0;
            match called {
                Ok(results) => {
                    held += results.iter().filter(|result| result.status_code.is_good()).count();
                    let is_full = |result: &MonitoredItemCreateResult| is_full(result.status_code);
                    self.look_for_room(results.iter().any(is_full), held)?;
                    self.take_results(subscription, call, &results, outcome);
                }
                Err(error) => match Failure::of(&error) {
                    Failure::Session => {
                        self.under_way = call.len();
                        return Err(Problem::service(Step::CreateItems, &error, self.request_timeout));
                    }
                    Failure::Size if self.call_size.refused(call.len()) => left.push(call),
                    Failure::Call if call.len() > 1 => {
                        let (first, second) = call.split_at(call.len() / 2);
                        left.extend([second, first]);
                    }
                    _ => {
                        self.look_for_room(is_full(error.status()), held)?;
                        let states =
                            call.iter().filter_map(|item| self.refuse(item, error.status(), outcome)).collect();
                        self.table.set(states);
                    }
                },
            }
        }
        Ok(())
    }

    /// A Subscription that is full before the server's limit is reached is a reason to begin again with more of them.
    fn look_for_room(&mut self, is_full: bool, held: usize) -> Result<(), Problem> {
        if is_full && !self.has_asked() && self.room.learn(held) {
            return Err(Problem::FullSubscription { items: held });
        }
        Ok(())
    }

    async fn call(&self, subscription: u32, items: &[Item]) -> Result<Vec<MonitoredItemCreateResult>, ServiceError> {
        let requests = items.iter().map(|item| request(item, &self.tags[item.tag.index()])).collect();
        self.live.services.create_monitored_items(subscription, requests).await
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
            outcome.revised.look_at(&self.tags[item.tag.index()], result);
            states.push((item.tag, TagState::Active));
            let grant = TagGrant {
                publishing_interval: subscription.publishing_interval,
                sampling_interval_ms: result.revised_sampling_interval,
                queue_size: result.revised_queue_size,
                filter: FilterPlace::Server,
            };
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
        if item.has_filter && filter::is_filter_refusal(status) {
            outcome.unfiltered.push(Item { tag: item.tag, node: item.node.clone(), has_filter: false });
            return None;
        }
        outcome.refused.push(item.tag);
        Some((item.tag, outcome.refusals.state_of(&self.tags[item.tag.index()], status)))
    }

    /// Trigger and deadband of these tags are applied here.
    async fn filter_here(&self, items: Vec<Item>, outcome: &Outcome) {
        let count = items.len();
        let mut percents = Vec::new();
        for item in items {
            let subscription = &self.tags[item.tag.index()].subscription;
            let deadband = match subscription.deadband {
                Some(Deadband::Percent(share)) if subscription.trigger != Trigger::Status => {
                    percents.push(Percent { tag: item.tag, node: item.node, share });
                    continue;
                }
                Some(Deadband::Absolute(size)) => Some(size),
                _ => None,
            };
            self.intake.filter_here(item.tag, deadband);
            self.grants.filter(item.tag, FilterPlace::Here);
        }
        for (tag, deadband) in percent::in_units(self.live, self.tags, percents).await {
            self.intake.filter_here(tag, deadband);
            let place = if deadband.is_some() { FilterPlace::Here } else { FilterPlace::Nowhere };
            self.grants.filter(tag, place);
        }
        info!(
            tags = count,
            refused = outcome.refused.len(),
            "the server refuses the filter of these tags; it is applied here"
        );
    }
}

fn is_full(status: StatusCode) -> bool {
    status == StatusCode::BadTooManyMonitoredItems
}

/// The MonitoredItem that a tag's settings ask for.
pub(in crate::opcua) fn request(item: &Item, tag: &Tag) -> MonitoredItemCreateRequest {
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId {
            node_id: item.node.clone(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: conversion::handle_of(item.tag),
            sampling_interval: tag.subscription.sampling_interval.as_secs_f64() * 1000.0,
            queue_size: tag.subscription.queue_size,
            filter: if item.has_filter { filter::encoded(&tag.subscription) } else { ExtensionObject::null() },
            discard_oldest: tag.subscription.discard == Discard::Oldest,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[test]
    fn an_item_is_asked_for_as_the_mapping_says() {
        let mut tag = tag("t", 3, "x");
        tag.subscription.sampling_interval = Duration::from_micros(1500);
        tag.subscription.queue_size = 7;
        let request = request(&Item { tag: TagId(4), node: NodeId::new(3, "x"), has_filter: false }, &tag);
        let asked = request.requested_parameters;
        assert_eq!((asked.client_handle, asked.queue_size, asked.discard_oldest), (5, 7, true));
        assert!((asked.sampling_interval - 1.5).abs() < 1e-12);
    }
}
