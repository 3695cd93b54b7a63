//! One session for a person who looks: browse, read, write, inspect. What the link does for ever, this does once.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::opcua::{
    lifecycle::life,
    plc::PlcError,
    problem::Problem,
    service_error::ServiceError,
    session::describe,
    session::live::LiveSession,
    session::namespaces::NamespaceMemory,
    session::open::{OpenSession, SessionFactory},
    status,
    value::variant,
    write,
};
use crate::{
    config::effective::OpcUaConfig,
    domain::{NodeDescription, NodeLocator, StatusCode, TagValue},
};

/// How long taking leave of the server may last.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Why the server could not be asked, in a sentence with the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{sentence}")]
pub struct ExplorerError {
    sentence: String,
}

/// A session with a server, for as long as this lives.
pub struct Explorer {
    open: OpenSession,
    pub(in crate::opcua) live: LiveSession,
}

impl Explorer {
    /// Connects once. `adapter_id` is part of who we are to the server, as for an adapter.
    ///
    /// # Errors
    /// What is wrong with the connection.
    pub async fn connect(
        config: OpcUaConfig,
        adapter_id: &str,
        namespaces: NamespaceMemory,
    ) -> Result<Self, ExplorerError> {
        let factory = SessionFactory::new(config.clone(), adapter_id);
        let open = Box::pin(factory.open()).await?;
        let live = LiveSession::begin(open.services.clone(), &config, Arc::new(namespaces)).await?;
        Ok(Self { open, live })
    }

    /// The place with the URIs that its namespace indices stand for in this session.
    pub fn by_uri(&self, place: &NodeLocator) -> NodeLocator {
        let namespaces = self.live.namespaces.load();
        let uri = |index: u16| namespaces.uri_of(index).filter(|uri| index > 0 && !uri.is_empty()).cloned();
        place.with_uris(uri)
    }

    /// What a node says of itself before it is written.
    ///
    /// # Errors
    /// When there is no such node, or no answer.
    pub async fn describe(&self, place: &NodeLocator) -> Result<NodeDescription, ExplorerError> {
        let node = self.locate_one(place).await?;
        Ok(describe::describe(&self.live, node).await?.node)
    }

    /// Writes a value, without timestamps, and returns what the server answered.
    ///
    /// # Errors
    /// When nothing was sent, or no answer came.
    pub async fn write(&self, place: &NodeLocator, value: TagValue) -> Result<StatusCode, ExplorerError> {
        let node = self.locate_one(place).await?;
        let wire = describe::describe(&self.live, node.clone()).await?.wire;
        let Some(value) = variant::into_variant(value) else {
            // A text that is no Guid or NodeId; any server would say the same.
            return Ok(status::from_library(opcua::types::StatusCode::BadTypeMismatch));
        };
        Ok(write::write(&self.live, node, write::as_it_travels(value, wire), None).await?)
    }

    /// Takes leave of the server, which would otherwise keep the session until its timeout.
    pub async fn close(self) {
        life::close(&self.open, None, CLOSE_TIME).await;
    }

    pub(in crate::opcua) async fn locate_one(
        &self,
        place: &NodeLocator,
    ) -> Result<opcua::types::NodeId, ExplorerError> {
        let found = self.live.locate(&[place]).await?;
        let found = found.into_iter().next().unwrap_or_else(|| Err(String::new()));
        found.map_err(|why| ExplorerError::about(place, &why))
    }
}

impl ExplorerError {
    pub(in crate::opcua) fn about(place: &NodeLocator, why: &str) -> Self {
        Self { sentence: format!("{place}: {why}") }
    }
}

impl From<Problem> for ExplorerError {
    fn from(problem: Problem) -> Self {
        Self { sentence: problem.to_string() }
    }
}

impl From<PlcError> for ExplorerError {
    fn from(error: PlcError) -> Self {
        Self { sentence: error.to_string() }
    }
}

impl From<ServiceError> for ExplorerError {
    /// The failure of a whole call.
    fn from(error: ServiceError) -> Self {
        Self { sentence: format!("the server did not answer as it should: {error}") }
    }
}
