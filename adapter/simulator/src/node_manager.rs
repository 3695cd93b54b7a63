//! What the OPC UA server asks the PLC: reading, writing and watching its nodes.

use std::sync::Arc;

use async_trait::async_trait;
use opcua::server::CreateMonitoredItem;
use opcua::server::address_space::{AddressSpace, NodeType};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{InMemoryNodeManager, InMemoryNodeManagerImpl};
use opcua::server::node_manager::{MonitoredItemRef, ParsedReadValueId, RequestContext, ServerContext, WriteNode};
use opcua::sync::{Mutex, RwLock};
use opcua::types::{AttributeId, DataValue, NodeId, StatusCode, TimestampsToReturn, Variant};
use tokio::time::Instant;

use crate::address_space::{
    FILLER_NAMESPACE_URI, NAMESPACE_INDEX, NAMESPACE_URI, SPEED_SETPOINT, VIBRATION_ALARM, node_id, populate,
};
use crate::late_samples::LateSamples;
use crate::load::Load;
use crate::machine::Machine;
use crate::writes;

/// The node manager that the server holds.
pub(crate) type PlcNodeManager = InMemoryNodeManager<PlcNodes>;

/// The PLC behind its nodes.
pub(crate) struct PlcNodes {
    machine: Arc<Mutex<Machine>>,
    load: Arc<Load>,
    speed_setpoint: NodeId,
    vibration_alarm: NodeId,
    late_samples: Mutex<LateSamples>,
    takes_filters: bool,
}

impl PlcNodes {
    /// Registers the namespaces and makes the nodes; called by the server while it is built.
    pub(crate) fn build(
        machine: Arc<Mutex<Machine>>,
        load: Arc<Load>,
        takes_filters: bool,
        context: &ServerContext,
        space: &mut AddressSpace,
    ) -> Self {
        {
            let mut types = context.type_tree.write();
            types.namespaces_mut().add_namespace(FILLER_NAMESPACE_URI);
            types.namespaces_mut().add_namespace(NAMESPACE_URI);
        }
        space.add_namespace(NAMESPACE_URI, NAMESPACE_INDEX);
        populate(space, &machine.lock(), &load);
        Self {
            machine,
            load,
            speed_setpoint: node_id(SPEED_SETPOINT),
            vibration_alarm: node_id(VIBRATION_ALARM),
            late_samples: Mutex::default(),
            takes_filters,
        }
    }

    fn read(
        &self,
        context: &RequestContext,
        space: &AddressSpace,
        node: &ParsedReadValueId,
        max_age: f64,
        timestamps: TimestampsToReturn,
    ) -> DataValue {
        let stored = space.read(context, node, max_age, timestamps);
        if Load::owns(&node.node_id) && stored.status().is_good() {
            with_timestamps(self.load.current(), timestamps)
        } else {
            stored
        }
    }

    /// Stores one checked value, lets the machine know and tells the subscriptions.
    fn write_one(&self, context: &RequestContext, space: &mut AddressSpace, write: &mut WriteNode) {
        let status = match self.try_write(context, space, write) {
            Ok(()) => StatusCode::Good,
            Err(refusal) => refusal,
        };
        write.set_status(status);
    }

    fn try_write(
        &self,
        context: &RequestContext,
        space: &mut AddressSpace,
        write: &WriteNode,
    ) -> Result<(), StatusCode> {
        let id = &write.value().node_id;
        let node = space.find_mut(id).ok_or(StatusCode::BadNodeIdUnknown)?;
        let value = DataValue::new_now(writes::check(context, node, write.value())?);
        if let NodeType::Variable(variable) = node {
            variable.set_data_value(value.clone());
        }
        self.obey(id, value.value.as_ref());
        context.subscriptions.notify_data_change([(value, id, AttributeId::Value)].into_iter());
        self.late_samples.lock().written(id, Instant::now());
        Ok(())
    }

    /// The written nodes whose values are to be told to the subscriptions once more by now.
    pub(crate) fn take_late_samples(&self) -> Vec<NodeId> {
        self.late_samples.lock().take_due(Instant::now())
    }

    fn obey(&self, id: &NodeId, value: Option<&Variant>) {
        match value {
            Some(Variant::Int16(setpoint)) if *id == self.speed_setpoint => {
                self.machine.lock().set_speed_setpoint(*setpoint);
            }
            Some(Variant::Boolean(alarm)) if *id == self.vibration_alarm => {
                self.machine.lock().set_vibration_alarm(*alarm);
            }
            _ => {}
        }
    }
}

#[expect(clippy::mut_mut, reason = "the library's trait has it")]
#[async_trait]
impl InMemoryNodeManagerImpl for PlcNodes {
    async fn init(&self, _address_space: &mut AddressSpace, _context: ServerContext) {}

    fn name(&self) -> &'static str {
        "plc"
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![NamespaceMetadata {
            namespace_uri: NAMESPACE_URI.to_owned(),
            namespace_index: NAMESPACE_INDEX,
            ..NamespaceMetadata::default()
        }]
    }

    async fn read_values(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes: &[&ParsedReadValueId],
        max_age: f64,
        timestamps_to_return: TimestampsToReturn,
    ) -> Vec<DataValue> {
        let space = address_space.read();
        nodes.iter().map(|node| self.read(context, &space, node, max_age, timestamps_to_return)).collect()
    }

    async fn create_value_monitored_items(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let space = address_space.read();
        for item in items {
            let node = item.item_to_monitor();
            // The library would watch a node that does not exist; a PLC refuses.
            if space.find(&node.node_id).is_none() {
                item.set_status(StatusCode::BadNodeIdUnknown);
                continue;
            }
            // The library does not let its filter's type be named.
            if !self.takes_filters && format!("{:?}", item.filter()) != "None" {
                item.set_status(StatusCode::BadMonitoredItemFilterUnsupported);
                continue;
            }
            let mut value = self.read(context, &space, node, 0.0, TimestampsToReturn::Both);
            if Load::owns(&node.node_id) && value.status().is_good() {
                value = self.load.first_value_for(item.handle());
            } else {
                self.late_samples.lock().add(&node.node_id, item.handle(), item.sampling_interval());
            }
            item.set_initial_value(value);
            item.set_status(StatusCode::Good);
        }
    }

    async fn delete_monitored_items(&self, _context: &RequestContext, items: &[&MonitoredItemRef]) {
        for item in items {
            self.load.forget(item.handle());
            self.late_samples.lock().forget(item.node_id(), item.handle());
        }
    }

    async fn write(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes_to_write: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let mut space = address_space.write();
        for write in nodes_to_write {
            self.write_one(context, &mut space, write);
        }
        Ok(())
    }
}

fn with_timestamps(mut value: DataValue, timestamps: TimestampsToReturn) -> DataValue {
    if !matches!(timestamps, TimestampsToReturn::Source | TimestampsToReturn::Both) {
        value.source_timestamp = None;
    }
    if !matches!(timestamps, TimestampsToReturn::Server | TimestampsToReturn::Both) {
        value.server_timestamp = None;
    }
    value
}
