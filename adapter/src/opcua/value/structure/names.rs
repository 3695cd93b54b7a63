//! The names that the numbers of a node have, when its DataType is an enumeration or the node lists them itself.

use std::sync::Arc;

use opcua::types::{AttributeId, NodeId, Variant};

use super::{
    definition::{self, DefinitionKind, base_number, names_of_properties},
    server::TypeServer,
    types::Names,
};
use crate::opcua::service_error::ServiceError as Error;

/// Reads the names; none for a node whose numbers are only numbers.
pub(super) async fn of_node<S: TypeServer>(server: &S, node: &NodeId) -> Result<Names, Error> {
    let answer = server.read(&[(node.clone(), AttributeId::DataType)]).await?.into_iter().next();
    if let Some(Variant::NodeId(data_type)) = answer.and_then(|answer| answer.value)
        && base_number(&data_type).is_none()
    {
        for (_, definition) in definition::read(server, &[*data_type]).await? {
            if let DefinitionKind::Enumeration(names) = definition.kind {
                // One that lists none may have them on the variable.
                if let Some(names) = Arc::into_inner(names).filter(|names| !names.is_empty()) {
                    return Ok(names);
                }
            }
        }
    }
    // A MultiStateDiscreteType lists them on the variable.
    names_of_properties(server, node).await
}
