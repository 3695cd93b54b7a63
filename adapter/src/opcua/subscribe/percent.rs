//! A deadband in percent where it is applied here: from the node's EURange to the value's own unit.

use opcua::types::NodeId;
use tracing::warn;

use crate::opcua::{session::eu_range, session::live::LiveSession};
use crate::{config::effective::Tag, domain::TagId};

/// A tag with a deadband in percent.
pub(in crate::opcua) struct Percent {
    pub(in crate::opcua) tag: TagId,
    pub(in crate::opcua) node: NodeId,
    /// Of the EURange, in percent.
    pub(in crate::opcua) share: f64,
}

/// The deadbands in the values' own units; `None` for a node without EURange, whose tag works without a deadband.
pub(in crate::opcua) async fn in_units(
    live: &LiveSession,
    tags: &[Tag],
    percents: Vec<Percent>,
) -> Vec<(TagId, Option<f64>)> {
    if percents.is_empty() {
        return Vec::new();
    }
    let nodes: Vec<NodeId> = percents.iter().map(|percent| percent.node.clone()).collect();
    let widths = eu_range::widths(live, &nodes).await;
    let deadband =
        |(percent, width): (&Percent, Option<f64>)| (percent.tag, width.map(|width| width * percent.share / 100.0));
    let found: Vec<_> = percents.iter().zip(widths).map(deadband).collect();
    let mut without = found.iter().filter(|(_, deadband)| deadband.is_none());
    if let Some((first, _)) = without.next() {
        let example = &tags[first.index()];
        warn!(
            tags = without.count() + 1,
            example = %example.name,
            line = example.line,
            "the nodes have no EURange, so a deadband in percent cannot be applied and every change is sent; use `absolute`"
        );
    }
    found
}
