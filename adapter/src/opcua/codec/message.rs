//! What every request and every answer begins with.

use bytes::Bytes;
use opcua::{
    core::{Message as _, RequestMessage},
    types::{BinaryEncodable, ContextOwned, ObjectId, StatusCode},
};

use crate::domain::Timestamp;
use crate::opcua::{
    service_error::ServiceError,
    value::{
        attributes::text,
        reader::{Malformed, Reader},
        skip,
    },
};

/// A whole message as the secure channel hands it out: the id of its type and its fields.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct Message {
    /// The type's number in OPC UA's own namespace; `None` for any other type.
    pub(in crate::opcua) type_id: Option<u32>,
    /// What follows the type id.
    pub(in crate::opcua) body: Bytes,
    /// When its last byte had come.
    pub(in crate::opcua) received_at: Timestamp,
}

impl Message {
    /// Takes the type id off the front of what has just come.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::opcua) fn new(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let id = reader.node_id()?;
        let type_id = match id.identifier {
            opcua::types::Identifier::Numeric(number) if id.namespace == 0 => Some(number),
            _ => None,
        };
        Ok(Self { type_id, body: bytes.slice(reader.position()..), received_at: Timestamp::now() })
    }

    /// A reader that stands behind the ResponseHeader, where this is the answer that was waited for.
    ///
    /// # Errors
    /// What the server says instead, or that nobody can tell what it says.
    pub(in crate::opcua) fn answer(&self, expected: ObjectId) -> Result<Reader<'_>, ServiceError> {
        let mut reader = Reader::new(&self.body);
        let result = response_header(&mut reader)?;
        if result.is_bad() {
            return Err(ServiceError::Refused(result));
        }
        if self.type_id == Some(expected as u32) {
            return Ok(reader);
        }
        let is_fault = self.type_id == Some(ObjectId::ServiceFault_Encoding_DefaultBinary as u32);
        let what = if is_fault { "a ServiceFault without a fault" } else { "an answer to another question" };
        Err(ServiceError::Unreadable(format!("{what} in the place of {expected:?}")))
    }
}

impl From<Malformed> for ServiceError {
    fn from(malformed: Malformed) -> Self {
        Self::Unreadable(malformed.to_string())
    }
}

/// The bytes of a request: the id of its type and its fields.
///
/// # Errors
/// When it holds what has no bytes.
pub(in crate::opcua) fn encode(request: &RequestMessage) -> Result<Vec<u8>, ServiceError> {
    let context = ContextOwned::default();
    let context = context.context();
    let mut bytes = Vec::with_capacity(request.byte_len(&context) + 8);
    let written = request.type_id().encode(&mut bytes, &context).and_then(|()| request.encode(&mut bytes, &context));
    written.map_err(|error| ServiceError::NotSent(error.status()))?;
    Ok(bytes)
}

/// Reads a ResponseHeader, and returns the ServiceResult.
pub(in crate::opcua) fn response_header(reader: &mut Reader<'_>) -> Result<StatusCode, Malformed> {
    // Timestamp and RequestHandle: the channel knows by the request id which answer it is.
    reader.bytes(8 + 4)?;
    let result = status(reader)?;
    skip::diagnostic_info(reader)?;
    reader.list(text)?;
    skip_extension_object(reader)?;
    Ok(result)
}

pub(in crate::opcua) fn status(reader: &mut Reader<'_>) -> Result<StatusCode, Malformed> {
    reader.u32().map(StatusCode::from)
}

/// A list of StatusCodes.
pub(in crate::opcua) fn statuses(reader: &mut Reader<'_>) -> Result<Vec<StatusCode>, Malformed> {
    reader.list(status)
}

/// Passes a structure that nobody asks for. One that does not say how long it is counts as empty.
pub(in crate::opcua) fn skip_extension_object(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match skip::extension_object(reader) {
        Err(Malformed::NoLength { .. }) => Ok(()),
        passed => passed,
    }
}

#[cfg(test)]
mod tests {
    use opcua::{
        core::ResponseMessage,
        types::{ReadRequest, ReadResponse, ResponseHeader, ServiceFault, UAString},
    };

    use super::*;

    /// A message as the library sends it.
    pub(in crate::opcua) fn message(response: impl Into<ResponseMessage>) -> Message {
        let response = response.into();
        let context = ContextOwned::default();
        let mut bytes = response.type_id().encode_to_vec(&context.context());
        response.encode(&mut bytes, &context.context()).unwrap();
        Message::new(&Bytes::from(bytes)).unwrap()
    }

    fn header(service_result: StatusCode) -> ResponseHeader {
        ResponseHeader {
            service_result,
            string_table: Some(vec!["a".into(), UAString::null()]),
            ..ResponseHeader::default()
        }
    }

    #[test]
    fn an_answer_is_what_was_waited_for_or_says_why_not() {
        let expected = ObjectId::ReadResponse_Encoding_DefaultBinary;
        let read = |result| ReadResponse { response_header: header(result), results: None, diagnostic_infos: None };
        let good = message(read(StatusCode::Good));
        assert_eq!(good.answer(expected).unwrap().rest().len(), 8);
        let other = ObjectId::BrowseResponse_Encoding_DefaultBinary;
        assert!(matches!(good.answer(other).err(), Some(ServiceError::Unreadable(_))));
        let bad = message(read(StatusCode::BadTooManyOperations));
        assert_eq!(bad.answer(expected).err(), Some(ServiceError::Refused(StatusCode::BadTooManyOperations)));
        let fault = message(ServiceFault { response_header: header(StatusCode::BadSessionIdInvalid) });
        assert_eq!(fault.answer(expected).err(), Some(ServiceError::Refused(StatusCode::BadSessionIdInvalid)));
        let hollow = message(ServiceFault { response_header: header(StatusCode::Good) });
        assert!(matches!(hollow.answer(expected).err(), Some(ServiceError::Unreadable(_))), "Good is never a cause");
    }

    #[test]
    fn a_message_that_ends_early_is_unreadable() {
        let whole = message(ServiceFault { response_header: header(StatusCode::BadShutdown) });
        for length in 0..whole.body.len() {
            let cut = Message { body: whole.body.slice(..length), ..whole.clone() };
            let answer = cut.answer(ObjectId::ReadResponse_Encoding_DefaultBinary);
            assert!(matches!(answer.err(), Some(ServiceError::Unreadable(_))), "{length}");
        }
        assert!(Message::new(&Bytes::new()).is_err());
    }

    #[test]
    fn a_request_is_encoded_with_the_id_of_its_type() {
        let bytes = encode(&ReadRequest::default().into()).unwrap();
        let message = Message::new(&Bytes::from(bytes)).unwrap();
        assert_eq!(message.type_id, Some(ObjectId::ReadRequest_Encoding_DefaultBinary as u32));
    }

    #[test]
    fn a_structure_without_its_length_counts_as_empty_where_nobody_asks_for_it() {
        let bytes = [1, 0, 7, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 42];
        let mut reader = Reader::new(&bytes);
        assert_eq!(skip_extension_object(&mut reader), Ok(()));
        assert_eq!(reader.rest(), [42]);
    }
}
