//! Bytes have two forms on the wire, an array of Byte and a ByteString, and servers use either for either (Part 6,
//! 5.2.2.16). In messages the node's DataType decides, so that the form never changes within one topic.

use crate::domain::{DataType, TagValue, value::ArrayValue};

/// The form that a node's bytes have in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum BytesForm {
    /// One text in base64: the DataType is ByteString.
    Text,
    /// An array of numbers: the DataType is Byte.
    Numbers,
    /// The DataType is another one, or unknown: the value tells.
    AsSent,
}

impl BytesForm {
    /// By the built-in type behind the DataType; `None` for any other.
    pub(in crate::opcua) const fn of_type(data_type: DataType) -> Option<Self> {
        match data_type {
            DataType::ByteString => Some(Self::Text),
            DataType::Byte => Some(Self::Numbers),
            _ => None,
        }
    }

    /// The value in this form; what is no bytes stays as it is.
    pub(in crate::opcua) fn shape(self, value: TagValue) -> TagValue {
        match (self, value) {
            (Self::Numbers, TagValue::ByteString(bytes)) => {
                let values = bytes.iter().copied().map(TagValue::Byte).collect();
                TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Byte), values, dimensions: Vec::new() }))
            }
            (Self::Text, TagValue::Array(array)) if is_bytes(&array) => {
                let byte = |value: &TagValue| if let TagValue::Byte(byte) = value { *byte } else { 0 };
                TagValue::ByteString(array.values.iter().map(byte).collect::<Vec<u8>>().into())
            }
            (_, value) => value,
        }
    }
}

fn is_bytes(array: &ArrayValue) -> bool {
    array.element == Some(DataType::Byte) && array.dimensions.is_empty()
}

/// Whether a value is one of which the node's DataType decides the form.
pub(in crate::opcua) fn has_two_forms(value: &TagValue) -> bool {
    match value {
        TagValue::ByteString(_) => true,
        TagValue::Array(array) => is_bytes(array),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_type_decides_whatever_was_sent() {
        let text = || TagValue::ByteString(vec![1, 2, 255].into());
        let numbers = || {
            let values = [1, 2, 255].map(TagValue::Byte).into();
            TagValue::Array(Box::new(ArrayValue { element: Some(DataType::Byte), values, dimensions: Vec::new() }))
        };
        let form = |data_type| BytesForm::of_type(data_type).unwrap();
        for sent in [text, numbers as fn() -> TagValue] {
            assert!(has_two_forms(&sent()));
            assert_eq!(form(DataType::ByteString).shape(sent()), text());
            assert_eq!(form(DataType::Byte).shape(sent()), numbers());
        }
        assert_eq!(BytesForm::of_type(DataType::Int32), None);
        assert_eq!(form(DataType::Byte).shape(TagValue::Byte(7)), TagValue::Byte(7));
        assert!(!has_two_forms(&TagValue::Byte(7)) && !has_two_forms(&TagValue::Null));
    }
}
