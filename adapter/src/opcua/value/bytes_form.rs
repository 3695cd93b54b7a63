//! Bytes have two forms: a server may send Byte[] as ByteString and the other way about,
//! even by turns. What a tag's messages look like is settled by its node's DataType and `ValueRank`, not by the wire.

use crate::domain::{DataType, TagValue, value::ArrayValue};

/// The numbers of both DataTypes (Part 6, table 1).
const BYTE: u32 = 3;
const BYTE_STRING: u32 = 15;
const SCALAR: i32 = -1;

/// The form that a node's bytes have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) enum BytesForm {
    /// As they come: the node's DataType says nothing of it.
    #[default]
    AsSent,
    /// One ByteString.
    ByteString,
    /// An array of Bytes.
    Array,
}

impl BytesForm {
    /// Of a node whose DataType is, or comes from, OPC UA's own of this number.
    pub(in crate::opcua) fn of(data_type: Option<u32>, value_rank: i32) -> Self {
        match data_type {
            Some(BYTE) if value_rank != SCALAR => Self::Array,
            Some(BYTE_STRING) if value_rank < 1 => Self::ByteString,
            _ => Self::AsSent,
        }
    }

    /// Whether a value may have come in the other form than its node's.
    pub(in crate::opcua) fn is_open(value: &TagValue) -> bool {
        match value {
            TagValue::ByteString(_) => true,
            TagValue::Array(array) => is_row_of_bytes(array),
            _ => false,
        }
    }

    /// The value in this form; what is no bytes stays what it is.
    pub(in crate::opcua) fn apply(self, value: TagValue) -> TagValue {
        match (self, value) {
            (Self::Array, TagValue::ByteString(bytes)) => TagValue::Array(Box::new(ArrayValue {
                element: Some(DataType::Byte),
                values: bytes.iter().copied().map(TagValue::Byte).collect(),
                dimensions: Vec::new(),
            })),
            (Self::ByteString, TagValue::Array(array)) if is_row_of_bytes(&array) => {
                let byte = |value: &TagValue| if let TagValue::Byte(byte) = value { Some(*byte) } else { None };
                TagValue::ByteString(array.values.iter().filter_map(byte).collect())
            }
            (_, value) => value,
        }
    }
}

fn is_row_of_bytes(array: &ArrayValue) -> bool {
    array.element == Some(DataType::Byte) && array.dimensions.is_empty()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn string() -> TagValue {
        TagValue::ByteString(Bytes::from_static(&[1, 2, 255]))
    }

    fn array() -> TagValue {
        TagValue::Array(Box::new(ArrayValue::of([1, 2, 255].map(TagValue::Byte).to_vec())))
    }

    #[test]
    fn the_nodes_data_type_settles_the_form() {
        let form = BytesForm::of;
        assert_eq!(
            (form(Some(3), 1), form(Some(3), -2), form(Some(3), 0)),
            (BytesForm::Array, BytesForm::Array, BytesForm::Array)
        );
        assert_eq!((form(Some(15), -1), form(Some(15), -3)), (BytesForm::ByteString, BytesForm::ByteString));
        for other in [form(Some(3), -1), form(Some(15), 1), form(Some(24), -1), form(None, 1)] {
            assert_eq!(other, BytesForm::AsSent);
        }
    }

    #[test]
    fn bytes_have_the_form_of_their_node_whatever_the_wire_has() {
        assert!(BytesForm::is_open(&string()) && BytesForm::is_open(&array()));
        for sent in [string(), array()] {
            assert_eq!(BytesForm::Array.apply(sent.clone()), array());
            assert_eq!(BytesForm::ByteString.apply(sent.clone()), string());
            assert_eq!(BytesForm::AsSent.apply(sent.clone()), sent);
        }
        let empty = BytesForm::Array.apply(TagValue::ByteString(Bytes::new()));
        assert_eq!(BytesForm::ByteString.apply(empty), TagValue::ByteString(Bytes::new()));
        let mut matrix = ArrayValue::of([1, 2, 3, 4].map(TagValue::Byte).to_vec());
        matrix.dimensions = vec![2, 2];
        let others =
            [TagValue::Null, TagValue::Byte(1), TagValue::Array(Box::new(matrix)), TagValue::String("x".into())];
        for other in others {
            assert!(!BytesForm::is_open(&other));
            assert_eq!(BytesForm::ByteString.apply(other.clone()), other);
            assert_eq!(BytesForm::Array.apply(other.clone()), other);
        }
    }
}
