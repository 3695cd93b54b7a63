//! Structures and an enumeration, with types as an S7-1500 makes them (`DT_"Motor"` and its encoding `TE_"Motor"`):
//! `"Types"."Limits"`, `"Types"."Motor"` with Limits and a State in it, `"Types"."Motors"`, `"Types"."State"`.

use opcua::server::address_space::{AddressSpace, DataTypeBuilder, ObjectBuilder, ReferenceDirection};
use opcua::types::{
    BinaryEncodable, ByteString, ContextOwned, DataTypeDefinition, DataTypeId, EnumDefinition, EnumField,
    ExtensionObject, LocalizedText, NodeId, ObjectTypeId, QualifiedName, ReferenceTypeId, StructureDefinition,
    StructureField, StructureType, UAString, Variant, type_loader::ByteStringBody,
};

use crate::address_space::{NAMESPACE_INDEX, ONE_DIMENSION, SCALAR, node_id};

const LIMITS: &str = "Limits";
const MOTOR: &str = "Motor";
const STATE: &str = "State";

/// A node below `"Types"` with a type of its own.
pub(crate) struct StructureSample {
    pub(crate) name: &'static str,
    pub(crate) data_type: NodeId,
    pub(crate) value: Variant,
}

/// Puts the types with their encodings into `space`.
pub(crate) fn add_data_types(space: &mut AddressSpace) {
    let field = |name: &str, data_type: NodeId, value_rank: i32| StructureField {
        name: name.into(),
        data_type,
        value_rank,
        ..StructureField::default()
    };
    let scalar = |name: &str, data_type: DataTypeId| field(name, data_type.into(), SCALAR);
    add_structure(space, LIMITS, vec![scalar("low", DataTypeId::Float), scalar("high", DataTypeId::Float)]);
    let states = ["Stopped", "Starting", "Running", "Faulted"];
    let states = (0_i64..).zip(states).map(|(value, name)| EnumField {
        value,
        name: name.into(),
        display_name: LocalizedText::new("", name),
        ..EnumField::default()
    });
    let definition = EnumDefinition { fields: Some(states.collect()) };
    add_data_type(space, STATE, DataTypeId::Enumeration, definition.into());
    let motor = vec![
        scalar("name", DataTypeId::String),
        scalar("speed", DataTypeId::Double),
        field("state", data_type(STATE), SCALAR),
        field("limits", data_type(LIMITS), SCALAR),
        field("temperatures", DataTypeId::Float.into(), ONE_DIMENSION),
    ];
    add_structure(space, MOTOR, motor);
}

/// The nodes and what they hold.
pub(crate) fn structure_samples() -> Vec<StructureSample> {
    let limits = Encoded::default().with(&0.5_f32).with(&4.5_f32);
    let motor = |name: &str, speed: f64, state: i32| {
        let named = Encoded::default().with(&UAString::from(name)).with(&speed).with(&state);
        named.with(&0.5_f32).with(&4.5_f32).with(&Some(vec![20.5_f32, 21.5]))
    };
    let motors = vec![motor("M1", 1500.0, 2).object(MOTOR), motor("M2", f64::NAN, 0).object(MOTOR)];
    let sample = |name, type_name, value: Variant| StructureSample { name, data_type: data_type(type_name), value };
    vec![
        sample("Limits", LIMITS, limits.object(LIMITS).into()),
        sample("Motor", MOTOR, motor("M1", 1500.0, 2).object(MOTOR).into()),
        sample("Motors", MOTOR, motors.into()),
        sample("State", STATE, 2_i32.into()),
    ]
}

fn data_type(name: &str) -> NodeId {
    node_id(&format!("DT_\"{name}\""))
}

fn encoding(name: &str) -> NodeId {
    node_id(&format!("TE_\"{name}\""))
}

fn add_structure(space: &mut AddressSpace, name: &str, fields: Vec<StructureField>) {
    let definition = StructureDefinition {
        default_encoding_id: encoding(name),
        base_data_type: DataTypeId::Structure.into(),
        structure_type: StructureType::Structure,
        fields: Some(fields),
    };
    add_data_type(space, name, DataTypeId::Structure, definition.into());
    ObjectBuilder::new(&encoding(name), QualifiedName::new(0, "Default Binary"), "Default Binary")
        .has_type_definition(ObjectTypeId::DataTypeEncodingType)
        .reference(data_type(name), ReferenceTypeId::HasEncoding, ReferenceDirection::Inverse)
        .insert(space);
}

fn add_data_type(space: &mut AddressSpace, name: &str, base: DataTypeId, definition: DataTypeDefinition) {
    DataTypeBuilder::new(&data_type(name), QualifiedName::new(NAMESPACE_INDEX, name), name)
        .data_type_definition(definition)
        .subtype_of(base)
        .insert(space);
}

/// The members of a structure, one after another.
#[derive(Default)]
struct Encoded(Vec<u8>);

impl Encoded {
    fn with(mut self, member: &impl BinaryEncodable) -> Self {
        let context = ContextOwned::default();
        let length = self.0.len();
        if member.encode(&mut self.0, &context.context()).is_err() {
            self.0.truncate(length);
        }
        self
    }

    fn object(self, name: &str) -> ExtensionObject {
        ExtensionObject::new(ByteStringBody::new(ByteString::from(self.0), encoding(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_members_bytes() {
        let samples = structure_samples();
        let Variant::ExtensionObject(object) = &samples[0].value else { panic!("no structure") };
        let body = object.inner_as::<ByteStringBody>().unwrap();
        let expected: Vec<u8> = [0.5_f32, 4.5].into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!((body.raw_body().as_ref(), body.encoding_id()), (expected.as_slice(), &encoding(LIMITS)));
    }
}
