//! A second write within a sampling interval.
//!
//! The library puts such a value off to the item's next sample, and forgets to look at it then if its subscription had
//! a tick in between: the last value of a node that rests from then on would never be sent. So each written node's value
//! is told to the library once more when the sampling intervals of its items are over. What has been sent is not sent
//! again, since it has not changed.

use std::collections::HashMap;
use std::time::Duration;

use opcua::server::MonitoredItemHandle;
use opcua::types::NodeId;
use tokio::time::Instant;

/// Beyond the interval, since the library compares times of its own clock.
const MARGIN: Duration = Duration::from_millis(20);
/// The longest interval that is looked at; a client that asks for more waits for the next change.
const LONGEST: Duration = Duration::from_hours(1);

/// The items that sample at an interval, and the written nodes that are to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct LateSamples {
    intervals: HashMap<NodeId, HashMap<MonitoredItemHandle, Duration>>,
    /// One entry for a node and an interval, however often the node is written.
    due: HashMap<(NodeId, Duration), Instant>,
}

impl LateSamples {
    /// An item watches a node at this interval, in milliseconds; zero and less sample nothing.
    pub(crate) fn add(&mut self, node: &NodeId, item: MonitoredItemHandle, interval_ms: f64) {
        let interval = Duration::try_from_secs_f64(interval_ms / 1000.0).unwrap_or_default();
        if !interval.is_zero() && interval <= LONGEST {
            self.intervals.entry(node.clone()).or_default().insert(item, interval);
        }
    }

    /// An item is no more.
    pub(crate) fn forget(&mut self, node: &NodeId, item: MonitoredItemHandle) {
        if let Some(items) = self.intervals.get_mut(node) {
            items.remove(&item);
            if items.is_empty() {
                self.intervals.remove(node);
            }
        }
    }

    /// A node has been written.
    pub(crate) fn written(&mut self, node: &NodeId, now: Instant) {
        for interval in self.intervals.get(node).into_iter().flat_map(HashMap::values) {
            self.due.insert((node.clone(), *interval), now + *interval + MARGIN);
        }
    }

    /// The nodes whose values are to be told again by now.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<NodeId> {
        self.due.extract_if(|_, due| *due <= now).map(|((node, _), _)| node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u32) -> NodeId {
        NodeId::new(3, id)
    }

    fn item(id: u32) -> MonitoredItemHandle {
        MonitoredItemHandle { subscription_id: 1, monitored_item_id: id }
    }

    #[test]
    fn a_written_node_is_due_once_for_each_interval_after_its_last_write() {
        let mut late = LateSamples::default();
        late.add(&node(1), item(1), 50.0);
        late.add(&node(1), item(2), 200.0);
        late.add(&node(1), item(3), 0.0);
        late.add(&node(1), item(4), -1.0);
        late.add(&node(1), item(5), f64::NAN);
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        late.written(&node(1), start);
        late.written(&node(1), after(30));
        late.written(&node(2), start);
        assert!(late.take_due(after(71)).is_empty());
        assert_eq!(late.take_due(after(100)), [node(1)]);
        assert!(late.take_due(after(249)).is_empty());
        assert_eq!(late.take_due(after(250)), [node(1)]);
        assert!(late.take_due(after(9_999)).is_empty());
    }

    #[test]
    fn nothing_is_kept_of_items_that_are_gone() {
        let mut late = LateSamples::default();
        late.add(&node(1), item(1), 50.0);
        late.forget(&node(1), item(1));
        late.forget(&node(2), item(1));
        assert!(late.intervals.is_empty());
        late.written(&node(1), Instant::now());
        assert!(late.due.is_empty());
    }
}
