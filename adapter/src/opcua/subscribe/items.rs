//! Gets the MonitoredItems of a session created, and comes back to those that were refused and those whose node has gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use opcua::types::NodeId;
use tokio::time;
use tracing::info;

use crate::opcua::{
    intake::conversion::Intake,
    intake::grants::{FilterPlace, TagGrants},
    intake::lost_nodes::LostNodes,
    intake::shared::Shared,
    intake::tag_table::TagTable,
    problem::{Problem, Step},
    session::ask::{self, Values},
    session::call_size::CallSize,
    session::live::LiveSession,
    status,
    subscribe::filter,
    subscribe::filter_report,
    subscribe::item::Item,
    subscribe::item_calls::ItemCalls,
    subscribe::percent::{self, Percent},
    subscribe::probe::{self, Probe},
    subscribe::refused_tags::Refusals,
    subscribe::retries::Retries,
    subscribe::revised::Revised,
    subscribe::room::Room,
    subscribe::subscription::Subscriptions,
};
use crate::{
    config::effective::{Deadband, Tag},
    domain::{Namespace, NodeLocator, TagId},
};

/// Gets the tags of one session subscribed.
pub(in crate::opcua) struct Subscriber<'a> {
    pub(super) live: &'a LiveSession,
    pub(super) tags: &'a [Tag],
    pub(super) subscriptions: &'a Subscriptions,
    pub(super) call_size: &'a mut CallSize,
    pub(super) room: &'a mut Room,
    pub(super) table: &'a TagTable,
    pub(super) grants: &'a TagGrants,
    pub(super) intake: &'a Intake,
    pub(super) request_timeout: Duration,
    pub(super) lost_nodes: Arc<LostNodes>,
    /// The items that exist.
    pub(super) created: BTreeMap<TagId, Created>,
    probe: Probe,
    /// Tags that the server refuses; `None` until all were asked for once.
    pub(super) retries: Option<Retries>,
    /// Tags whose Subscription was made anew, and whose item was not created yet.
    again: BTreeSet<TagId>,
    /// What is said of nodes that have gone.
    losses: Refusals,
    /// Items in the call that waits for its answer.
    pub(super) under_way: usize,
    pub(super) calls: ItemCalls,
    /// Items to be deleted, by Subscription.
    pub(super) surplus: BTreeMap<u32, Vec<u32>>,
    /// Subscriptions of which nobody knows which items exist.
    pub(super) unknown: BTreeSet<u32>,
    /// Whether the server did not know the Subscription of the last call.
    pub(super) was_refused_by_subscription: bool,
}

/// A MonitoredItem that exists.
pub(super) struct Created {
    pub(super) subscription: u32,
    pub(super) item: u32,
    pub(super) node: NodeId,
}

/// What came of one round.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) revised: Revised,
    pub(super) refusals: Refusals,
    pub(super) refused: Vec<TagId>,
    /// Items whose filter the server refuses.
    pub(super) unfiltered: Vec<Item>,
    /// Tags with a deadband whose values are no numbers.
    pub(super) no_numbers: Vec<TagId>,
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
        let Shared { tags, table, grants, intake } = shared;
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
            lost_nodes: intake.lost_nodes(),
            created: BTreeMap::new(),
            probe: Probe::new(),
            retries: None,
            again: BTreeSet::new(),
            losses: Refusals::default(),
            under_way: 0,
            calls: ItemCalls::new(request_timeout),
            surplus: BTreeMap::new(),
            unknown: BTreeSet::new(),
            was_refused_by_subscription: false,
        }
    }

    /// The connection was lost. A call that was under way may have been too much for the server.
    pub(in crate::opcua) fn note_loss(&mut self) {
        match std::mem::take(&mut self.under_way) {
            0 => {}
            size => self.call_size.suspected(size),
        }
    }

    /// A Subscription was made anew: the items of the old one are gone with it.
    pub(in crate::opcua) fn resubscribe(&mut self, position: usize) {
        let tags = self.subscriptions.tags_of(position);
        for tag in &tags {
            self.created.remove(tag);
        }
        self.again.extend(tags);
        let all = self.subscriptions.all();
        let exists = |id| all.iter().any(|subscription| subscription.id == id);
        self.calls.retain(exists);
        self.surplus.retain(|id, _| exists(*id));
        self.unknown.retain(|id| exists(*id));
    }

    /// Whether every tag was asked for once.
    pub(in crate::opcua) fn has_asked(&self) -> bool {
        self.retries.is_some()
    }

    /// Creates all items, then tries the refused ones again, for as long as the session lasts. Goes on where it was when
    /// it is run again.
    pub(in crate::opcua) async fn run(&mut self) -> Result<Infallible, Problem> {
        self.finish_call().await?;
        if self.retries.is_none() {
            self.ask_for_all().await?;
        }
        let lost_nodes = Arc::clone(&self.lost_nodes);
        loop {
            self.delete_surplus().await?;
            self.ask_again().await?;
            self.note_found();
            self.take_lost();
            let next = self.retries.as_ref().and_then(Retries::next);
            let due = async {
                match next {
                    Some(next) => time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = lost_nodes.news() => {}
                () = due => self.retry().await?,
                ended = self.calls.late() => self.take_ended(ended),
                () = time::sleep_until(self.probe.next) => self.look_at_resting().await,
            }
        }
    }

    /// Creates all items that do not exist. A run that is given up in the middle of it leaves those that do.
    async fn ask_for_all(&mut self) -> Result<(), Problem> {
        let all = (0_u32..).map(TagId).take(self.tags.len());
        let all: Vec<TagId> = all.filter(|tag| self.subscriptions.position_of(*tag).is_some()).collect();
        let asked = all.len();
        self.intake.await_initial(&self.again.iter().copied().collect::<Vec<_>>());
        let left = all.into_iter().filter(|tag| !self.created.contains_key(tag)).collect();
        let refused = self.create(left, Refusals::default()).await?;
        self.again.clear();
        info!(tags = asked, refused = refused.len(), "tags are subscribed");
        let mut retries = Retries::new();
        // Had in an earlier session.
        let (lost, refused): (Vec<TagId>, _) = refused.into_iter().partition(|tag| self.lost_nodes.is_lost(*tag));
        retries.lose(lost);
        retries.refuse(refused);
        self.retries = Some(retries);
        Ok(())
    }

    /// Creates the items of Subscriptions that were made anew. A run that is given up in the middle of it begins again.
    async fn ask_again(&mut self) -> Result<(), Problem> {
        self.again.retain(|tag| !self.created.contains_key(tag));
        if self.again.is_empty() {
            return Ok(());
        }
        let tags: Vec<TagId> = self.again.iter().copied().collect();
        self.intake.await_initial(&tags);
        let refused = self.create(tags, Refusals::silent()).await?;
        self.again.clear();
        if let Some(retries) = &mut self.retries {
            retries.refuse(refused);
        }
        Ok(())
    }

    /// Asks again for those whose time has come. A run that is given up in the middle of it leaves them refused, but for
    /// those whose item is known to exist.
    async fn retry(&mut self) -> Result<(), Problem> {
        let due = self.retries.as_ref().map(Retries::due).unwrap_or_default();
        self.refresh_namespaces(&due).await?;
        self.delete_lost(&due).await?;
        let missing = due.iter().copied().filter(|tag| !self.created.contains_key(tag));
        let (late, asked): (Vec<TagId>, _) = missing.partition(|tag| self.calls.is_late(*tag));
        let mut refused = self.create(asked, Refusals::silent()).await?;
        refused.extend(late);
        if let Some(retries) = &mut self.retries {
            retries.settle(&due, &refused);
            if refused.len() < due.len() {
                let subscribed = due.len() - refused.len();
                info!(subscribed, refused = retries.len(), "refused tags are subscribed now");
            }
        }
        Ok(())
    }

    /// Tags whose node was lost and that have values again: one that is lost anew at once is tried less often.
    fn note_found(&mut self) {
        let lost_nodes = &self.lost_nodes;
        if let Some(retries) = &mut self.retries {
            retries.note_found(|tag| !lost_nodes.is_lost(tag));
        }
    }

    /// Those of which the server has said, in the place of a value, that their node has gone.
    fn take_lost(&mut self) {
        let news = self.lost_nodes.take_news();
        let news: Vec<_> = news.into_iter().filter(|(tag, _)| self.subscriptions.position_of(*tag).is_some()).collect();
        if news.is_empty() {
            return;
        }
        let state = |(tag, status): &(TagId, crate::domain::StatusCode)| {
            (*tag, self.losses.loss(&self.tags[tag.index()], &status::status_symbol(*status)))
        };
        let states = news.iter().map(state).collect();
        self.table.set(states);
        if let Some(retries) = &mut self.retries {
            retries.lose(news.into_iter().map(|(tag, _)| tag));
        }
    }

    /// Looks at some of the tags of which nothing has come for a while.
    async fn look_at_resting(&mut self) {
        let after = self.created.keys().filter(|tag| self.probe.last.is_none_or(|last| **tag > last));
        let before = self.created.keys().filter(|tag| self.probe.last.is_some_and(|last| **tag <= last));
        let tags = after.chain(before).copied().filter(|tag| !self.lost_nodes.is_lost(*tag));
        let resting = self.intake.resting(tags, probe::NODES);
        let node = |tag: TagId| Some((tag, self.created.get(&tag)?.node.clone()));
        let nodes: Vec<(TagId, NodeId)> = resting.into_iter().filter_map(node).collect();
        for (tag, status) in self.probe.look(self.live, &nodes).await {
            self.intake.take_refusal(tag, status::from_library(status));
        }
    }

    /// Deletes items whose node has gone: many servers keep them, and they stay dead when the node comes back.
    async fn delete_lost(&mut self, tags: &[TagId]) -> Result<(), Problem> {
        for tag in tags.iter().filter(|tag| self.lost_nodes.is_lost(**tag)) {
            if let Some(created) = self.created.remove(tag) {
                self.surplus.entry(created.subscription).or_default().push(created.item);
            }
        }
        self.delete_surplus().await
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
        let mut outcome = Outcome { refusals, ..Outcome::default() };
        let mut items = self.resolve(tags, &mut outcome).await?;
        items.sort_by_key(|item| self.subscriptions.position_of(item.tag));
        self.set_filters(&mut items, &mut outcome).await;
        self.create_items(&items, &mut outcome).await?;
        let mut unfiltered = std::mem::take(&mut outcome.unfiltered);
        if !unfiltered.is_empty() {
            unfiltered.sort_by_key(|item| self.subscriptions.position_of(item.tag));
            self.create_items(&unfiltered, &mut outcome).await?;
            unfiltered.retain(|item| self.created.contains_key(&item.tag));
            self.filter_here(&unfiltered).await;
            filter_report::refused(self.tags, &unfiltered);
        }
        filter_report::no_numbers(self.tags, self.grants, &outcome.no_numbers);
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
                Ok(node) => items.push(Item::new(id, node, filter::filter(&tag.subscription, Values::Unknown))),
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

    /// Asks what the values of the nodes are where a deadband depends on it, and puts in place what is applied here.
    async fn set_filters(&self, items: &mut [Item], outcome: &mut Outcome) {
        let has_deadband = |item: &&mut Item| filter::has_deadband(&self.tags[item.tag.index()].subscription);
        let mut asked: Vec<&mut Item> = items.iter_mut().filter(has_deadband).collect();
        if asked.is_empty() {
            return;
        }
        let nodes: Vec<NodeId> = asked.iter().map(|item| item.node.clone()).collect();
        for (item, values) in asked.iter_mut().zip(ask::values_of(self.live, &nodes).await) {
            item.filter = filter::filter(&self.tags[item.tag.index()].subscription, values);
            if item.filter.place == FilterPlace::NoNumber {
                outcome.no_numbers.push(item.tag);
            }
        }
        let here: Vec<Item> =
            asked.into_iter().filter(|item| item.filter.place == FilterPlace::Here).map(|item| item.clone()).collect();
        self.filter_here(&here).await;
    }

    /// Creates items, those of one Subscription next to each other.
    async fn create_items(&mut self, items: &[Item], outcome: &mut Outcome) -> Result<(), Problem> {
        let position = |item: &Item| self.subscriptions.position_of(item.tag);
        let groups: Vec<&[Item]> = items.chunk_by(|one, other| position(one) == position(other)).collect();
        for group in groups {
            let position = group.first().and_then(|item| self.subscriptions.position_of(item.tag));
            if let Some(subscription) = position.and_then(|position| self.subscriptions.at(position)) {
                self.create_group(subscription, group, outcome).await?;
            }
        }
        Ok(())
    }

    /// Trigger and deadband of these tags are applied here, as far as they can be.
    async fn filter_here(&self, items: &[Item]) {
        let mut percents = Vec::new();
        for item in items {
            let subscription = &self.tags[item.tag.index()].subscription;
            let deadband = match subscription.deadband {
                Some(Deadband::Percent(share)) if item.filter.place == FilterPlace::Here => {
                    percents.push(Percent { tag: item.tag, node: item.node.clone(), share });
                    continue;
                }
                Some(Deadband::Absolute(size)) if item.filter.place == FilterPlace::Here => Some(size),
                _ => None,
            };
            self.intake.filter_here(item.tag, deadband);
        }
        for (tag, deadband) in percent::in_units(self.live, self.tags, percents).await {
            self.intake.filter_here(tag, deadband);
            if deadband.is_none() {
                self.grants.filter(tag, FilterPlace::Nowhere);
            }
        }
    }
}
