//! Tries the tags of a mapping on a server without taking a value: each one's node, and what would become of its item.

use std::time::Duration;

use opcua::types::{
    MonitoredItemCreateResult, MonitoringMode, NodeId, QualifiedName, ReferenceTypeId, StatusCode as Code,
};

use crate::opcua::{
    service_error::ServiceError,
    session::addresses::path_from,
    session::call_size::CallSize,
    session::failure::Failure,
    session::services::SubscriptionRequest,
    status,
    subscribe::filter,
    subscribe::items::{self, Item},
    tools::explorer::{Explorer, ExplorerError},
    tools::inspect::{Details, Reading},
};
use crate::{
    config::effective::Tag,
    domain::{NodeLocator, StatusCode, TagId},
};

/// Items that exist on the server at once.
const MAX_ITEMS_PER_CALL: usize = 500;

/// How a tag would fare.
#[derive(Clone, Debug, PartialEq)]
pub struct TagReport {
    /// Why there is no such node; nothing else is known then.
    pub missing: Option<String>,
    /// What its node says of itself; `None` where it is no Variable.
    pub details: Option<Details>,
    /// The status of its value.
    pub status: Option<StatusCode>,
    /// The MonitoredItem that the server would make of it, or the symbol of why not.
    pub item: Option<Result<GrantedItem, String>>,
    /// Whether it has an EURange, which a deadband in percent is taken of.
    pub has_range: bool,
}

/// A MonitoredItem as the server grants it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrantedItem {
    /// How often the server would look at the node, in milliseconds.
    pub sampling_interval: f64,
    /// How many values it would queue.
    pub queue_size: u32,
}

impl Explorer {
    /// Looks at the nodes of all tags and creates their items, with the settings that the adapter would ask for, in a
    /// Subscription that never publishes; nothing of it is left on the server.
    ///
    /// # Errors
    /// When the server stops answering, or has no Subscription for us.
    pub async fn try_tags(
        &self,
        tags: &[Tag],
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Vec<TagReport>, ExplorerError> {
        let places: Vec<&NodeLocator> = tags.iter().map(|tag| &tag.node).collect();
        let found = self.live.locate(&places).await?;
        let mut reports: Vec<TagReport> = found.iter().map(|found| TagReport::missing(found.as_ref().err())).collect();
        let item = |(tag, found): (TagId, Result<NodeId, String>)| {
            let has_filter = filter::filter(&tags[tag.index()].subscription).is_some();
            Some(Item { tag, node: found.ok()?, has_filter })
        };
        let items: Vec<Item> = (0_u32..).map(TagId).zip(found).filter_map(item).collect();
        let mut done = 0;
        for some in items.chunks(MAX_ITEMS_PER_CALL) {
            let ids: Vec<NodeId> = some.iter().map(|item| item.node.clone()).collect();
            let readings = self.readings(&ids).await?;
            let ranges = self.ranges(&ids).await?;
            for ((item, reading), has_range) in some.iter().zip(readings).zip(ranges) {
                reports[item.tag.index()].take(reading, has_range);
            }
            done += some.len();
            progress(done);
        }
        self.try_items(&items, tags, &mut reports).await?;
        Ok(reports)
    }

    async fn ranges(&self, ids: &[NodeId]) -> Result<Vec<bool>, ServiceError> {
        let name = || vec![QualifiedName::new(0, "EURange")];
        let paths: Vec<_> = ids.iter().map(|id| path_from(id.clone(), ReferenceTypeId::HasProperty, name())).collect();
        Ok(self.live.follow(&paths).await?.iter().map(Result::is_ok).collect())
    }

    async fn try_items(&self, items: &[Item], tags: &[Tag], reports: &mut [TagReport]) -> Result<(), ExplorerError> {
        if items.is_empty() {
            return Ok(());
        }
        let services = &self.live.services;
        let request = SubscriptionRequest {
            // It never publishes, and a server samples as it was asked whatever it is.
            publishing_interval: Duration::from_secs(1),
            max_keep_alive_count: 100,
            lifetime_count: 1_000,
            max_notifications_per_publish: 0,
            is_publishing: false,
        };
        let subscription = services.create_subscription(request).await?.subscription_id;
        let mut size = CallSize::new(MAX_ITEMS_PER_CALL);
        size.declare(self.live.limits.monitored_items_per_call);
        let mut left = items;
        let outcome = loop {
            if left.is_empty() {
                break Ok(());
            }
            let (call, rest) = size.split(left);
            match self.create_and_delete(subscription, call, tags).await {
                Ok(results) => {
                    for (item, result) in call.iter().zip(results) {
                        reports[item.tag.index()].item = Some(granted(&result));
                    }
                }
                Err(error) if Failure::of(&error) == Failure::Size && size.refused(call.len()) => continue,
                Err(error) if Failure::of(&error) == Failure::Session => break Err(error),
                Err(error) => {
                    for item in call {
                        reports[item.tag.index()].item = Some(Err(symbol(error.status())));
                    }
                }
            }
            left = rest;
        };
        if let Err(error) = services.delete_subscriptions(vec![subscription]).await {
            tracing::debug!(%error, "the trial's subscription was not deleted");
        }
        Ok(outcome?)
    }

    async fn create_and_delete(
        &self,
        subscription: u32,
        call: &[Item],
        tags: &[Tag],
    ) -> Result<Vec<MonitoredItemCreateResult>, ServiceError> {
        let services = &self.live.services;
        let requests = call.iter().map(|item| {
            let mut request = items::request(item, &tags[item.tag.index()]);
            request.monitoring_mode = MonitoringMode::Disabled;
            request
        });
        let results = services.create_monitored_items(subscription, requests.collect()).await?;
        let ids: Vec<u32> = results
            .iter()
            .filter(|result| result.status_code.is_good())
            .map(|result| result.monitored_item_id)
            .collect();
        if !ids.is_empty() {
            services.delete_monitored_items(subscription, ids).await?;
        }
        Ok(results)
    }
}

impl TagReport {
    fn missing(why: Option<&String>) -> Self {
        Self { missing: why.cloned(), details: None, status: None, item: None, has_range: false }
    }

    fn take(&mut self, reading: Reading, has_range: bool) {
        let is_gone = |code: Code| reading.status.without_info_bits() == status::from_library(code);
        if is_gone(Code::BadNodeIdUnknown) || is_gone(Code::BadNodeIdInvalid) {
            self.missing = Some(status::status_symbol(reading.status).into_owned());
        }
        self.details = reading.details;
        self.status = Some(reading.status);
        self.has_range = has_range;
    }
}

fn granted(result: &MonitoredItemCreateResult) -> Result<GrantedItem, String> {
    if result.status_code.is_bad() {
        return Err(symbol(result.status_code));
    }
    Ok(GrantedItem { sampling_interval: result.revised_sampling_interval, queue_size: result.revised_queue_size })
}

fn symbol(code: Code) -> String {
    status::status_symbol(status::from_library(code)).into_owned()
}
