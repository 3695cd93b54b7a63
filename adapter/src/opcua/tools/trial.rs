//! Tries the tags of a mapping on a server without taking a value: each one's node, and what would become of its item.

use std::{collections::HashMap, time::Duration};

use opcua::types::{
    MonitoredItemCreateResult, MonitoringMode, NodeId, QualifiedName, ReferenceTypeId, StatusCode as Code,
};

use crate::opcua::{
    intake::grants::FilterPlace,
    service_error::ServiceError,
    session::addresses::path_from,
    session::ask::{self, Values},
    session::call_size::CallSize,
    session::failure::Failure,
    session::services::SubscriptionRequest,
    status,
    subscribe::filter::{self, Filter},
    subscribe::item::{self, Item},
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
    /// Its NodeClass, where it is known and no Variable.
    pub other_class: Option<String>,
    /// The status of its value.
    pub status: Option<StatusCode>,
    /// The MonitoredItem that the server would make of it, or the symbol of why not.
    pub item: Option<Result<GrantedItem, String>>,
    /// Where trigger and deadband would be applied.
    pub filter: FilterPlace,
    /// The symbol with which the server refuses the filter, though it takes the item.
    pub filter_refusal: Option<String>,
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
            let filter = filter::filter(&tags[tag.index()].subscription, Values::Unknown);
            Some(Item::new(tag, found.ok()?, filter))
        };
        let mut items: Vec<Item> = (0_u32..).map(TagId).zip(found).filter_map(item).collect();
        self.set_filters(&mut items, tags).await;
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

    /// As for the adapter's own items.
    async fn set_filters(&self, items: &mut [Item], tags: &[Tag]) {
        let has_deadband = |item: &&mut Item| filter::has_deadband(&tags[item.tag.index()].subscription);
        let mut asked: Vec<&mut Item> = items.iter_mut().filter(has_deadband).collect();
        let nodes: Vec<NodeId> = asked.iter().map(|item| item.node.clone()).collect();
        for (item, values) in asked.iter_mut().zip(ask::values_of(&self.live, &nodes).await) {
            item.filter = filter::filter(&tags[item.tag.index()].subscription, values);
        }
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
        let mut outcome = self.try_some(subscription, &mut size, items, tags, reports).await;
        if let Ok(refused) = &outcome {
            let again = without_filter(items, refused, tags, reports);
            outcome = self.try_some(subscription, &mut size, &again, tags, reports).await;
        }
        if let Err(error) = services.delete_subscriptions(vec![subscription]).await {
            tracing::debug!(%error, "the trial's subscription was not deleted");
        }
        outcome?;
        Ok(())
    }

    /// A call that is refused as a whole is tried again in halves, as for the adapter's own items. Returns the refused.
    async fn try_some(
        &self,
        subscription: u32,
        size: &mut CallSize,
        items: &[Item],
        tags: &[Tag],
        reports: &mut [TagReport],
    ) -> Result<HashMap<TagId, Code>, ServiceError> {
        let mut refused = HashMap::new();
        let mut take = |item: &Item, granted: Result<GrantedItem, Code>| {
            refused.extend(granted.err().map(|status| (item.tag, status)));
            reports[item.tag.index()].take_item(item, granted);
        };
        let mut left = vec![items];
        while let Some(part) = left.pop() {
            let (call, rest) = size.split(part);
            if !rest.is_empty() {
                left.push(rest);
            }
            if call.is_empty() {
                continue;
            }
            match self.create_and_delete(subscription, call, tags).await {
                Ok(results) => {
                    for (item, result) in call.iter().zip(results) {
                        take(item, granted(&result));
                    }
                }
                Err(error) => match Failure::of(&error) {
                    Failure::Session => return Err(error),
                    Failure::Size if size.refused(call.len()) => left.push(call),
                    Failure::Call if call.len() > 1 => {
                        let (first, second) = call.split_at(call.len() / 2);
                        left.extend([second, first]);
                    }
                    _ => {
                        for item in call {
                            take(item, Err(error.status()));
                        }
                    }
                },
            }
        }
        Ok(refused)
    }

    async fn create_and_delete(
        &self,
        subscription: u32,
        call: &[Item],
        tags: &[Tag],
    ) -> Result<Vec<MonitoredItemCreateResult>, ServiceError> {
        let services = &self.live.services;
        let requests = call.iter().map(|item| {
            let tag = &tags[item.tag.index()];
            let mut request = item::request(item, tag, tag.subscription.publishing_interval);
            request.monitoring_mode = MonitoringMode::Disabled;
            request
        });
        let results = services.create_monitored_items(subscription, requests.collect(), Duration::ZERO).await?;
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

/// The items whose filter the server may have refused, without it; what the adapter does as well.
fn without_filter(
    items: &[Item],
    refused: &HashMap<TagId, Code>,
    tags: &[Tag],
    reports: &mut [TagReport],
) -> Vec<Item> {
    let mut again = Vec::new();
    for item in items.iter().filter(|item| item.filter.asked.is_some()) {
        let status = refused.get(&item.tag).copied().filter(|status| filter::may_be_of_filter(*status));
        let Some(status) = status else { continue };
        let place = filter::place_without(&tags[item.tag.index()].subscription, item.filter.place);
        reports[item.tag.index()].filter_refusal = Some(symbol(status));
        again.push(Item::new(item.tag, item.node.clone(), Filter { asked: None, place }));
    }
    again
}

impl TagReport {
    /// Of a tag of which nothing is known yet, or why there is no such node.
    pub(crate) fn missing(why: Option<&String>) -> Self {
        Self {
            missing: why.cloned(),
            details: None,
            other_class: None,
            status: None,
            item: None,
            filter: FilterPlace::Server,
            filter_refusal: None,
            has_range: false,
        }
    }

    fn take(&mut self, reading: Reading, has_range: bool) {
        let is_gone = |code: Code| reading.status.without_info_bits() == status::from_library(code);
        if is_gone(Code::BadNodeIdUnknown) || is_gone(Code::BadNodeIdInvalid) {
            self.missing = Some(status::status_symbol(reading.status).into_owned());
        }
        self.details = reading.details;
        self.other_class = reading.other_class;
        self.status = Some(reading.status);
        self.has_range = has_range;
    }

    fn take_item(&mut self, item: &Item, granted: Result<GrantedItem, Code>) {
        self.filter = item.filter.place;
        self.item = Some(granted.map_err(symbol));
    }
}

fn granted(result: &MonitoredItemCreateResult) -> Result<GrantedItem, Code> {
    if result.status_code.is_bad() {
        return Err(result.status_code);
    }
    Ok(GrantedItem { sampling_interval: result.revised_sampling_interval, queue_size: result.revised_queue_size })
}

fn symbol(code: Code) -> String {
    status::library_symbol(code).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::effective::{Deadband, Trigger},
        opcua::test_support::tag,
    };

    #[test]
    fn an_item_is_tried_without_its_filter_where_the_refusal_does_not_speak_of_the_node() {
        let mut tag = tag("t", 3, "x");
        tag.subscription.trigger = Trigger::StatusValueTimestamp;
        tag.subscription.deadband = Some(Deadband::Absolute(1.0));
        let tags = [tag];
        let again = |status: Code, values: Values| {
            let filter = filter::filter(&tags[0].subscription, values);
            let item = Item::new(TagId(0), NodeId::new(3, 1_u32), filter);
            let mut reports = [TagReport::missing(None)];
            let again = without_filter(&[item], &HashMap::from([(TagId(0), status)]), &tags, &mut reports);
            let place = again.first().map(|item| item.filter.place);
            (place, reports[0].filter_refusal.clone())
        };
        let code = Some("BadInvalidArgument".to_owned());
        assert_eq!(again(Code::BadInvalidArgument, Values::Number), (Some(FilterPlace::Here), code.clone()));
        assert_eq!(again(Code::BadInvalidArgument, Values::NoNumber), (Some(FilterPlace::NoTimestamps), code));
        assert_eq!(again(Code::BadNodeIdUnknown, Values::Number), (None, None));
        assert_eq!(again(Code::BadInvalidArgument, Values::Numbers), (None, None), "there was no filter");
    }
}
