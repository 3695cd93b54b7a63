//! OPC UA's built-in data types, and what a node says of itself.

use std::fmt;

/// A built-in type of OPC UA (Part 6, table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are OPC UA's own and say it all")]
pub enum DataType {
    Boolean,
    SByte,
    Byte,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float,
    Double,
    String,
    DateTime,
    Guid,
    ByteString,
    XmlElement,
    NodeId,
    ExpandedNodeId,
    StatusCode,
    QualifiedName,
    LocalizedText,
}

impl fmt::Display for DataType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// What a node's attributes say; read before the first write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// The built-in type, enumerations and subtypes already resolved; `None` for one that has no JSON form here.
    pub data_type: Option<DataType>,
    /// The ValueRank: -1 scalar, 1 one dimension, -2 any, and so on.
    pub value_rank: i32,
    /// Whether AccessLevel and UserAccessLevel both allow CurrentWrite.
    pub is_writable: bool,
}
