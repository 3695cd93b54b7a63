//! A session that stands, with what was learned about its server.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use opcua::types::{AttributeId, DataValue, NodeId, VariableId};
use tokio::sync::Mutex;
use tracing::info;

use crate::opcua::{
    problem::{Problem, Step},
    service_error::ServiceError,
    session::describe::Described,
    session::limits::{self, OperationLimits, ServerLimits},
    session::namespaces::NamespaceMemory,
    session::node::NamespaceTable,
    session::services::Services,
    session::types::BuiltIn,
    value::variant,
};
use crate::{
    config::effective::OpcUaConfig,
    domain::{TagId, TagValue, value::ArrayValue},
};

/// Shared between the link, which keeps it alive, and commands, which write through it.
pub(in crate::opcua) struct LiveSession {
    pub(in crate::opcua) services: Services,
    /// Read anew when a tag's namespace is missing: a server may add one while it runs.
    pub(in crate::opcua) namespaces: ArcSwap<NamespaceTable>,
    memory: Arc<NamespaceMemory>,
    pub(in crate::opcua) limits: OperationLimits,
    /// Nodes described in this session.
    pub(in crate::opcua) descriptions: Mutex<HashMap<TagId, Described>>,
    /// Every DataType already traced to a built-in type.
    pub(in crate::opcua) data_types: Mutex<HashMap<NodeId, BuiltIn>>,
}

impl LiveSession {
    /// Asks the server for its namespaces and limits. Limits are optional, namespaces are not.
    pub(in crate::opcua) async fn begin(
        services: Services,
        config: &OpcUaConfig,
        memory: Arc<NamespaceMemory>,
    ) -> Result<Self, Problem> {
        let request_timeout = config.connection.request_timeout;
        let uris = read_namespaces(&services)
            .await
            .map_err(|error| Problem::service(Step::ReadServer, &error, request_timeout))?;
        let ServerLimits { operations: limits, profile, product } = limits::read(&services, config).await;
        info!(product, ?profile, ?limits, "the server and its limits");
        Ok(Self {
            services,
            namespaces: ArcSwap::from_pointee(memory.settle(uris)),
            memory,
            limits,
            descriptions: Mutex::default(),
            data_types: Mutex::default(),
        })
    }

    /// Looks whether the server has got new namespaces.
    pub(in crate::opcua) async fn refresh_namespaces(&self) -> Result<(), ServiceError> {
        let uris = read_namespaces(&self.services).await?;
        self.namespaces.store(Arc::new(self.memory.settle(uris)));
        Ok(())
    }

    /// What was learned of a tag's node and of the DataTypes is read anew when it is needed next.
    pub(in crate::opcua) async fn forget(&self, tag: TagId) {
        self.descriptions.lock().await.remove(&tag);
        self.data_types.lock().await.clear();
    }

    /// Reads attributes, in calls no larger than the server declares to take.
    pub(in crate::opcua) async fn read(
        &self,
        attributes: &[(NodeId, AttributeId)],
    ) -> Result<Vec<DataValue>, ServiceError> {
        let most = self.limits.nodes_per_read.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut values = Vec::with_capacity(attributes.len());
        for call in attributes.chunks(most.max(1)) {
            let answers = self.services.read(call).await?;
            let namespaces = self.namespaces.load();
            let settled =
                call.iter().zip(answers).map(|((_, attribute), answer)| namespaces.settled(*attribute, answer));
            values.extend(settled);
        }
        Ok(values)
    }
}

async fn read_namespaces(services: &Services) -> Result<Vec<String>, ServiceError> {
    let values = services.read(&[(VariableId::Server_NamespaceArray.into(), AttributeId::Value)]).await?;
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
