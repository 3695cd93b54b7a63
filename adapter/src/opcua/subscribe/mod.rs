//! Subscriptions, their MonitoredItems, and the messages that they publish.

pub(in crate::opcua) mod create_items;
pub(in crate::opcua) mod filter;
pub(in crate::opcua) mod filter_report;
pub(in crate::opcua) mod item;
pub(in crate::opcua) mod item_calls;
pub(in crate::opcua) mod items;
pub(in crate::opcua) mod percent;
pub(in crate::opcua) mod plan;
pub(in crate::opcua) mod probe;
pub(in crate::opcua) mod publish;
pub(in crate::opcua) mod publish_requests;
pub(in crate::opcua) mod refresher;
pub(in crate::opcua) mod refused_tags;
pub(in crate::opcua) mod repair;
pub(in crate::opcua) mod retries;
pub(in crate::opcua) mod revised;
pub(in crate::opcua) mod room;
pub(in crate::opcua) mod sequence;
pub(in crate::opcua) mod subscription;
