//! Messages that the proxy writes or rewrites.

use anyhow::Result;
use opcua::types::{
    BinaryDecodable, BinaryEncodable, ContextOwned, DateTime, DiagnosticInfo, ExtensionObject, NodeId, ObjectId,
    PublishResponse, RequestHeader, ResponseHeader, ServiceFault, StatusCode,
};

use super::frame::Frame;

/// Which request or response a chunk begins; `None` for other chunks.
pub(super) fn type_of(frame: &Frame) -> Option<ObjectId> {
    let context = ContextOwned::default();
    let id = NodeId::decode(&mut frame.body(), &context.context()).ok()?;
    id.as_object_id().ok()
}

/// A refusal of the service that a request asks for.
pub(super) fn refusal(request: &Frame, sequence: u32, status: StatusCode) -> Result<Frame> {
    let owned = ContextOwned::default();
    let context = owned.context();
    let mut body = request.body();
    NodeId::decode(&mut body, &context)?;
    let header = RequestHeader::decode(&mut body, &context)?;
    let fault = ServiceFault {
        response_header: ResponseHeader {
            timestamp: DateTime::now(),
            request_handle: header.request_handle,
            service_result: status,
            service_diagnostics: DiagnosticInfo::default(),
            string_table: None,
            additional_header: ExtensionObject::null(),
        },
    };
    let mut answer = NodeId::from(ObjectId::ServiceFault_Encoding_DefaultBinary).encode_to_vec(&context);
    answer.extend(fault.encode_to_vec(&context));
    Ok(Frame::answering(request, sequence, &answer))
}

/// A Publish response that claims two thousand million sequence numbers and holds none. `None` for what is no Publish
/// response in one chunk.
pub(super) fn forged(response: &Frame) -> Result<Option<Frame>> {
    if type_of(response) != Some(ObjectId::PublishResponse_Encoding_DefaultBinary) {
        return Ok(None);
    }
    let owned = ContextOwned::default();
    let context = owned.context();
    let mut body = response.body();
    let id = NodeId::decode(&mut body, &context)?;
    let publish = PublishResponse::decode(&mut body, &context)?;
    let mut forged = id.encode_to_vec(&context);
    forged.extend(publish.response_header.encode_to_vec(&context));
    forged.extend(publish.subscription_id.to_le_bytes());
    forged.extend(i32::MAX.to_le_bytes());
    Ok(Some(Frame::answering(response, response.sequence().unwrap_or_default(), &forged)))
}

/// A Publish response without its notifications, which a keep-alive of the same number is: the message to come will
/// have the next one. `None` for what has none, or is no Publish response in one chunk.
pub(super) fn emptied(response: &Frame) -> Result<Option<Frame>> {
    if type_of(response) != Some(ObjectId::PublishResponse_Encoding_DefaultBinary) {
        return Ok(None);
    }
    let owned = ContextOwned::default();
    let context = owned.context();
    let mut body = response.body();
    let id = NodeId::decode(&mut body, &context)?;
    let mut publish = PublishResponse::decode(&mut body, &context)?;
    if publish.notification_message.notification_data.take().is_none_or(|data| data.is_empty()) {
        return Ok(None);
    }
    let mut emptied = id.encode_to_vec(&context);
    emptied.extend(publish.encode_to_vec(&context));
    Ok(Some(Frame::answering(response, response.sequence().unwrap_or_default(), &emptied)))
}
