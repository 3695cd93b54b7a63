//! What the server is asked about types.

use std::future::Future;

use opcua::types::{AttributeId, BrowseDirection, DataValue, NodeId, ReferenceDescription, ReferenceTypeId};

use crate::{config::effective::Tag, opcua::service_error::ServiceError as Error};

/// Answers questions about nodes; a session, or a test.
pub(in crate::opcua) trait TypeServer: Sync {
    /// The node of a tag in this session; `None` while there is none.
    fn node_of(&self, tag: &Tag) -> impl Future<Output = Option<NodeId>> + Send;

    /// Attributes of nodes, one answer each.
    fn read(&self, attributes: &[(NodeId, AttributeId)]) -> impl Future<Output = Result<Vec<DataValue>, Error>> + Send;

    /// References of one kind, and of its subtypes.
    fn references(
        &self,
        node: &NodeId,
        kind: ReferenceTypeId,
        direction: BrowseDirection,
    ) -> impl Future<Output = Result<Vec<ReferenceDescription>, Error>> + Send;
}
