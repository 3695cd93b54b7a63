//! What nodes are and what they hold now, for many at once.

use std::collections::HashMap;

use opcua::types::{
    AttributeId, DataTypeId, DataValue, DateTime, EUInformation, Identifier, NodeId, StatusCode as Code,
    TimestampsToReturn, Variant,
};

use crate::domain::{DataType, NodeLocator, StatusCode, TagValue, Timestamp};
use crate::opcua::{
    service_error::ServiceError,
    session::describe::{self, BuiltIn},
    status,
    tools::browse::BrowsedNode,
    tools::explorer::{Explorer, ExplorerError},
    value::variant,
};

/// Attributes in one call, whatever more the server declares to take: a PLC has other things to do.
const MAX_ATTRIBUTES_PER_CALL: usize = 100;
const ANY_RANK: i32 = -2;
const CURRENT_READ: u8 = 0x01;
const CURRENT_WRITE: u8 = 0x02;

/// What a Variable says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The name of its DataType.
    pub data_type: String,
    /// The built-in type behind it; `None` where the value decides, and for a structure.
    pub built_in: Option<DataType>,
    /// The ValueRank: -1 scalar, 1 one dimension, -2 any, and so on.
    pub value_rank: i32,
    /// Whether the user may read its value.
    pub is_readable: bool,
    /// Whether the user may write its value.
    pub is_writable: bool,
}

/// What a node holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value; `Null` when there is none, or none that has a form here.
    pub value: TagValue,
    /// Whether the value is of a type that has no form here.
    pub is_unsupported: bool,
    /// How far the value can be trusted.
    pub status: StatusCode,
    /// When the source took the value.
    pub source_timestamp: Option<Timestamp>,
    /// When the server got it.
    pub server_timestamp: Option<Timestamp>,
    /// What the node says of itself; `None` where it is no Variable.
    pub details: Option<Details>,
}

impl Explorer {
    /// What the Variables among these nodes say of themselves.
    ///
    /// # Errors
    /// When the server stops answering.
    pub async fn details(&self, nodes: &[&BrowsedNode]) -> Result<Vec<Option<Details>>, ExplorerError> {
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id.clone()).collect();
        Ok(self.details_of(&ids).await?)
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
        Ok(self.attributes(&questions, TimestampsToReturn::Neither).await?.into_iter().map(name).collect())
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
        let questions: Vec<_> = ids.iter().map(|id| (id.clone(), AttributeId::Value)).collect();
        let values = self.attributes(&questions, TimestampsToReturn::Both).await?;
        let details = self.details_of(ids).await?;
        Ok(values.into_iter().zip(details).map(|(value, details)| reading(value, details)).collect())
    }

    async fn details_of(&self, ids: &[NodeId]) -> Result<Vec<Option<Details>>, ServiceError> {
        const ASKED: [AttributeId; 4] =
            [AttributeId::DataType, AttributeId::ValueRank, AttributeId::AccessLevel, AttributeId::UserAccessLevel];
        let questions: Vec<_> = ids.iter().flat_map(|id| ASKED.map(|attribute| (id.clone(), attribute))).collect();
        let answers = self.attributes(&questions, TimestampsToReturn::Neither).await?;
        let types: Vec<NodeId> = answers.chunks(ASKED.len()).filter_map(|of_node| data_type(&of_node[0])).collect();
        let names = self.names_of(types).await?;
        let mut all = Vec::with_capacity(ids.len());
        for of_node in answers.chunks(ASKED.len()) {
            let Some(id) = data_type(&of_node[0]) else {
                all.push(None);
                continue;
            };
            let built_in = match describe::trace(&self.live, id.clone()).await? {
                BuiltIn::Type(data_type) => Some(data_type),
                _ => None,
            };
            // A server that does not tell is asked by the access itself.
            let allows = |right: u8| {
                of_node[2..4]
                    .iter()
                    .all(|level| !matches!(level.value, Some(Variant::Byte(level)) if level & right == 0))
            };
            all.push(Some(Details {
                data_type: names.get(&id).cloned().unwrap_or_else(|| id.to_string()),
                built_in,
                value_rank: if let Some(Variant::Int32(rank)) = of_node[1].value { rank } else { ANY_RANK },
                is_readable: allows(CURRENT_READ),
                is_writable: allows(CURRENT_WRITE),
            }));
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
        let answers = self.attributes(&unknown, TimestampsToReturn::Neither).await?;
        for ((id, _), answer) in unknown.into_iter().zip(answers) {
            if let Some(Variant::QualifiedName(name)) = answer.value {
                names.insert(id, name.name.as_ref().to_owned());
            }
        }
        Ok(names)
    }

    /// One answer for each question.
    async fn attributes(
        &self,
        questions: &[(NodeId, AttributeId)],
        timestamps: TimestampsToReturn,
    ) -> Result<Vec<DataValue>, ServiceError> {
        let declared = self.live.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok());
        let most = declared.unwrap_or(MAX_ATTRIBUTES_PER_CALL).clamp(1, MAX_ATTRIBUTES_PER_CALL);
        let mut answers = Vec::with_capacity(questions.len());
        for call in questions.chunks(most) {
            answers.extend(self.live.services.read_with(call, timestamps).await?);
        }
        Ok(answers)
    }
}

fn data_type(answer: &DataValue) -> Option<NodeId> {
    match &answer.value {
        Some(Variant::NodeId(id)) => Some((**id).clone()),
        _ => None,
    }
}

fn reading(data: DataValue, details: Option<Details>) -> Reading {
    let time = |time: Option<DateTime>| time.filter(|time| !time.is_null()).map(variant::from_date_time);
    let value = data.value.map_or(Some(TagValue::Null), variant::from_variant);
    Reading {
        is_unsupported: value.is_none(),
        value: value.unwrap_or(TagValue::Null),
        status: data.status.map_or(StatusCode::GOOD, status::from_library),
        source_timestamp: time(data.source_timestamp),
        server_timestamp: time(data.server_timestamp),
        details,
    }
}
