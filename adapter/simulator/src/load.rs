//! The load tags: any number of Doubles that all count the ticks, so that a receiver sees at once what is missing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opcua::server::{MonitoredItemHandle, SubscriptionCache};
use opcua::sync::Mutex;
use opcua::types::{AttributeId, DataValue, Identifier, NodeId};

use crate::address_space::node_id;
use crate::ticker::Tick;

/// The largest number of load tags.
pub(crate) const MAXIMUM_LOAD_TAGS: usize = 100_000;
/// Ticks for which an item that the server never completed is remembered.
const PATIENCE: usize = 1000;

/// How the load ticker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadStatistics {
    /// Ticks so far, which is also the value of every load tag.
    pub ticks: u64,
    /// Ticks that came more than one period late. None is ever left out.
    pub late_ticks: u64,
}

/// The node id of the load tag with this number, counted from 1, in the text form of OPC UA: `ns=3;s="Load"."T0001"`.
pub fn load_tag_node_id(number: usize) -> String {
    format!("ns={};s={}", crate::address_space::NAMESPACE_INDEX, string_id(number))
}

/// The string identifier of a load tag.
pub(crate) fn string_id(number: usize) -> String {
    format!("\"Load\".\"T{number:04}\"")
}

/// The values of the load tags. They are all the same, so nothing is stored per tag.
#[derive(Debug)]
pub(crate) struct Load {
    nodes: Vec<NodeId>,
    late: Arc<AtomicU64>,
    ticks: Mutex<Ticks>,
}

/// The recent ticks, and which new monitored items have seen how many of them.
#[derive(Debug)]
struct Ticks {
    recent: Vec<Tick>,
    started: DataValue,
    /// Items whose first value was read but which the server had not registered at the last tick. Without this, ticks
    /// between the two would be lost to them.
    fresh: HashMap<MonitoredItemHandle, u64>,
}

impl Load {
    pub(crate) fn new(tags: usize) -> Self {
        let started = DataValue::new_now(0.0_f64);
        Self {
            nodes: (1..=tags).map(|number| node_id(&string_id(number))).collect(),
            late: Arc::default(),
            ticks: Mutex::new(Ticks { recent: Vec::new(), started, fresh: HashMap::new() }),
        }
    }

    /// The nodes of all load tags, in order.
    pub(crate) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Where the ticker counts late ticks.
    pub(crate) fn late_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.late)
    }

    /// Whether `node` looks like a load tag.
    pub(crate) fn owns(node: &NodeId) -> bool {
        matches!(&node.identifier, Identifier::String(id) if id.as_ref().starts_with("\"Load\".\""))
    }

    /// The value of every load tag now.
    pub(crate) fn current(&self) -> DataValue {
        self.ticks.lock().current()
    }

    /// The first value for a new monitored item, which is then owed every later one.
    pub(crate) fn first_value_for(&self, item: MonitoredItemHandle) -> DataValue {
        let mut ticks = self.ticks.lock();
        let seen = ticks.count();
        ticks.fresh.insert(item, seen);
        ticks.current()
    }

    /// Forgets an item that was deleted.
    pub(crate) fn forget(&self, item: MonitoredItemHandle) {
        self.ticks.lock().fresh.remove(&item);
    }

    /// Gives every load tag its next value and tells the subscriptions.
    pub(crate) fn tick(&self, tick: Tick, subscriptions: &SubscriptionCache) {
        let mut ticks = self.ticks.lock();
        ticks.push(tick);
        let current = ticks.current();
        let mut notifier = subscriptions.data_notifier();
        for node in &self.nodes {
            let Some(mut items) = notifier.notify_for(node, AttributeId::Value) else { continue };
            for (item, _) in items.entries() {
                for missed in ticks.missed_by(*item) {
                    items.data_value_to_item(missed, item);
                }
                items.data_value_to_item(current.clone(), item);
            }
        }
    }

    pub(crate) fn statistics(&self) -> LoadStatistics {
        LoadStatistics { ticks: self.ticks.lock().count(), late_ticks: self.late.load(Ordering::Relaxed) }
    }
}

impl Ticks {
    fn count(&self) -> u64 {
        self.recent.last().map_or(0, |tick| tick.number)
    }

    fn current(&self) -> DataValue {
        self.recent.last().map_or_else(|| self.started.clone(), value_of)
    }

    fn push(&mut self, tick: Tick) {
        self.recent.push(tick);
        if self.fresh.is_empty() {
            self.recent.drain(..self.recent.len() - 1);
        } else if self.recent.len() > PATIENCE {
            // An item this old was never created; a later one of the same kind starts anew.
            let oldest = self.recent.remove(0).number;
            self.fresh.retain(|_, seen| *seen >= oldest);
        }
    }

    /// The values before the current one that `item` has not had.
    fn missed_by(&mut self, item: MonitoredItemHandle) -> Vec<DataValue> {
        let Some(seen) = self.fresh.remove(&item) else { return Vec::new() };
        let earlier = self.recent.split_last().map_or(&[][..], |(_, earlier)| earlier);
        earlier.iter().filter(|tick| tick.number > seen).map(value_of).collect()
    }
}

fn value_of(tick: &Tick) -> DataValue {
    DataValue::new_at(tick.number as f64, tick.due)
}

#[cfg(test)]
mod tests {
    use opcua::types::{DateTime, Variant};

    use super::*;

    fn tick(number: u64) -> Tick {
        Tick { number, due: DateTime::now() }
    }

    fn item(id: u32) -> MonitoredItemHandle {
        MonitoredItemHandle { subscription_id: 1, monitored_item_id: id }
    }

    fn numbers(values: &[DataValue]) -> Vec<f64> {
        values.iter().filter_map(|value| value.value.as_ref().and_then(Variant::as_f64)).collect()
    }

    #[test]
    fn a_new_item_is_owed_each_tick_between_its_first_value_and_its_registration() {
        let load = Load::new(1);
        load.ticks.lock().push(tick(1));
        assert_eq!(numbers(&[load.first_value_for(item(7))]), [1.0]);
        let mut ticks = load.ticks.lock();
        for number in 2..=4 {
            ticks.push(tick(number));
        }
        let missed = ticks.missed_by(item(7));
        assert_eq!(numbers(&missed), [2.0, 3.0], "the current value comes by itself");
        assert!(ticks.missed_by(item(7)).is_empty(), "only once");
        ticks.push(tick(5));
        assert_eq!(ticks.recent.len(), 1, "nothing is kept for nobody");
    }

    #[test]
    fn items_that_never_come_are_forgotten() {
        let load = Load::new(1);
        load.first_value_for(item(7));
        let mut ticks = load.ticks.lock();
        for number in 1..=2 * PATIENCE as u64 {
            ticks.push(tick(number));
        }
        assert!(ticks.fresh.is_empty());
        assert_eq!(ticks.recent.len(), 1);
    }

    #[test]
    fn tags_are_numbered_with_at_least_four_digits() {
        assert_eq!(load_tag_node_id(1), r#"ns=3;s="Load"."T0001""#);
        assert_eq!(load_tag_node_id(12_345), r#"ns=3;s="Load"."T12345""#);
        assert!(Load::owns(&node_id(&string_id(12_345))));
        assert!(!Load::owns(&node_id("\"Loader\".\"T0001\"")));
    }
}
