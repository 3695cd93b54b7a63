//! A MonitoredItem as it is asked for.

use std::time::Duration;

use opcua::types::{
    AttributeId, ExtensionObject, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId, ReadValueId,
};

use crate::opcua::{intake::conversion, subscribe::filter::Filter};
use crate::{
    config::effective::{Discard, Tag},
    domain::TagId,
};

/// A tag whose node id is known in this session.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct Item {
    pub(in crate::opcua) tag: TagId,
    pub(in crate::opcua) node: NodeId,
    /// What the server is asked to filter.
    pub(in crate::opcua) filter: Filter,
}

impl Item {
    pub(in crate::opcua) const fn new(tag: TagId, node: NodeId, filter: Filter) -> Self {
        Self { tag, node, filter }
    }
}

/// The MonitoredItem that a tag's settings ask for in a Subscription that publishes this often.
pub(in crate::opcua) fn request(item: &Item, tag: &Tag, publishing_interval: Duration) -> MonitoredItemCreateRequest {
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
            queue_size: tag.subscription.queue_size_at(publishing_interval),
            filter: item.filter.asked.clone().map_or_else(ExtensionObject::null, ExtensionObject::from_message),
            discard_oldest: tag.subscription.discard == Discard::Oldest,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::effective::QueueSize;
    use crate::opcua::{session::ask::Values, subscribe::filter::filter, test_support::tag};

    #[test]
    fn an_item_is_asked_for_as_the_mapping_says() {
        let mut tag = tag("t", 3, "x");
        tag.subscription.sampling_interval = Duration::from_micros(1500);
        tag.subscription.queue_size = QueueSize::Values(7);
        let item = Item::new(TagId(4), NodeId::new(3, "x"), filter(&tag.subscription, Values::Unknown));
        let asked = request(&item, &tag, Duration::from_secs(1)).requested_parameters;
        assert_eq!((asked.client_handle, asked.queue_size, asked.discard_oldest), (5, 7, true));
        assert!((asked.sampling_interval - 1.5).abs() < 1e-12);
        assert!(asked.filter.is_null());
        tag.subscription.queue_size = QueueSize::Auto;
        let queue =
            |publishing| request(&item, &tag, Duration::from_millis(publishing)).requested_parameters.queue_size;
        assert_eq!((queue(15), queue(1_500)), (20, 2_000), "as many as the granted interval needs");
    }
}
