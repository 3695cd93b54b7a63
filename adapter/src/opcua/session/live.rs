//! A session that stands, with what was learned about its server.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use opcua::{
    client::{Session, UARequest, services::Read},
    types::{AttributeId, DataValue, Error, NodeId, ReadValueId, TimestampsToReturn, VariableId},
};
use tokio::sync::Mutex;
use tracing::info;

use crate::opcua::{
    problem::{Problem, Step},
    session::describe::BuiltIn,
    session::limits::{self, OperationLimits, ServerLimits},
    session::namespaces::NamespaceMemory,
    session::node::NamespaceTable,
    value::variant,
};
use crate::{
    config::effective::OpcUaConfig,
    domain::{NodeDescription, TagId, TagValue, value::ArrayValue},
};

/// Shared between the link, which keeps it alive, and commands, which write through it.
pub(in crate::opcua) struct LiveSession {
    pub(in crate::opcua) session: Arc<Session>,
    /// Read anew when a tag's namespace is missing: a server may add one while it runs.
    pub(in crate::opcua) namespaces: ArcSwap<NamespaceTable>,
    memory: Arc<NamespaceMemory>,
    pub(in crate::opcua) limits: OperationLimits,
    /// Nodes described in this session.
    pub(in crate::opcua) descriptions: Mutex<HashMap<TagId, NodeDescription>>,
    /// Every DataType already traced to a built-in type.
    pub(in crate::opcua) data_types: Mutex<HashMap<NodeId, BuiltIn>>,
}

impl LiveSession {
    /// Asks the server for its namespaces and limits. Limits are optional, namespaces are not.
    pub(in crate::opcua) async fn begin(
        session: Arc<Session>,
        config: &OpcUaConfig,
        memory: Arc<NamespaceMemory>,
    ) -> Result<Self, Problem> {
        let request_timeout = config.connection.request_timeout;
        let uris = read_namespaces(&session)
            .await
            .map_err(|error| Problem::service(Step::ReadServer, error.status(), request_timeout))?;
        let ServerLimits { operations: limits, profile, product } = limits::read(&session, config).await;
        info!(product, ?profile, ?limits, "the server and its limits");
        Ok(Self {
            session,
            namespaces: ArcSwap::from_pointee(memory.settle(uris)),
            memory,
            limits,
            descriptions: Mutex::default(),
            data_types: Mutex::default(),
        })
    }

    /// Looks whether the server has got new namespaces.
    pub(in crate::opcua) async fn refresh_namespaces(&self) -> Result<(), Error> {
        let uris = read_namespaces(&self.session).await?;
        self.namespaces.store(Arc::new(self.memory.settle(uris)));
        Ok(())
    }

    /// Reads attributes, in calls no larger than the server declares to take.
    pub(in crate::opcua) async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
        let most = self.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut values = Vec::with_capacity(attributes.len());
        for call in attributes.chunks(most.max(1)) {
            values.extend(read(&self.session, call).await?);
        }
        Ok(values)
    }
}

pub(in crate::opcua) async fn read(
    session: &Session,
    attributes: &[(NodeId, AttributeId)],
) -> Result<Vec<DataValue>, Error> {
    let nodes = attributes.iter().map(|(node_id, attribute)| ReadValueId {
        node_id: node_id.clone(),
        attribute_id: *attribute as u32,
        ..ReadValueId::default()
    });
    let request = Read::new(session).timestamps_to_return(TimestampsToReturn::Neither).nodes_to_read(nodes.collect());
    Ok(request.send(session.channel()).await?.results.unwrap_or_default())
}

async fn read_namespaces(session: &Session) -> Result<Vec<String>, Error> {
    let values = read(session, &[(VariableId::Server_NamespaceArray.into(), AttributeId::Value)]).await?;
    let array = values.into_iter().next().and_then(|value| value.value).and_then(variant::from_variant);
    let Some(TagValue::Array(array)) = array else {
        // Without it, only tags with an index can be subscribed, and those with a URI say what is missing.
        return Ok(Vec::new());
    };
    Ok(texts(*array))
}

fn texts(array: ArrayValue) -> Vec<String> {
    let text = |value| if let TagValue::String(text) = value { text.into() } else { String::new() };
    array.values.into_iter().map(text).collect()
}
