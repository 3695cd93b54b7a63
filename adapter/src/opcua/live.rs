//! A session that stands, with what was learned about its server.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use opcua::{
    client::{Session, UARequest, services::Read},
    types::{AttributeId, DataValue, Error, NodeId, ReadValueId, TimestampsToReturn, VariableId, Variant},
};
use tokio::sync::Mutex;

use super::{
    describe::BuiltIn,
    node::NamespaceTable,
    problem::{Problem, Step},
    variant,
};
use crate::domain::{NodeDescription, TagId, TagValue, value::ArrayValue};

/// Shared between the link, which keeps it alive, and commands, which write through it.
pub(super) struct LiveSession {
    pub(super) session: Arc<Session>,
    /// Read anew when a tag's namespace is missing: a server may add one while it runs.
    pub(super) namespaces: ArcSwap<NamespaceTable>,
    pub(super) limits: OperationLimits,
    /// Nodes described in this session.
    pub(super) descriptions: Mutex<HashMap<TagId, NodeDescription>>,
    /// Every DataType already traced to a built-in type.
    pub(super) data_types: Mutex<HashMap<NodeId, BuiltIn>>,
}

/// What the server declares it can take; `None` where it declares nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OperationLimits {
    /// `MaxNodesPerRead`.
    pub(super) nodes_per_read: Option<u32>,
    /// `MaxMonitoredItemsPerCall`.
    pub(super) monitored_items_per_call: Option<u32>,
    /// `MaxMonitoredItemsPerSubscription`.
    pub(super) monitored_items_per_subscription: Option<u32>,
}

impl LiveSession {
    /// Asks the server for its namespaces and limits. Limits are optional, namespaces are not.
    pub(super) async fn begin(session: Arc<Session>, request_timeout: Duration) -> Result<Self, Problem> {
        let namespaces = read_namespaces(&session)
            .await
            .map_err(|error| Problem::service(Step::ReadServer, error.status(), request_timeout))?;
        let limits = read_limits(&session).await;
        Ok(Self {
            session,
            namespaces: ArcSwap::from_pointee(namespaces),
            limits,
            descriptions: Mutex::default(),
            data_types: Mutex::default(),
        })
    }

    /// Looks whether the server has got new namespaces.
    pub(super) async fn refresh_namespaces(&self) -> Result<(), Error> {
        self.namespaces.store(Arc::new(read_namespaces(&self.session).await?));
        Ok(())
    }

    /// Reads attributes, in calls no larger than the server declares to take.
    pub(super) async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
        let most = self.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut values = Vec::with_capacity(attributes.len());
        for call in attributes.chunks(most.max(1)) {
            values.extend(read(&self.session, call).await?);
        }
        Ok(values)
    }
}

async fn read(session: &Session, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
    let nodes = attributes.iter().map(|(node_id, attribute)| ReadValueId {
        node_id: node_id.clone(),
        attribute_id: *attribute as u32,
        ..ReadValueId::default()
    });
    let request = Read::new(session).timestamps_to_return(TimestampsToReturn::Neither).nodes_to_read(nodes.collect());
    Ok(request.send(session.channel()).await?.results.unwrap_or_default())
}

async fn read_namespaces(session: &Session) -> Result<NamespaceTable, Error> {
    let values = read(session, &[(VariableId::Server_NamespaceArray.into(), AttributeId::Value)]).await?;
    let array = values.into_iter().next().and_then(|value| value.value).and_then(variant::from_variant);
    let Some(TagValue::Array(array)) = array else {
        // Without it, only tags with an index can be subscribed, and those with a URI say what is missing.
        return Ok(NamespaceTable::default());
    };
    Ok(NamespaceTable::new(texts(*array)))
}

fn texts(array: ArrayValue) -> Vec<String> {
    let text = |value| if let TagValue::String(text) = value { text.into() } else { String::new() };
    array.values.into_iter().map(text).collect()
}

async fn read_limits(session: &Session) -> OperationLimits {
    let nodes = [
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        VariableId::Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
    ];
    let nodes = nodes.map(|node| (NodeId::from(node), AttributeId::Value));
    let values = read(session, &nodes).await.unwrap_or_default();
    // 0 means that there is no limit.
    let limit = |index: usize| match values.get(index)?.value {
        Some(Variant::UInt32(limit)) if limit > 0 => Some(limit),
        _ => None,
    };
    OperationLimits {
        nodes_per_read: limit(0),
        monitored_items_per_call: limit(1),
        monitored_items_per_subscription: limit(2),
    }
}
