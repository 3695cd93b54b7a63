//! Many questions about attributes, in calls of bounded size, and what nodes hold as far as a deadband is concerned.

use opcua::types::{AttributeId, DataValue, NodeId, Variant};

use crate::opcua::{
    service_error::ServiceError,
    session::{
        call_size::CallSize,
        describe,
        failure::Failure,
        live::LiveSession,
        local,
        types::{self, BuiltIn},
    },
};

/// Attributes in one call at first.
const ATTRIBUTES_PER_CALL: usize = 1_000;
const SCALAR: i32 = -1;

/// What a node's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Values {
    /// One number.
    Number,
    /// An array of numbers.
    Numbers,
    /// Anything else: text, structures, enumerations and so on.
    NoNumber,
    /// The server does not tell.
    Unknown,
}

/// One answer for each question; an empty one where the server gives none.
pub(in crate::opcua) async fn all(live: &LiveSession, questions: &[(NodeId, AttributeId)]) -> Vec<DataValue> {
    let mut size = CallSize::new(ATTRIBUTES_PER_CALL);
    size.declare(live.limits.nodes_per_read);
    let mut answers = Vec::with_capacity(questions.len());
    while answers.len() < questions.len() {
        let (call, _) = size.split(&questions[answers.len()..]);
        match live.read(call).await {
            Ok(some) => answers.extend(some),
            Err(error) if Failure::of(&error) == Failure::Size && size.refused(call.len()) => {}
            Err(error) if is_over(&error) => answers.resize(questions.len(), DataValue::null()),
            Err(_) => answers.extend(call.iter().map(|_| DataValue::null())),
        }
    }
    answers
}

fn is_over(error: &ServiceError) -> bool {
    Failure::of(error) == Failure::Session
}

/// What the values of nodes are, by DataType and ValueRank; where these leave it open, by the values that are there.
pub(in crate::opcua) async fn values_of(live: &LiveSession, nodes: &[NodeId]) -> Vec<Values> {
    let questions: Vec<_> = nodes
        .iter()
        .flat_map(|node| [AttributeId::DataType, AttributeId::ValueRank].map(|attribute| (node.clone(), attribute)))
        .collect();
    let answers = all(live, &questions).await;
    let mut found = Vec::with_capacity(nodes.len());
    for answers in answers.chunks(2) {
        let built_in = match local::data_type_of(&answers[0]) {
            Some(data_type) => types::trace(live, data_type).await.unwrap_or(BuiltIn::Unknown),
            None => BuiltIn::Unknown,
        };
        found.push(by_attributes(built_in, &answers[1]));
    }
    let open: Vec<_> = nodes
        .iter()
        .zip(&found)
        .filter(|(_, values)| **values == Values::Unknown)
        .map(|(node, _)| (node.clone(), AttributeId::Value))
        .collect();
    let mut values = all(live, &open).await.into_iter();
    for entry in found.iter_mut().filter(|values| **values == Values::Unknown) {
        *entry = values.next().map_or(Values::Unknown, |value| by_value(&value));
    }
    found
}

fn by_attributes(built_in: BuiltIn, rank: &DataValue) -> Values {
    match (built_in.is_number(), &rank.value) {
        (Some(false), _) => Values::NoNumber,
        (Some(true), Some(Variant::Int32(SCALAR))) => Values::Number,
        (Some(true), Some(Variant::Int32(0..))) => Values::Numbers,
        _ => Values::Unknown,
    }
}

fn by_value(value: &DataValue) -> Values {
    match &value.value {
        None | Some(Variant::Empty) => Values::Unknown,
        Some(value) => match (describe::type_of(value).is_some_and(types::is_number), value) {
            (false, _) => Values::NoNumber,
            (true, Variant::Array(_)) => Values::Numbers,
            (true, _) => Values::Number,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DataType;

    #[test]
    fn the_attributes_tell_and_where_they_do_not_the_value_does() {
        let rank = |rank: i32| DataValue::value_only(rank);
        let double = BuiltIn::Type(DataType::Double);
        assert_eq!(by_attributes(double, &rank(-1)), Values::Number);
        assert_eq!(by_attributes(BuiltIn::Number, &rank(2)), Values::Numbers);
        assert_eq!(by_attributes(double, &rank(-2)), Values::Unknown);
        assert_eq!(by_attributes(double, &DataValue::null()), Values::Unknown);
        assert_eq!(by_attributes(BuiltIn::Enumeration, &rank(-1)), Values::NoNumber);
        assert_eq!(by_attributes(BuiltIn::OfValue, &rank(-1)), Values::Unknown);
        assert_eq!(by_value(&DataValue::value_only(1.0)), Values::Number);
        assert_eq!(by_value(&DataValue::value_only(vec![1_i32])), Values::Numbers);
        assert_eq!(by_value(&DataValue::value_only("text")), Values::NoNumber);
        assert_eq!(by_value(&DataValue::null()), Values::Unknown);
    }
}
