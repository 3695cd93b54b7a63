//! The value of a tag: OPC UA's built-in types, each kept apart so that a value can be written back as what it was.

use std::sync::Arc;

use bytes::Bytes;

use super::{DataType, StatusCode, Timestamp};

/// A value of one of OPC UA's types, or an array of them.
#[derive(Clone, Debug, PartialEq)]
pub enum TagValue {
    /// No value.
    Null,
    /// A Boolean.
    Boolean(bool),
    /// An SByte.
    SByte(i8),
    /// A Byte.
    Byte(u8),
    /// An Int16.
    Int16(i16),
    /// A UInt16.
    UInt16(u16),
    /// An Int32, or the number of an enumeration.
    Int32(i32),
    /// A UInt32.
    UInt32(u32),
    /// An Int64.
    Int64(i64),
    /// A UInt64.
    UInt64(u64),
    /// A Float.
    Float(f32),
    /// A Double.
    Double(f64),
    /// A String.
    String(Box<str>),
    /// A DateTime.
    DateTime(Timestamp),
    /// A Guid in its text form, lower case with hyphens.
    Guid(Box<str>),
    /// A ByteString.
    ByteString(Bytes),
    /// An XmlElement as text.
    XmlElement(Box<str>),
    /// A NodeId in its text form.
    NodeId(Box<str>),
    /// An ExpandedNodeId in its text form.
    ExpandedNodeId(Box<str>),
    /// A StatusCode that is a value, not the quality of one.
    StatusCode(StatusCode),
    /// A QualifiedName.
    QualifiedName {
        /// The index of the namespace that qualifies the name.
        namespace_index: u16,
        /// The name.
        name: Box<str>,
    },
    /// A LocalizedText.
    LocalizedText {
        /// The locale, such as `de`, where one is given.
        locale: Option<Box<str>>,
        /// The text, where one is given.
        text: Option<Box<str>>,
    },
    /// The number of an enumeration whose name is asked for and known.
    Enumeration {
        /// What travels, and what models see.
        number: i32,
        /// What people read; shared by all values of the type.
        name: Arc<str>,
    },
    /// A structure or union with its members.
    Structure(Box<StructureValue>),
    /// A structure that could not be decoded.
    Opaque(Box<OpaqueValue>),
    /// An array, of one dimension or several.
    Array(Box<ArrayValue>),
}

/// A structure: the members that it has, in the order of its type.
#[derive(Clone, Debug, PartialEq)]
pub struct StructureValue {
    /// What the type says; shared by all values of the type.
    pub shape: Arc<StructureShape>,
    /// Positions in the shape's members, ascending, with their values. An optional member may be absent, and a union has
    /// one member or none.
    pub members: Vec<(u16, TagValue)>,
}

/// The name of a structure's type and those of its members, each of them once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureShape {
    /// The name of the type.
    pub name: Box<str>,
    /// The names of all members that a value can have.
    pub members: Box<[Box<str>]>,
}

/// What came in place of a structure that nobody could take apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpaqueValue {
    /// The type's encoding id in its text form.
    pub encoding: Box<str>,
    /// The body as it travelled.
    pub body: Bytes,
}

/// An array of values.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayValue {
    /// The built-in type of the elements; `None` for structures and for values of different types.
    pub element: Option<DataType>,
    /// The elements, the last dimension varying fastest.
    pub values: Vec<TagValue>,
    /// The lengths of the dimensions; empty for a plain array. Their product equals `values.len()`.
    pub dimensions: Vec<u32>,
}

impl TagValue {
    /// The value as a model sees it: numbers only, 64-bit integers rounded. A Boolean is no number here.
    pub fn as_number(&self) -> Option<f64> {
        Some(match *self {
            Self::SByte(value) => f64::from(value),
            Self::Byte(value) => f64::from(value),
            Self::Int16(value) => f64::from(value),
            Self::UInt16(value) => f64::from(value),
            Self::Int32(value) => f64::from(value),
            Self::UInt32(value) => f64::from(value),
            Self::Int64(value) => value as f64,
            Self::UInt64(value) => value as f64,
            Self::Enumeration { number, .. } => f64::from(number),
            Self::Float(value) => f64::from(value),
            Self::Double(value) => value,
            _ => return None,
        })
    }

    /// Bytes that the value holds on the heap, for the bounds of queues.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text)
            | Self::Guid(text)
            | Self::XmlElement(text)
            | Self::NodeId(text)
            | Self::ExpandedNodeId(text)
            | Self::QualifiedName { name: text, .. } => text.len(),
            Self::ByteString(bytes) => bytes.len(),
            Self::LocalizedText { locale, text } => [locale, text].into_iter().flatten().map(|text| text.len()).sum(),
            Self::Array(array) => {
                let elements: usize = array.values.iter().map(Self::heap_bytes).sum();
                let dimensions = size_of_val(array.dimensions.as_slice());
                elements + size_of_val(array.values.as_slice()) + dimensions + size_of::<ArrayValue>()
            }
            Self::Structure(structure) => {
                let members: usize = structure.members.iter().map(|(_, value)| value.heap_bytes()).sum();
                members + size_of_val(structure.members.as_slice()) + size_of::<StructureValue>()
            }
            Self::Opaque(opaque) => opaque.encoding.len() + opaque.body.len() + size_of::<OpaqueValue>(),
            _ => 0,
        }
    }

    /// The built-in type of a scalar; of an array, that of its elements. `None` for `Null` and for structures.
    pub fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Null | Self::Structure(_) | Self::Opaque(_) => return None,
            Self::Boolean(_) => DataType::Boolean,
            Self::SByte(_) => DataType::SByte,
            Self::Byte(_) => DataType::Byte,
            Self::Int16(_) => DataType::Int16,
            Self::UInt16(_) => DataType::UInt16,
            Self::Int32(_) | Self::Enumeration { .. } => DataType::Int32,
            Self::UInt32(_) => DataType::UInt32,
            Self::Int64(_) => DataType::Int64,
            Self::UInt64(_) => DataType::UInt64,
            Self::Float(_) => DataType::Float,
            Self::Double(_) => DataType::Double,
            Self::String(_) => DataType::String,
            Self::DateTime(_) => DataType::DateTime,
            Self::Guid(_) => DataType::Guid,
            Self::ByteString(_) => DataType::ByteString,
            Self::XmlElement(_) => DataType::XmlElement,
            Self::NodeId(_) => DataType::NodeId,
            Self::ExpandedNodeId(_) => DataType::ExpandedNodeId,
            Self::StatusCode(_) => DataType::StatusCode,
            Self::QualifiedName { .. } => DataType::QualifiedName,
            Self::LocalizedText { .. } => DataType::LocalizedText,
            Self::Array(array) => return array.element,
        })
    }

    /// Whether a structure that could not be decoded is in it.
    pub fn has_opaque(&self) -> bool {
        match self {
            Self::Opaque(_) => true,
            Self::Array(array) => array.element.is_none() && array.values.iter().any(Self::has_opaque),
            Self::Structure(structure) => structure.members.iter().any(|(_, value)| value.has_opaque()),
            _ => false,
        }
    }
}

impl StructureValue {
    /// A structure that has all its members.
    pub fn whole(shape: Arc<StructureShape>, values: Vec<TagValue>) -> Self {
        Self { shape, members: (0_u16..).zip(values).collect() }
    }

    /// The members with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TagValue)> {
        self.members.iter().filter_map(|(position, value)| Some((self.shape.name_of(*position)?, value)))
    }
}

impl StructureShape {
    /// The name of the member at this position.
    pub fn name_of(&self, position: u16) -> Option<&str> {
        self.members.get(usize::from(position)).map(|name| &**name)
    }
}

impl ArrayValue {
    /// A plain array of whatever the values are.
    pub fn of(values: Vec<TagValue>) -> Self {
        Self { element: Self::common_type(&values), values, dimensions: Vec::new() }
    }

    /// The built-in type of all these values, where they are scalars of one.
    pub fn common_type(values: &[TagValue]) -> Option<DataType> {
        let scalar = |value: &TagValue| if matches!(value, TagValue::Array(_)) { None } else { value.data_type() };
        let first = values.first().and_then(scalar)?;
        values.iter().all(|value| scalar(value) == Some(first)).then_some(first)
    }

    /// The most dimensions that are told apart; what has more is taken for one row of values. Each is a level of JSON.
    pub const MAX_DIMENSIONS: usize = 8;

    /// The lengths of the dimensions, where there are several and they say how many elements there are. A server may
    /// send any dimensions; those that do not multiply up to the elements are none.
    pub fn matrix(&self) -> Option<Vec<usize>> {
        if !(2..=Self::MAX_DIMENSIONS).contains(&self.dimensions.len()) || self.values.is_empty() {
            return None;
        }
        let lengths: Vec<usize> = self.dimensions.iter().map(|length| *length as usize).collect();
        let product = lengths.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        (product == Some(self.values.len())).then_some(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_small_whatever_types_there_are() {
        assert_eq!(size_of::<TagValue>(), 40);
    }

    #[test]
    fn a_structure_counts_what_its_members_hold() {
        let shape = Arc::new(StructureShape { name: "Probe".into(), members: ["a".into(), "b".into()].into() });
        let text = TagValue::String("x".repeat(1000).into());
        let structure = StructureValue::whole(shape, vec![TagValue::Double(1.5), text]);
        let value = TagValue::Structure(Box::new(structure));
        assert!((1000..1200).contains(&value.heap_bytes()), "{}", value.heap_bytes());
        assert_eq!((value.as_number(), value.data_type(), value.has_opaque()), (None, None, false));
    }

    #[test]
    fn models_see_the_number_of_an_enumeration() {
        let value = TagValue::Enumeration { number: 3, name: "Running".into() };
        assert_eq!((value.as_number(), value.data_type()), (Some(3.0), Some(DataType::Int32)));
    }

    #[test]
    fn no_number_of_dimensions_is_nested_without_end() {
        let mut array = ArrayValue::of(vec![TagValue::Byte(1)]);
        array.dimensions = vec![1; 8];
        assert_eq!(array.matrix(), Some(vec![1; 8]));
        array.dimensions = vec![1; 1_000_000];
        assert_eq!(array.matrix(), None);
    }

    #[test]
    fn an_array_has_an_element_type_only_where_all_elements_share_it() {
        let one = ArrayValue::of(vec![TagValue::Int16(1), TagValue::Int16(2)]);
        assert_eq!(one.element, Some(DataType::Int16));
        let several = ArrayValue::of(vec![TagValue::Int16(1), TagValue::Double(2.0)]);
        assert_eq!(several.element, None);
        assert_eq!(ArrayValue::of(Vec::new()).element, None);
    }
}
