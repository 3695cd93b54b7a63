//! What a server says of a DataType, read off the way of values.

use std::{collections::HashMap, sync::Arc};

use opcua::types::{
    AttributeId, BinaryDecodable, BrowseDirection, ContextOwned, DataValue, EnumDefinition, EnumValueType,
    ExtensionObject, Identifier, LocalizedText, NodeId, ObjectId, ReferenceTypeId, StructureDefinition, UAString,
    Variant, type_loader::ByteStringBody,
};

use super::{base_types, server::TypeServer, types::Names};
use crate::opcua::{
    service_error::ServiceError as Error,
    value::{bytes_form::BytesForm, supertypes::supertype_of},
};

/// Numbers of one enumeration that get a name.
const MAX_NAMES: usize = 5_000;
/// Bytes of one name.
const MAX_NAME_LENGTH: usize = 256;
/// Properties that give names: the first two to a Boolean.
const WITH_NAMES: [&str; 4] = ["FalseState", "TrueState", "EnumStrings", "EnumValues"];
/// A hierarchy of types deeper than this is taken for a loop.
const MAX_SUPERTYPES: usize = 16;

/// Numbers of OPC UA's own types, from which all others come.
pub(super) mod base {
    pub(in super::super) const BYTE: u32 = 3;
    pub(in super::super) const BYTE_STRING: u32 = 15;
    pub(in super::super) const INT32: u32 = 6;
    pub(in super::super) const STRUCTURE: u32 = 22;
    pub(in super::super) const BASE_DATA_TYPE: u32 = 24;
    pub(in super::super) const DIAGNOSTIC_INFO: u32 = 25;
    pub(in super::super) const ENUMERATION: u32 = 29;
}

/// A DataType.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: Box<str>,
    pub(super) kind: DefinitionKind,
}

impl Definition {
    /// How many names it holds.
    pub(super) fn entries(&self) -> usize {
        match &self.kind {
            DefinitionKind::Structure(structure) => structure.fields.as_ref().map_or(0, Vec::len),
            DefinitionKind::Enumeration(names) => names.len(),
            DefinitionKind::AnyStructure | DefinitionKind::Simple(_) | DefinitionKind::Unknown => 0,
        }
    }
}

/// What kind of DataType it is.
#[derive(Clone, Debug)]
pub(super) enum DefinitionKind {
    /// A structure that says what its members are.
    Structure(Box<StructureDefinition>),
    /// A structure of which only subtypes have values, or that says nothing.
    AnyStructure,
    /// An enumeration.
    Enumeration(Arc<Names>),
    /// One that travels as OPC UA's own DataType of this number.
    Simple(u32),
    /// One that the server does not know, or whose supertypes it does not.
    Unknown,
}

/// The number of one of OPC UA's own types that says itself how it travels.
pub(super) fn base_number(data_type: &NodeId) -> Option<u32> {
    match data_type.identifier {
        Identifier::Numeric(number @ 1..=base::ENUMERATION) if data_type.namespace == 0 => Some(number),
        _ => None,
    }
}

/// Reads what the server says of these DataType nodes.
pub(super) async fn read<S: TypeServer>(server: &S, data_types: &[NodeId]) -> Result<Vec<(NodeId, Definition)>, Error> {
    let attributes = [AttributeId::DataTypeDefinition, AttributeId::IsAbstract, AttributeId::BrowseName];
    let questions: Vec<_> =
        data_types.iter().flat_map(|data_type| attributes.map(|attribute| (data_type.clone(), attribute))).collect();
    let mut answers = server.read(&questions).await?.into_iter();
    let mut definitions = Vec::with_capacity(data_types.len());
    for data_type in data_types {
        let mut answer = || answers.next().unwrap_or_default();
        let (definition, is_abstract, name) = (answer(), answer(), answer());
        let is_abstract = matches!(is_abstract.value, Some(Variant::Boolean(true)));
        let kind = kind(server, data_type, definition, is_abstract).await?;
        definitions.push((data_type.clone(), Definition { name: browse_name(name, data_type), kind }));
    }
    Ok(definitions)
}

async fn kind<S: TypeServer>(
    server: &S,
    data_type: &NodeId,
    definition: DataValue,
    is_abstract: bool,
) -> Result<DefinitionKind, Error> {
    let definition = match definition.value {
        Some(Variant::ExtensionObject(object)) => object,
        _ => ExtensionObject::null(),
    };
    if definition.inner_is::<StructureDefinition>() {
        return Ok(match definition.into_inner_as::<StructureDefinition>() {
            Some(structure) if !is_abstract => DefinitionKind::Structure(structure),
            _ => DefinitionKind::AnyStructure,
        });
    }
    if let Some(structure) = base_types::definition_of(data_type) {
        return Ok(DefinitionKind::Structure(Box::new(structure)));
    }
    Ok(match base_of(server, data_type).await? {
        Some(base::ENUMERATION) => {
            let names = match definition.into_inner_as::<EnumDefinition>() {
                Some(definition) => names_of_definition(*definition),
                None => names_of_properties(server, data_type).await?,
            };
            DefinitionKind::Enumeration(Arc::new(names))
        }
        Some(base::STRUCTURE) => DefinitionKind::AnyStructure,
        // Nothing is guessed: a wrong guess would shift every member behind it.
        None => DefinitionKind::Unknown,
        Some(number) => DefinitionKind::Simple(number),
    })
}

fn browse_name(answer: DataValue, data_type: &NodeId) -> Box<str> {
    match answer.value {
        Some(Variant::QualifiedName(name)) if !name.name.is_empty() => clipped(name.name.as_ref()).into(),
        _ => data_type.to_string().into(),
    }
}

/// Follows `HasSubtype` references up until a DataType of OPC UA's own is met.
async fn base_of<S: TypeServer>(server: &S, data_type: &NodeId) -> Result<Option<u32>, Error> {
    let mut current = data_type.clone();
    for _ in 0..MAX_SUPERTYPES {
        if let Some(number) = base_number(&current) {
            return Ok(Some(number));
        }
        let supertypes = server.references(&current, ReferenceTypeId::HasSubtype, BrowseDirection::Inverse).await?;
        let supertype = supertypes.into_iter().next().map(|supertype| supertype.node_id.node_id);
        match supertype.or_else(|| supertype_of(&current)) {
            Some(supertype) => current = supertype,
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn names_of_definition(definition: EnumDefinition) -> Names {
    let fields = definition.fields.unwrap_or_default().into_iter().take(MAX_NAMES);
    Names::new(fields.filter_map(|field| {
        let name = text(&field.name).or_else(|| text(&field.display_name.text))?;
        Some((i32::try_from(field.value).ok()?, name))
    }))
}

/// The form in which bytes of a node go out.
pub(super) async fn bytes_form<S: TypeServer>(server: &S, node: &NodeId) -> Result<BytesForm, Error> {
    let answer = server.read(&[(node.clone(), AttributeId::DataType)]).await?.into_iter().next();
    let Some(Variant::NodeId(data_type)) = answer.and_then(|answer| answer.value) else {
        return Ok(BytesForm::AsSent);
    };
    Ok(match base_of(server, &data_type).await? {
        Some(base::BYTE) => BytesForm::Numbers,
        Some(base::BYTE_STRING) => BytesForm::Text,
        _ => BytesForm::AsSent,
    })
}

/// The names that the properties `EnumStrings`, `EnumValues`, or `FalseState` and `TrueState` of a DataType or a variable
/// give.
pub(super) async fn names_of_properties<S: TypeServer>(server: &S, node: &NodeId) -> Result<Names, Error> {
    let properties = server.references(node, ReferenceTypeId::HasProperty, BrowseDirection::Forward).await?;
    let position = |name: &UAString| WITH_NAMES.iter().position(|wanted| *wanted == name.as_ref());
    let wanted = properties
        .into_iter()
        .filter_map(|property| Some((property.node_id.node_id, position(&property.browse_name.name)?)));
    let (nodes, positions): (Vec<NodeId>, Vec<usize>) = wanted.unzip();
    if nodes.is_empty() {
        return Ok(Names::default());
    }
    let questions: Vec<_> = nodes.into_iter().map(|node| (node, AttributeId::Value)).collect();
    let mut names = HashMap::new();
    for (answer, position) in server.read(&questions).await?.into_iter().zip(positions) {
        let array = match answer.value {
            // `FalseState` and `TrueState` stand where their numbers are.
            Some(Variant::LocalizedText(text)) if position < 2 => {
                names.extend(name(i64::from(position == 1), &text));
                continue;
            }
            Some(Variant::Array(array)) if position >= 2 => array,
            _ => continue,
        };
        for (position, value) in (0_i32..).zip(array.values).take(MAX_NAMES) {
            match value {
                Variant::LocalizedText(text) => names.extend(name(position.into(), &text)),
                Variant::ExtensionObject(object) => {
                    names.extend(enum_value(&object).and_then(|value| name(value.value, &value.display_name)));
                }
                _ => {}
            }
        }
    }
    Ok(Names::new(names))
}

/// One that the library has decoded, or whose body it has cut out.
fn enum_value(object: &ExtensionObject) -> Option<EnumValueType> {
    if let Some(value) = object.inner_as::<EnumValueType>() {
        return Some(value.clone());
    }
    let raw = object.inner_as::<ByteStringBody>()?;
    let is_meant = *raw.encoding_id() == ObjectId::EnumValueType_Encoding_DefaultBinary;
    let context = ContextOwned::default();
    let value = EnumValueType::decode(&mut raw.raw_body().as_ref(), &context.context());
    value.ok().filter(|_| is_meant)
}

fn name(number: i64, name: &LocalizedText) -> Option<(i32, Arc<str>)> {
    Some((i32::try_from(number).ok()?, text(&name.text)?))
}

fn text(text: &UAString) -> Option<Arc<str>> {
    Some(clipped(text.as_ref())).filter(|text| !text.is_empty()).map(Arc::from)
}

pub(super) fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_NAME_LENGTH)).unwrap_or_default()
}
