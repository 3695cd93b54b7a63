//! The EURange of nodes, from which a deadband in percent is computed where it is applied here.

use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResult, DataValue, NodeId, Range, ReferenceTypeId, Variant,
};

use crate::opcua::{
    session::ask, session::call_size::CallSize, session::failure::Failure, session::live::LiveSession,
    session::node::NamespaceTable,
};

/// Nodes in one Browse at first.
const NODES_PER_CALL: usize = 200;
/// References that a node's properties may have; it is about EURange, EngineeringUnits and a few more.
const MAX_REFERENCES: u32 = 50;
/// Every field of a reference.
const ALL_RESULTS: u32 = 0x3F;

/// The width of each node's EURange; `None` for a node that has none, or where the server does not answer.
pub(in crate::opcua) async fn widths(live: &LiveSession, nodes: &[NodeId]) -> Vec<Option<f64>> {
    let properties = properties(live, nodes).await;
    let known: Vec<_> = properties.iter().flatten().map(|property| (property.clone(), AttributeId::Value)).collect();
    let mut values = ask::all(live, &known).await.into_iter();
    properties.iter().map(|property| property.as_ref().and_then(|_| width(&values.next()?))).collect()
}

/// The node ids of the EURange properties.
async fn properties(live: &LiveSession, nodes: &[NodeId]) -> Vec<Option<NodeId>> {
    let mut size = CallSize::new(NODES_PER_CALL);
    let mut found = Vec::with_capacity(nodes.len());
    while found.len() < nodes.len() {
        let (call, _) = size.split(&nodes[found.len()..]);
        let questions: Vec<_> = call.iter().map(question).collect();
        match live.services.browse(questions, MAX_REFERENCES).await {
            Ok(answers) => {
                let mut answers = answers.iter();
                let namespaces = live.namespaces.load();
                found.extend(call.iter().map(|_| property(answers.next()?, &namespaces)));
            }
            Err(error) if Failure::of(&error) == Failure::Size && size.refused(call.len()) => {}
            Err(_) => found.resize(nodes.len(), None),
        }
    }
    found
}

fn question(node: &NodeId) -> BrowseDescription {
    BrowseDescription {
        node_id: node.clone(),
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HasProperty.into(),
        include_subtypes: true,
        node_class_mask: 0,
        result_mask: ALL_RESULTS,
    }
}

fn property(answer: &BrowseResult, namespaces: &NamespaceTable) -> Option<NodeId> {
    let mut references = answer.references.iter().flatten();
    let range =
        references.find(|one| one.browse_name.namespace_index == 0 && one.browse_name.name.as_ref() == "EURange");
    range.and_then(|reference| namespaces.local(&reference.node_id))
}

fn width(value: &DataValue) -> Option<f64> {
    let Some(Variant::ExtensionObject(object)) = &value.value else { return None };
    let range = object.inner_as::<Range>()?;
    Some((range.high - range.low).abs()).filter(|width| width.is_finite() && *width > 0.0)
}

#[cfg(test)]
mod tests {
    use opcua::types::{ExtensionObject, ReferenceDescription};

    use super::*;

    #[test]
    fn only_a_range_of_some_width_counts() {
        let of = |low, high| {
            width(&DataValue::value_only(Variant::ExtensionObject(ExtensionObject::from_message(Range { low, high }))))
        };
        assert_eq!(of(-10.0, 30.0), Some(40.0));
        assert_eq!(of(5.0, 5.0), None);
        assert_eq!(of(f64::NEG_INFINITY, 1.0), None);
        assert_eq!(of(f64::NAN, 1.0), None);
        assert_eq!(width(&DataValue::value_only(1.0)), None);
    }

    #[test]
    fn the_property_is_found_by_its_name_in_the_base_namespace() {
        let reference = |namespace: u16, name: &str, id: u32| ReferenceDescription {
            browse_name: opcua::types::QualifiedName::new(namespace, name),
            node_id: NodeId::new(2, id).into(),
            ..ReferenceDescription::default()
        };
        let references =
            vec![reference(0, "EngineeringUnits", 1), reference(2, "EURange", 2), reference(0, "EURange", 3)];
        let answer = BrowseResult { references: Some(references), ..BrowseResult::default() };
        assert_eq!(property(&answer, &NamespaceTable::default()), Some(NodeId::new(2, 3_u32)));
        assert_eq!(property(&BrowseResult::default(), &NamespaceTable::default()), None);
    }
}
