//! Answers about endpoints, channels and sessions.

use opcua::types::{
    ApplicationDescription, ApplicationType, ByteString, ChannelSecurityToken, DateTime, EndpointDescription,
    MessageSecurityMode, NodeId, SignatureData, UaEnum, UserTokenPolicy, UserTokenType,
};

use crate::opcua::value::{
    attributes::{localized_text, text},
    reader::{Malformed, Reader},
};

/// What OpenSecureChannel grants.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct OpenedChannel {
    pub(in crate::opcua) token: ChannelSecurityToken,
    pub(in crate::opcua) server_nonce: Vec<u8>,
}

/// What CreateSession grants.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct CreatedSession {
    pub(in crate::opcua) session_id: NodeId,
    pub(in crate::opcua) authentication_token: NodeId,
    /// In milliseconds, as the server says.
    pub(in crate::opcua) revised_session_timeout: f64,
    pub(in crate::opcua) server_nonce: Vec<u8>,
    /// As it came: a chain, or with bytes behind it.
    pub(in crate::opcua) server_certificate: Vec<u8>,
    pub(in crate::opcua) server_signature: SignatureData,
}

pub(in crate::opcua) fn endpoints(reader: &mut Reader<'_>) -> Result<Vec<EndpointDescription>, Malformed> {
    reader.list(endpoint)
}

pub(in crate::opcua) fn opened_channel(reader: &mut Reader<'_>) -> Result<OpenedChannel, Malformed> {
    // ServerProtocolVersion.
    reader.u32()?;
    let token = ChannelSecurityToken {
        channel_id: reader.u32()?,
        token_id: reader.u32()?,
        created_at: DateTime::from(reader.i64()?),
        revised_lifetime: reader.u32()?,
    };
    Ok(OpenedChannel { token, server_nonce: bytes(reader)? })
}

pub(in crate::opcua) fn created_session(reader: &mut Reader<'_>) -> Result<CreatedSession, Malformed> {
    let session_id = reader.node_id()?;
    let authentication_token = reader.node_id()?;
    let revised_session_timeout = reader.f64()?;
    let server_nonce = bytes(reader)?;
    let server_certificate = bytes(reader)?;
    // ServerEndpoints and ServerSoftwareCertificates: nobody looks at them.
    reader.list(endpoint)?;
    reader.list(|reader| {
        reader.byte_string()?;
        reader.byte_string().map(drop)
    })?;
    let server_signature = signature(reader)?;
    // MaxRequestMessageSize: the hello has settled what a message may have.
    reader.u32()?;
    Ok(CreatedSession {
        session_id,
        authentication_token,
        revised_session_timeout,
        server_nonce,
        server_certificate,
        server_signature,
    })
}

/// The nonce that ActivateSession gives.
pub(in crate::opcua) fn activated_session(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    bytes(reader)
}

fn bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    Ok(reader.byte_string()?.unwrap_or_default().to_vec())
}

fn signature(reader: &mut Reader<'_>) -> Result<SignatureData, Malformed> {
    Ok(SignatureData { algorithm: text(reader)?, signature: ByteString::from(bytes(reader)?) })
}

fn endpoint(reader: &mut Reader<'_>) -> Result<EndpointDescription, Malformed> {
    Ok(EndpointDescription {
        endpoint_url: text(reader)?,
        server: application(reader)?,
        server_certificate: match reader.byte_string()? {
            None => ByteString::null(),
            Some(bytes) => ByteString::from(bytes.to_vec()),
        },
        security_mode: MessageSecurityMode::from_repr(reader.i32()?).unwrap_or(MessageSecurityMode::Invalid),
        security_policy_uri: text(reader)?,
        user_identity_tokens: Some(reader.list(token_policy)?.into_iter().flatten().collect()),
        transport_profile_uri: text(reader)?,
        security_level: reader.u8()?,
    })
}

fn application(reader: &mut Reader<'_>) -> Result<ApplicationDescription, Malformed> {
    Ok(ApplicationDescription {
        application_uri: text(reader)?,
        product_uri: text(reader)?,
        application_name: localized_text(reader)?,
        application_type: ApplicationType::from_repr(reader.i32()?).unwrap_or(ApplicationType::Server),
        gateway_server_uri: text(reader)?,
        discovery_profile_uri: text(reader)?,
        discovery_urls: Some(reader.list(text)?),
    })
}

/// `None` for a type of token that nobody knows.
fn token_policy(reader: &mut Reader<'_>) -> Result<Option<UserTokenPolicy>, Malformed> {
    let (policy_id, token_type) = (text(reader)?, UserTokenType::from_repr(reader.i32()?));
    let (issued_token_type, issuer_endpoint_url, security_policy_uri) = (text(reader)?, text(reader)?, text(reader)?);
    Ok(token_type.ok().map(|token_type| UserTokenPolicy {
        policy_id,
        token_type,
        issued_token_type,
        issuer_endpoint_url,
        security_policy_uri,
    }))
}

#[cfg(test)]
mod tests {
    use opcua::types::{BinaryEncodable, ContextOwned, LocalizedText};

    use super::*;

    fn example() -> EndpointDescription {
        EndpointDescription {
            endpoint_url: "opc.tcp://plc:4840".into(),
            server: ApplicationDescription {
                application_uri: "urn:plc".into(),
                application_name: LocalizedText::new("de", "T?R"),
                application_type: ApplicationType::DiscoveryServer,
                discovery_urls: Some(vec!["opc.tcp://plc:4840/discovery".into()]),
                ..ApplicationDescription::default()
            },
            server_certificate: ByteString::from(vec![1, 2, 3]),
            security_mode: MessageSecurityMode::SignAndEncrypt,
            security_policy_uri: "x".into(),
            user_identity_tokens: Some(vec![UserTokenPolicy {
                policy_id: "0".into(),
                token_type: UserTokenType::UserName,
                ..UserTokenPolicy::default()
            }]),
            transport_profile_uri: "t".into(),
            security_level: 7,
        }
    }

    #[test]
    fn endpoints_are_those_of_the_library() {
        let context = ContextOwned::default();
        let bytes = Some(vec![example(), example()]).encode_to_vec(&context.context());
        let mut reader = Reader::new(&bytes);
        assert_eq!(endpoints(&mut reader), Ok(vec![example(), example()]));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_name_in_another_code_page_prevents_nothing() {
        let context = ContextOwned::default();
        let mut bytes = Some(vec![example()]).encode_to_vec(&context.context());
        let at = bytes.windows(3).position(|three| three == b"T?R").unwrap();
        bytes[at + 1] = 0xFC;
        let read = endpoints(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read[0].server.application_name.text.as_ref(), "T\u{FFFD}R");
        assert_eq!(read[0].security_level, 7);
    }
}
