//! Answers for whoever reads types.

use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, DataValue, NodeId, ReferenceDescription, ReferenceTypeId,
};

use crate::config::effective::Tag;
use crate::opcua::{
    service_error::ServiceError as Error, session::live::LiveSession, value::structure::server::TypeServer,
};

/// References that a node is believed to have of one kind.
const MAX_REFERENCES: u32 = 100;
const ALL_RESULTS: u32 = 0x3F;

impl TypeServer for LiveSession {
    async fn node_of(&self, tag: &Tag) -> Option<NodeId> {
        self.locate(&[&tag.node]).await.ok()?.pop()?.ok()
    }

    async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
        Self::read(self, attributes).await
    }

    async fn references(
        &self,
        node: &NodeId,
        kind: ReferenceTypeId,
        direction: BrowseDirection,
    ) -> Result<Vec<ReferenceDescription>, Error> {
        let question = BrowseDescription {
            node_id: node.clone(),
            browse_direction: direction,
            reference_type_id: kind.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: ALL_RESULTS,
        };
        let answers = self.services.browse(vec![question], MAX_REFERENCES).await?;
        let references = answers.into_iter().next().and_then(|answer| answer.references).unwrap_or_default();
        Ok(self.namespaces.load().locals(references))
    }
}
