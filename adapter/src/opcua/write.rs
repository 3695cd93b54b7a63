//! The PLC as commands see it: describe a node, write a value, through whatever session stands.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use opcua::{
    client::services::Write,
    core::ResponseMessage,
    types::{AttributeId, DataValue, NodeId, ResponseHeader, StatusCode as Code, Variant, WriteRequest, WriteValue},
};

use crate::opcua::{
    plc::{Plc, PlcError},
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

/// Sends one Write. The library's own call does not tell a server's refusal from an answer that never came.
pub(in crate::opcua) async fn write(
    live: &LiveSession,
    node_id: NodeId,
    value: Variant,
) -> Result<StatusCode, PlcError> {
    let session = &live.session;
    let request = WriteRequest {
        request_header: Write::new(session).header().clone(),
        nodes_to_write: Some(vec![WriteValue {
            node_id,
            attribute_id: AttributeId::Value as u32,
            // Value only: many servers refuse a write with a status or a timestamp (BadWriteNotSupported).
            value: DataValue::value_only(value),
            ..WriteValue::default()
        }]),
    };
    let timeout = std::time::Duration::from_millis(u64::from(request.request_header.timeout_hint));
    match session.channel().send(request, timeout).await {
        Ok(response) => Ok(verdict(response)),
        Err(error) if error.status() == Code::BadNotConnected => Err(PlcError::NotConnected),
        Err(error) => {
            Err(PlcError::NoAnswer { reason: status::status_symbol(status::from_library(error.status())).into_owned() })
        }
    }
}

fn verdict(response: ResponseMessage) -> StatusCode {
    let of_header = |header: &ResponseHeader| {
        if header.service_result.is_good() { Code::BadUnknownResponse } else { header.service_result }
    };
    let code = match response {
        ResponseMessage::Write(response) => {
            let result = response.results.as_deref().and_then(|results| results.first().copied());
            result.unwrap_or_else(|| of_header(&response.response_header))
        }
        ResponseMessage::ServiceFault(fault) => of_header(&fault.response_header),
        _ => Code::BadUnknownResponse,
    };
    status::from_library(code)
}

#[cfg(test)]
mod tests {
    use opcua::types::{ServiceFault, WriteResponse};

    use super::*;
    use crate::opcua::test_support::tag;

    fn response(header: Code, results: Option<Vec<Code>>) -> ResponseMessage {
        let response_header = ResponseHeader { service_result: header, ..ResponseHeader::default() };
        ResponseMessage::from(WriteResponse { response_header, results, diagnostic_infos: None })
    }

    #[test]
    fn the_verdict_is_the_nodes_own_or_the_services() {
        let check = |response: ResponseMessage, expected: Code| assert_eq!(verdict(response).0, expected.bits());
        check(response(Code::Good, Some(vec![Code::Good])), Code::Good);
        check(response(Code::Good, Some(vec![Code::BadTypeMismatch])), Code::BadTypeMismatch);
        check(response(Code::BadTooManyOperations, None), Code::BadTooManyOperations);
        check(response(Code::Good, None), Code::BadUnknownResponse);
        let response_header = ResponseHeader { service_result: Code::BadUserAccessDenied, ..ResponseHeader::default() };
        check(ResponseMessage::from(ServiceFault { response_header }), Code::BadUserAccessDenied);
    }

    #[tokio::test]
    async fn without_a_session_nothing_is_sent() {
        let tags: Arc<[Tag]> = Arc::new([tag("t", 3, "x")]);
        let handle = PlcHandle::new(CurrentSession::default(), tags);
        assert_eq!(handle.describe(TagId(0)).await, Err(PlcError::NotConnected));
        assert_eq!(handle.write(TagId(0), TagValue::Boolean(true)).await, Err(PlcError::NotConnected));
    }
}
