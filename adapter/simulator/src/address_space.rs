//! The nodes of the simulated PLC, as a client browses them.
//!
//! `Objects / PLC / DataBlocksGlobal /` `Machine`, `Types` and, when there are load tags, `Load`: the tree an S7-1500
//! shows for its global data blocks, with the string ids it makes (`"Machine"."Vibration"`).

use opcua::server::address_space::{AccessLevel, AddressSpace, NodeType, ObjectBuilder, VariableBuilder};
use opcua::types::{
    DataTypeId, DataValue, DateTime, ExtensionObject, NodeId, ObjectTypeId, QualifiedName, Range, UAString,
    VariableTypeId, Variant,
};

use crate::load::{self, Load};
use crate::machine::{Machine, Readings};
use crate::samples::samples;
use crate::structures::{add_data_types, structure_samples};

/// The namespace of the PLC's nodes. It has index 3, as on a real S7-1500.
pub const NAMESPACE_URI: &str = "http://www.siemens.com/simatic-s7-opcua";
/// The index of [`NAMESPACE_URI`].
pub(crate) const NAMESPACE_INDEX: u16 = 3;
/// What stands at index 2 of a real S7-1500.
pub(crate) const FILLER_NAMESPACE_URI: &str = "http://opcfoundation.org/UA/DI/";

/// The one writable number of the machine.
pub(crate) const SPEED_SETPOINT: &str = "\"Machine\".\"SpeedSetpoint\"";
/// The one writable bit of the machine.
pub(crate) const VIBRATION_ALARM: &str = "\"Machine\".\"VibrationAlarm\"";

/// What the machine's sensors can show: ends of their range. The other nodes have none, as most nodes of a real PLC.
const EU_RANGES: [(&str, f64, f64); 3] = [
    ("\"Machine\".\"Vibration\"", 0.0, 50.0),
    ("\"Machine\".\"Temperature\"", 0.0, 150.0),
    ("\"Machine\".\"Speed\"", 0.0, 3000.0),
];

/// `ValueRank` of a single value.
pub(crate) const SCALAR: i32 = -1;
/// `ValueRank` of a plain array.
pub(crate) const ONE_DIMENSION: i32 = 1;

const READ_ONLY: AccessLevel = AccessLevel::CURRENT_READ;
const WRITABLE: AccessLevel = AccessLevel::CURRENT_READ.union(AccessLevel::CURRENT_WRITE);

/// The node of this PLC with the string identifier `id`.
pub(crate) fn node_id(id: &str) -> NodeId {
    NodeId::new(NAMESPACE_INDEX, UAString::from(id))
}

/// Puts all nodes into `space`.
pub(crate) fn populate(space: &mut AddressSpace, machine: &Machine, load: &Load) {
    space.add_folder(&node_id("PLC"), name("PLC"), "PLC", &NodeId::objects_folder_id());
    space.add_folder(&node_id("DataBlocksGlobal"), name("DataBlocksGlobal"), "DataBlocksGlobal", &node_id("PLC"));
    add_machine(space, machine);
    add_samples(space);
    if !load.nodes().is_empty() {
        add_load(space, load);
    }
}

/// The values of the machine's read-only nodes at one moment.
pub(crate) fn machine_values(readings: &Readings) -> [(&'static str, DataTypeId, Variant); 6] {
    [
        ("\"Machine\".\"Vibration\"", DataTypeId::Float, readings.vibration.into()),
        ("\"Machine\".\"Temperature\"", DataTypeId::Float, readings.temperature.into()),
        ("\"Machine\".\"Speed\"", DataTypeId::Float, readings.speed.into()),
        ("\"Machine\".\"Running\"", DataTypeId::Boolean, readings.running.into()),
        ("\"Machine\".\"PartCounter\"", DataTypeId::UInt32, readings.part_counter.into()),
        ("\"Machine\".\"State\"", DataTypeId::String, UAString::from(readings.state).into()),
    ]
}

fn add_machine(space: &mut AddressSpace, machine: &Machine) {
    let block = add_data_block(space, "Machine");
    let now = DateTime::now();
    for (id, data_type, value) in machine_values(machine.readings()) {
        add_variable(space, &block, id, data_type, READ_ONLY, DataValue::new_at(value, now));
    }
    for (id, low, high) in EU_RANGES {
        add_eu_range(space, id, Range { low, high });
    }
    let setpoint = DataValue::new_at(machine.speed_setpoint(), now);
    add_variable(space, &block, SPEED_SETPOINT, DataTypeId::Int16, WRITABLE, setpoint);
    add_variable(space, &block, VIBRATION_ALARM, DataTypeId::Boolean, WRITABLE, DataValue::new_at(false, now));
}

fn add_samples(space: &mut AddressSpace) {
    let block = add_data_block(space, "Types");
    let now = DateTime::now();
    for sample in samples() {
        let id = format!("\"Types\".\"{}\"", sample.name);
        let value = DataValue::new_at_status(sample.value, now, sample.status);
        add_variable(space, &block, &id, sample.data_type, WRITABLE, value);
    }
    add_data_types(space);
    for sample in structure_samples() {
        let id = format!("\"Types\".\"{}\"", sample.name);
        add_variable(space, &block, &id, sample.data_type, READ_ONLY, DataValue::new_at(sample.value, now));
    }
}

fn add_load(space: &mut AddressSpace, load: &Load) {
    let block = add_data_block(space, "Load");
    for number in 1..=load.nodes().len() {
        // The value here is never seen: the node manager answers with the load's current one.
        let value = DataValue::new_now(0.0_f64);
        add_variable(space, &block, &load::string_id(number), DataTypeId::Double, READ_ONLY, value);
    }
}

fn add_data_block(space: &mut AddressSpace, block: &str) -> NodeId {
    let id = node_id(&format!("\"{block}\""));
    ObjectBuilder::new(&id, name(block), block)
        .has_type_definition(ObjectTypeId::BaseObjectType)
        .organized_by(node_id("DataBlocksGlobal"))
        .insert(space);
    id
}

fn add_variable(
    space: &mut AddressSpace,
    block: &NodeId,
    id: &str,
    data_type: impl Into<NodeId>,
    access: AccessLevel,
    value: DataValue,
) {
    let short = id.rsplit('.').next().unwrap_or(id).trim_matches('"');
    let is_array = value.value.as_ref().is_some_and(Variant::is_array);
    let node = node_id(id);
    VariableBuilder::new(&node, name(short), short)
        .data_type(data_type)
        .value_rank(if is_array { ONE_DIMENSION } else { SCALAR })
        .access_level(access)
        .user_access_level(access)
        .minimum_sampling_interval(0.0)
        .has_type_definition(VariableTypeId::BaseDataVariableType)
        .component_of(block.clone())
        .insert(space);
    // The builder takes a value, but no status and no timestamps.
    if let Some(NodeType::Variable(variable)) = space.find_mut(&node) {
        variable.set_data_value(value);
    }
}

fn add_eu_range(space: &mut AddressSpace, of: &str, range: Range) {
    VariableBuilder::new(&node_id(&format!("{of}.EURange")), QualifiedName::new(0, "EURange"), "EURange")
        .data_type(DataTypeId::Range)
        .value(ExtensionObject::from_message(range))
        .access_level(READ_ONLY)
        .user_access_level(READ_ONLY)
        .has_type_definition(VariableTypeId::PropertyType)
        .property_of(node_id(of))
        .insert(space);
}

fn name(text: &str) -> QualifiedName {
    QualifiedName::new(NAMESPACE_INDEX, text)
}
