//! Scalars, arrays and matrices: what a ValueRank allows.

use serde_json::Value;

use super::{error::CoerceError, scalar::scalar};
use crate::domain::{DataType, TagValue, value::ArrayValue};

/// OPC UA's ValueRank in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Scalar,
    ScalarOrOneDimension,
    Any,
    OneOrMoreDimensions,
    Dimensions(usize),
}

impl Rank {
    /// Part 3, 5.6.2; what is undefined there counts as a scalar, the strictest reading.
    fn from_value_rank(value_rank: i32) -> Self {
        match value_rank {
            -3 => Self::ScalarOrOneDimension,
            -2 => Self::Any,
            0 => Self::OneOrMoreDimensions,
            _ => usize::try_from(value_rank).map_or(Self::Scalar, Self::Dimensions),
        }
    }

    const fn allows(self, dimensions: usize) -> bool {
        match self {
            Self::Scalar => dimensions == 0,
            Self::ScalarOrOneDimension => dimensions <= 1,
            Self::Any => true,
            Self::OneOrMoreDimensions => dimensions >= 1,
            Self::Dimensions(due) => dimensions == due,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Scalar => "a scalar".to_owned(),
            Self::ScalarOrOneDimension => "a scalar or an array of one dimension".to_owned(),
            Self::Any => "a scalar or an array".to_owned(),
            Self::OneOrMoreDimensions => "an array".to_owned(),
            Self::Dimensions(count) => array_of(count),
        }
    }
}

fn array_of(dimensions: usize) -> String {
    match dimensions {
        0 => "a scalar".to_owned(),
        1 => "an array of one dimension".to_owned(),
        count => format!("an array of {count} dimensions, nested and with rows of equal length,"),
    }
}

/// The value that a node of this type and ValueRank takes for `json`, exactly; matrices are nested arrays.
///
/// Errors say what was found and what is due; `CoerceError::reason` is the word for the verdict.
pub fn coerce(json: &Value, data_type: DataType, value_rank: i32) -> Result<TagValue, CoerceError> {
    let rank = Rank::from_value_rank(value_rank);
    let lengths = lengths(json);
    if !rank.allows(lengths.len()) {
        return Err(CoerceError::WrongShape { found: array_of(lengths.len()), due: rank.describe() });
    }
    if lengths.is_empty() {
        return scalar(json, data_type);
    }
    let mut values = Vec::new();
    collect(json, &lengths, data_type, &mut values)?;
    let dimensions =
        if lengths.len() == 1 { Ok(Vec::new()) } else { lengths.iter().map(|&length| u32::try_from(length)).collect() };
    let dimensions = dimensions
        .map_err(|_| CoerceError::WrongShape { found: "an array too long".to_owned(), due: rank.describe() })?;
    Ok(TagValue::Array(Box::new(ArrayValue { element: Some(data_type), values, dimensions })))
}

/// The lengths of the dimensions, read along the first elements; none of the built-in types is itself an array in JSON.
fn lengths(json: &Value) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut next = Some(json);
    while let Some(Value::Array(elements)) = next {
        lengths.push(elements.len());
        next = elements.first();
    }
    lengths
}

/// Appends the scalars below `json`, which must have exactly these lengths.
fn collect(
    json: &Value,
    lengths: &[usize],
    data_type: DataType,
    values: &mut Vec<TagValue>,
) -> Result<(), CoerceError> {
    let Some((&length, inner)) = lengths.split_first() else {
        let index = values.len();
        let value = scalar(json, data_type).map_err(|error| CoerceError::Element { index, error: Box::new(error) })?;
        values.push(value);
        return Ok(());
    };
    match json {
        Value::Array(elements) if elements.len() == length => {
            elements.iter().try_for_each(|element| collect(element, inner, data_type, values))
        }
        _ => Err(CoerceError::WrongShape {
            found: "an array with rows of different lengths".to_owned(),
            due: array_of(lengths.len().max(2)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::TestCaseResult};
    use serde_json::json;

    use super::*;
    use crate::domain::RejectReason;

    const SCALAR: i32 = -1;

    fn int16s(values: &[i16], dimensions: &[u32]) -> TagValue {
        TagValue::Array(Box::new(ArrayValue {
            element: Some(DataType::Int16),
            values: values.iter().copied().map(TagValue::Int16).collect(),
            dimensions: dimensions.to_vec(),
        }))
    }

    #[track_caller]
    fn check(json: &Value, value_rank: i32, expected: &TagValue) {
        assert_eq!(coerce(json, DataType::Int16, value_rank).as_ref(), Ok(expected), "{json} at rank {value_rank}");
    }

    #[track_caller]
    fn check_refused(json: &Value, value_rank: i32, expected: &str) {
        let error = coerce(json, DataType::Int16, value_rank).unwrap_err();
        assert_eq!(error.reason(), RejectReason::WrongType, "{json} at rank {value_rank}");
        assert_eq!(error.to_string(), expected, "{json} at rank {value_rank}");
    }

    #[test]
    fn arrays_fit_where_the_rank_allows_them() {
        check(&json!(7), SCALAR, &TagValue::Int16(7));
        check(&json!(7), -2, &TagValue::Int16(7));
        check(&json!(7), -3, &TagValue::Int16(7));
        for rank in [1, 0, -2, -3] {
            check(&json!([1, 2]), rank, &int16s(&[1, 2], &[]));
            check(&json!([]), rank, &int16s(&[], &[]));
        }
        for rank in [2, 0, -2] {
            check(&json!([[1, 2, 3], [4, 5, 6]]), rank, &int16s(&[1, 2, 3, 4, 5, 6], &[2, 3]));
            check(&json!([[], []]), rank, &int16s(&[], &[2, 0]));
        }
        check(&json!([[[1], [2]]]), 3, &int16s(&[1, 2], &[1, 2, 1]));
    }

    #[test]
    fn other_shapes_are_refused_in_a_sentence() {
        check_refused(&json!([1]), SCALAR, "an array of one dimension was given, a scalar is due");
        check_refused(&json!(1), 1, "a scalar was given, an array of one dimension is due");
        check_refused(&json!(1), 0, "a scalar was given, an array is due");
        check_refused(
            &json!([[1]]),
            -3,
            "an array of 2 dimensions, nested and with rows of equal length, was given, a scalar or an array of one dimension is due",
        );
        let ragged = "an array with rows of different lengths was given, an array of 2 dimensions, nested and with rows of equal length, is due";
        check_refused(&json!([[1, 2], [3]]), 2, ragged);
        check_refused(&json!([[1], 2]), 2, ragged);
        check_refused(&json!([1]), -7, "an array of one dimension was given, a scalar is due");
    }

    #[test]
    fn a_bad_element_is_named() {
        let error = coerce(&json!([1, 2, 40_000]), DataType::Int16, 1).unwrap_err();
        assert_eq!(error.reason(), RejectReason::OutOfRange);
        assert!(error.to_string().starts_with("element 2: the number 40000 is out of range"), "{error}");
        let error = coerce(&json!([1, [2]]), DataType::Int16, 1).unwrap_err();
        assert_eq!(error.reason(), RejectReason::WrongType);
        assert!(coerce(&json!([1, null]), DataType::Int16, 1).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            "(ns=[0-9]{1,6};)?[isgb]=.{0,40}".prop_map(Value::from),
            "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})"
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            let key =
                prop_oneof![Just("text".to_owned()), Just("name".to_owned()), Just("namespaceIndex".to_owned()), ".*"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn data_type() -> impl Strategy<Value = DataType> {
        use DataType as D;
        prop::sample::select(vec![
            D::Boolean,
            D::SByte,
            D::Byte,
            D::Int16,
            D::UInt16,
            D::Int32,
            D::UInt32,
            D::Int64,
            D::UInt64,
            D::Float,
            D::Double,
            D::String,
            D::DateTime,
            D::Guid,
            D::ByteString,
            D::XmlElement,
            D::NodeId,
            D::ExpandedNodeId,
            D::StatusCode,
            D::QualifiedName,
            D::LocalizedText,
        ])
    }

    /// Whatever comes out is of the type and shape that was asked for.
    fn has_shape(value: &TagValue, data_type: DataType, value_rank: i32) -> TestCaseResult {
        prop_assert_eq!(value.data_type(), Some(data_type));
        let dimensions = match value {
            TagValue::Array(array) => {
                if !array.dimensions.is_empty() {
                    let product: u32 = array.dimensions.iter().product();
                    prop_assert_eq!(product as usize, array.values.len());
                }
                prop_assert!(array.values.iter().all(|element| element.data_type() == Some(data_type)));
                array.dimensions.len().max(1)
            }
            _ => 0,
        };
        prop_assert!(Rank::from_value_rank(value_rank).allows(dimensions));
        Ok(())
    }

    proptest! {
        #[test]
        fn any_json_is_taken_whole_or_refused(json in any_json(), data_type in data_type(), value_rank in -4..5) {
            if let Ok(value) = coerce(&json, data_type, value_rank) {
                has_shape(&value, data_type, value_rank)?;
            }
        }

        #[test]
        fn integers_in_range_stay_what_they_are(number: i64) {
            prop_assert_eq!(coerce(&json!(number), DataType::Int64, SCALAR), Ok(TagValue::Int64(number)));
            prop_assert_eq!(coerce(&json!(number), DataType::Int32, SCALAR).ok(), i32::try_from(number).ok().map(TagValue::Int32));
            prop_assert_eq!(coerce(&json!(number), DataType::UInt64, SCALAR).ok(), u64::try_from(number).ok().map(TagValue::UInt64));
        }

        #[test]
        fn numbers_survive_their_text_form(number: u64, float in prop::num::f64::NORMAL) {
            let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
            prop_assert_eq!(coerce(&parsed(number.to_string()), DataType::UInt64, SCALAR), Ok(TagValue::UInt64(number)));
            prop_assert_eq!(coerce(&parsed(format!("{float:e}")), DataType::Double, SCALAR), Ok(TagValue::Double(float)));
        }
    }
}
