//! What nodes are and what they hold now, for many at once.

use std::collections::HashMap;

use opcua::types::{
    AttributeId, DataTypeId, DataValue, EUInformation, Identifier, NodeClass, NodeId, StatusCode as Code, Variant,
};

use crate::domain::{DataType, NodeLocator, StatusCode, TagValue, Timestamp};
use crate::opcua::{
    service_error::ServiceError,
    session::describe::ANY_RANK,
    session::local,
    session::types::{self, BuiltIn},
    status,
    tools::browse::BrowsedNode,
    tools::explorer::{Explorer, ExplorerError},
    value::bytes_form::BytesForm,
    value::raw::{RawValue, Wire},
};

/// Attributes in one call, whatever more the server declares to take: a PLC has other things to do.
const MAX_ATTRIBUTES_PER_CALL: usize = 100;
/// What stands for a DataType that the server does not tell.
const UNKNOWN_TYPE: &str = "?";
/// What is said in place of a value that takes the types of the server to be decoded.
const STRUCTURE: &str = "a structure; `tagwise watch` shows it";
const CURRENT_READ: u8 = 0x01;
const CURRENT_WRITE: u8 = 0x02;

/// What a Variable says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The name of its DataType.
    pub data_type: String,
    /// The built-in type behind it; `None` where the value decides, and for a structure.
    pub built_in: Option<DataType>,
    /// What its values are.
    pub kind: ValueKind,
    /// The ValueRank: -1 scalar, 1 one dimension, -2 any, and so on.
    pub value_rank: i32,
    /// Whether the user may read its value.
    pub is_readable: bool,
    /// Whether the user may write its value.
    pub is_writable: bool,
}

/// What the values of a node are, for what depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Numbers, which can have a deadband. An enumeration is none.
    Number,
    /// Structures, which cannot be written from JSON.
    Structure,
    /// Anything else, and what nobody tells.
    Other,
}

/// What a node holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value; `Null` when there is none, or none that has a form here.
    pub value: TagValue,
    /// Why the value is not decoded here, if there is one and it is not.
    pub undecoded: Option<String>,
    /// How far the value can be trusted.
    pub status: StatusCode,
    /// When the source took the value.
    pub source_timestamp: Option<Timestamp>,
    /// When the server got it.
    pub server_timestamp: Option<Timestamp>,
    /// What the node says of itself; `None` where it is no Variable.
    pub details: Option<Details>,
    /// Its NodeClass, where it is known and no Variable.
    pub other_class: Option<String>,
}

/// What a node is.
struct Found {
    details: Option<Details>,
    other_class: Option<String>,
}

impl Explorer {
    /// What the Variables among these nodes say of themselves.
    ///
    /// # Errors
    /// When the server stops answering.
    pub async fn details(&self, nodes: &[&BrowsedNode]) -> Result<Vec<Option<Details>>, ExplorerError> {
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id.clone()).collect();
        Ok(self.found(&ids).await?.into_iter().map(|found| found.details).collect())
    }

    /// The names of the units that EngineeringUnits properties hold.
    ///
    /// # Errors
    /// When the server stops answering.
    pub async fn units(&self, properties: &[&BrowsedNode]) -> Result<Vec<Option<String>>, ExplorerError> {
        let questions: Vec<_> = properties.iter().map(|node| (node.id.clone(), AttributeId::Value)).collect();
        let name = |value: DataValue| match value.value {
            Some(Variant::ExtensionObject(object)) => {
                let name = object.inner_as::<EUInformation>()?.display_name.text.as_ref().to_owned();
                (!name.is_empty()).then_some(name)
            }
            _ => None,
        };
        Ok(self.attributes(&questions).await?.into_iter().map(name).collect())
    }

    /// The values of nodes with all that belongs to them; in place of it, why a node is not there.
    ///
    /// # Errors
    /// When the server stops answering.
    pub async fn read(&self, places: &[NodeLocator]) -> Result<Vec<Result<Reading, String>>, ExplorerError> {
        let places: Vec<&NodeLocator> = places.iter().collect();
        let found = self.live.locate(&places).await?;
        let ids: Vec<NodeId> = found.iter().filter_map(|found| found.as_ref().ok().cloned()).collect();
        let mut readings = self.readings(&ids).await?.into_iter();
        let unanswered = || Err(status::status_symbol(status::from_library(Code::BadUnknownResponse)).into_owned());
        Ok(found.into_iter().map(|found| found.and_then(|_| readings.next().map_or_else(unanswered, Ok))).collect())
    }

    /// As `read`, by node ids.
    pub(in crate::opcua) async fn readings(&self, ids: &[NodeId]) -> Result<Vec<Reading>, ServiceError> {
        let mut values = Vec::with_capacity(ids.len());
        for call in ids.chunks(self.nodes_in_a_call()) {
            values.extend(self.live.services.read_values(call).await?);
        }
        let found = self.found(ids).await?;
        Ok(values.into_iter().zip(found).map(|(value, found)| reading(value, found)).collect())
    }

    async fn found(&self, ids: &[NodeId]) -> Result<Vec<Found>, ServiceError> {
        const ASKED: [AttributeId; 5] = [
            AttributeId::NodeClass,
            AttributeId::DataType,
            AttributeId::ValueRank,
            AttributeId::AccessLevel,
            AttributeId::UserAccessLevel,
        ];
        let questions: Vec<_> = ids.iter().flat_map(|id| ASKED.map(|attribute| (id.clone(), attribute))).collect();
        let answers = self.attributes(&questions).await?;
        let types = answers.chunks(ASKED.len()).filter_map(|of_node| local::data_type_of(&of_node[1]));
        let names = self.names_of(types.collect()).await?;
        let mut all = Vec::with_capacity(ids.len());
        for of_node in answers.chunks(ASKED.len()) {
            let class = class_of(&of_node[0]);
            let data_type = local::data_type_of(&of_node[1]);
            let is_variable = class.map_or(data_type.is_some(), |class| class == NodeClass::Variable);
            if !is_variable {
                all.push(Found { details: None, other_class: class.map(|class| format!("{class:?}")) });
                continue;
            }
            let built_in = match &data_type {
                Some(data_type) => types::trace(&self.live, data_type.clone()).await?,
                None => BuiltIn::Unknown,
            };
            // A server that does not tell is asked by the access itself.
            let allows = |right: u8| {
                of_node[3..5]
                    .iter()
                    .all(|level| !matches!(level.value, Some(Variant::Byte(level)) if level & right == 0))
            };
            let name = |id: NodeId| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
            let details = Details {
                data_type: data_type.map_or_else(|| UNKNOWN_TYPE.to_owned(), name),
                built_in: built_in.data_type(),
                kind: match built_in {
                    BuiltIn::Structure => ValueKind::Structure,
                    built_in if built_in.is_number() == Some(true) => ValueKind::Number,
                    _ => ValueKind::Other,
                },
                value_rank: if let Some(Variant::Int32(rank)) = of_node[2].value { rank } else { ANY_RANK },
                is_readable: allows(CURRENT_READ),
                is_writable: allows(CURRENT_WRITE),
            };
            all.push(Found { details: Some(details), other_class: None });
        }
        Ok(all)
    }

    /// The names of DataTypes: OPC UA's own are known, others are asked for.
    async fn names_of(&self, types: Vec<NodeId>) -> Result<HashMap<NodeId, String>, ServiceError> {
        let mut names = HashMap::new();
        let mut unknown = Vec::new();
        for id in types {
            if names.contains_key(&id) {
                continue;
            }
            let own = match id.identifier {
                Identifier::Numeric(number) if id.namespace == 0 => DataTypeId::try_from(number).ok(),
                _ => None,
            };
            if own.is_none() {
                unknown.push((id.clone(), AttributeId::BrowseName));
            }
            names.insert(id.clone(), own.map_or_else(|| id.to_string(), |own| format!("{own:?}")));
        }
        let answers = self.attributes(&unknown).await?;
        for ((id, _), answer) in unknown.into_iter().zip(answers) {
            if let Some(Variant::QualifiedName(name)) = answer.value {
                names.insert(id, name.name.as_ref().to_owned());
            }
        }
        Ok(names)
    }

    fn nodes_in_a_call(&self) -> usize {
        let declared = self.live.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok());
        declared.unwrap_or(MAX_ATTRIBUTES_PER_CALL).clamp(1, MAX_ATTRIBUTES_PER_CALL)
    }

    /// One answer for each question.
    async fn attributes(&self, questions: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, ServiceError> {
        let mut answers = Vec::with_capacity(questions.len());
        for call in questions.chunks(self.nodes_in_a_call()) {
            let some = self.live.services.read(call).await?;
            let namespaces = self.live.namespaces.load();
            answers.extend(call.iter().zip(some).map(|((_, asked), answer)| namespaces.settled(*asked, answer)));
        }
        Ok(answers)
    }
}

fn class_of(answer: &DataValue) -> Option<NodeClass> {
    match answer.value {
        Some(Variant::Int32(class)) => NodeClass::try_from(class).ok(),
        _ => None,
    }
}

fn reading(data: RawValue, found: Found) -> Reading {
    let Found { details, other_class } = found;
    let details = details.map(|details| with_value(details, &data.value));
    let (value, undecoded) = match data.value {
        Wire::Plain(value) => (in_one_form(value, details.as_ref()), None),
        Wire::Encoded(_) => (TagValue::Null, Some(STRUCTURE.to_owned())),
        Wire::Unreadable(why) => (TagValue::Null, Some(format!("cannot be read: {why}"))),
    };
    Reading {
        value,
        undecoded,
        status: data.status,
        source_timestamp: data.source_timestamp,
        server_timestamp: data.server_timestamp,
        details,
        other_class,
    }
}

/// Where the DataType does not tell, the value does.
fn with_value(mut details: Details, value: &Wire) -> Details {
    let type_of_value = match value {
        Wire::Plain(value) => value.data_type(),
        Wire::Encoded(_) | Wire::Unreadable(_) => None,
    };
    if details.built_in.is_none() && details.kind == ValueKind::Other {
        details.kind = match value {
            Wire::Encoded(_) => ValueKind::Structure,
            _ if type_of_value.is_some_and(types::is_number) => ValueKind::Number,
            _ => ValueKind::Other,
        };
    }
    if details.data_type == UNKNOWN_TYPE {
        details.built_in = type_of_value;
        if let Some(built_in) = details.built_in {
            details.data_type = built_in.to_string();
        }
    }
    details
}

/// Bytes as messages carry them, however they were sent.
fn in_one_form(value: TagValue, details: Option<&Details>) -> TagValue {
    match details.and_then(|details| details.built_in).and_then(BytesForm::of_type) {
        Some(form) => form.shape(value),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(data_type: &str) -> Details {
        Details {
            data_type: data_type.to_owned(),
            built_in: None,
            kind: ValueKind::Other,
            value_rank: -1,
            is_readable: true,
            is_writable: true,
        }
    }

    #[test]
    fn what_is_not_decoded_says_why() {
        let of = |value: Wire| {
            let data = RawValue {
                value,
                status: StatusCode::GOOD,
                source_timestamp: None,
                server_timestamp: None,
                is_lossy: false,
            };
            reading(data, Found { details: None, other_class: None })
        };
        assert_eq!(of(Wire::Plain(TagValue::Null)).undecoded, None);
        assert_eq!(of(Wire::Encoded(bytes::Bytes::new())).undecoded.as_deref(), Some(STRUCTURE));
    }

    #[test]
    fn a_type_that_the_server_does_not_tell_is_that_of_the_value() {
        let told = with_value(details(UNKNOWN_TYPE), &Wire::Plain(TagValue::Double(1.0)));
        assert_eq!((told.data_type.as_str(), told.built_in), ("Double", Some(DataType::Double)));
        assert_eq!(told.kind, ValueKind::Number);
        let told = with_value(details("Motor"), &Wire::Encoded(bytes::Bytes::new()));
        assert_eq!((told.kind, told.data_type.as_str()), (ValueKind::Structure, "Motor"));
        assert_eq!(with_value(details(UNKNOWN_TYPE), &Wire::Plain(TagValue::Null)), details(UNKNOWN_TYPE));
    }
}
