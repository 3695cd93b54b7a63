//! Node ids that a server sends as ExpandedNodeId where a NodeId is due: some do so for the attribute DataType.

use opcua::types::{AttributeId, DataValue, ExpandedNodeId, NodeId, ReferenceDescription, Variant};

use crate::opcua::session::node::NamespaceTable;

impl NamespaceTable {
    /// The id of a node of this server; `None` for one of another server, and for a namespace that is not listed.
    pub(in crate::opcua) fn local(&self, id: &ExpandedNodeId) -> Option<NodeId> {
        if id.server_index != 0 {
            return None;
        }
        let namespace = match id.namespace_uri.as_ref() {
            "" => id.node_id.namespace,
            uri => self.index_of(uri)?,
        };
        Some(NodeId { namespace, identifier: id.node_id.identifier.clone() })
    }

    /// The answer to a question about an attribute; a DataType is a NodeId, however it was sent.
    pub(in crate::opcua) fn settled(&self, attribute: AttributeId, mut answer: DataValue) -> DataValue {
        if attribute == AttributeId::DataType
            && let Some(Variant::ExpandedNodeId(id)) = &answer.value
        {
            answer.value = self.local(id).map(|id| Variant::NodeId(Box::new(id)));
        }
        answer
    }

    /// The references that lead to nodes of this server, their ids those of this session.
    pub(in crate::opcua) fn locals(&self, references: Vec<ReferenceDescription>) -> Vec<ReferenceDescription> {
        let local = |mut reference: ReferenceDescription| {
            reference.node_id = ExpandedNodeId::new(self.local(&reference.node_id)?);
            Some(reference)
        };
        references.into_iter().filter_map(local).collect()
    }
}

/// The node that the attribute DataType names; `None` where it names none.
pub(in crate::opcua) fn data_type_of(answer: &DataValue) -> Option<NodeId> {
    match &answer.value {
        Some(Variant::NodeId(id)) if !id.is_null() => Some((**id).clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> NamespaceTable {
        NamespaceTable::new(["http://opcfoundation.org/UA/", "urn:server", "urn:plc"].map(str::to_owned).into())
    }

    fn expanded(namespace: u16, uri: &str, server_index: u32) -> ExpandedNodeId {
        ExpandedNodeId { node_id: NodeId::new(namespace, 7_u32), namespace_uri: uri.into(), server_index }
    }

    #[test]
    fn an_expanded_id_is_the_node_of_this_session_or_none() {
        let check = |id: ExpandedNodeId, expected: Option<NodeId>| assert_eq!(table().local(&id), expected, "{id}");
        check(expanded(2, "", 0), Some(NodeId::new(2, 7_u32)));
        check(expanded(0, "urn:plc", 0), Some(NodeId::new(2, 7_u32)));
        check(expanded(0, "http://opcfoundation.org/UA/", 0), Some(NodeId::new(0, 7_u32)));
        check(expanded(0, "urn:other", 0), None);
        check(expanded(2, "", 1), None);
    }

    #[test]
    fn a_data_type_counts_however_it_was_sent_and_other_attributes_stay() {
        let answer = || DataValue::value_only(Variant::ExpandedNodeId(Box::new(expanded(0, "urn:plc", 0))));
        let settled = table().settled(AttributeId::DataType, answer());
        assert_eq!(data_type_of(&settled), Some(NodeId::new(2, 7_u32)));
        assert_eq!(table().settled(AttributeId::Value, answer()), answer());
        assert_eq!(data_type_of(&DataValue::value_only(Variant::NodeId(Box::new(NodeId::null())))), None);
        assert_eq!(data_type_of(&DataValue::value_only(5)), None);
    }

    #[test]
    fn references_to_other_servers_are_left_out() {
        let reference = |node_id| ReferenceDescription { node_id, ..ReferenceDescription::default() };
        let found = table().locals(vec![reference(expanded(0, "urn:plc", 0)), reference(expanded(2, "", 3))]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].node_id, ExpandedNodeId::new(NodeId::new(2, 7_u32)));
    }
}
