//! The PLC as commands see it: describe a node, write a value, through whatever session stands.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use opcua::types::{NodeId, StatusCode as Code, Variant};

use crate::opcua::{
    plc::{Plc, PlcError},
    service_error::ServiceError,
    session::describe,
    session::live::LiveSession,
    status,
    value::variant,
};
use crate::{
    config::effective::Tag,
    domain::{NodeDescription, StatusCode, TagId, TagValue},
};

/// Where the link leaves the session that stands; empty while there is none.
pub(in crate::opcua) type CurrentSession = Arc<ArcSwapOption<LiveSession>>;

/// Describes and writes nodes through the link's session. Cheap to clone.
#[derive(Clone)]
pub struct PlcHandle {
    current: CurrentSession,
    tags: Arc<[Tag]>,
}

impl PlcHandle {
    pub(in crate::opcua) fn new(current: CurrentSession, tags: Arc<[Tag]>) -> Self {
        Self { current, tags }
    }

    fn live(&self) -> Result<Arc<LiveSession>, PlcError> {
        self.current.load_full().ok_or(PlcError::NotConnected)
    }

    async fn node(&self, live: &LiveSession, tag: TagId) -> Result<NodeId, PlcError> {
        let unknown = |reason: String| PlcError::UnknownNode { reason };
        let tag = self.tags.get(tag.index()).ok_or_else(|| unknown("there is no such tag".to_owned()))?;
        // Nothing was written, so that a failed look-up is no more than a missing session.
        let found = live.locate(&[&tag.node]).await.map_err(|_| PlcError::NotConnected)?;
        found.into_iter().next().unwrap_or_else(|| Err(String::new())).map_err(unknown)
    }
}

impl Plc for PlcHandle {
    async fn describe(&self, tag: TagId) -> Result<NodeDescription, PlcError> {
        let live = self.live()?;
        if let Some(description) = live.descriptions.lock().await.get(&tag) {
            return Ok(description.clone());
        }
        let node = self.node(&live, tag).await?;
        let description = describe::describe(&live, node).await?;
        live.descriptions.lock().await.insert(tag, description.clone());
        Ok(description)
    }

    async fn write(&self, tag: TagId, value: TagValue) -> Result<StatusCode, PlcError> {
        let live = self.live()?;
        let node = self.node(&live, tag).await?;
        let Some(value) = variant::into_variant(value) else {
            // A text that is no Guid or NodeId; any server would say the same.
            return Ok(status::from_library(Code::BadTypeMismatch));
        };
        write(&live, node, value).await
    }
}

/// Sends one Write, and tells a server's refusal from an answer that never came.
pub(in crate::opcua) async fn write(
    live: &LiveSession,
    node_id: NodeId,
    value: Variant,
) -> Result<StatusCode, PlcError> {
    match live.services.write(node_id, value).await {
        Ok(status) | Err(ServiceError::Refused(status)) => Ok(status::from_library(status)),
        Err(ServiceError::NotConnected) => Err(PlcError::NotConnected),
        Err(error) => {
            Err(PlcError::NoAnswer { reason: status::status_symbol(status::from_library(error.status())).into_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support::tag;

    #[tokio::test]
    async fn without_a_session_nothing_is_sent() {
        let tags: Arc<[Tag]> = Arc::new([tag("t", 3, "x")]);
        let handle = PlcHandle::new(CurrentSession::default(), tags);
        assert_eq!(handle.describe(TagId(0)).await, Err(PlcError::NotConnected));
        assert_eq!(handle.write(TagId(0), TagValue::Boolean(true)).await, Err(PlcError::NotConnected));
    }
}
