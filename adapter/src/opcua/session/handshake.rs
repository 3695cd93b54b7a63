//! CreateSession, ActivateSession and CloseSession (Part 4, 5.7): who we are to the server, and the proofs on both sides.

use std::time::Duration;

use opcua::{
    crypto::{KeySize, PrivateKey, PublicKey, SecurityPolicy, random},
    types::{
        ActivateSessionRequest, AnonymousIdentityToken, ApplicationDescription, ApplicationType, ByteString,
        CloseSessionRequest, CreateSessionRequest, ExtensionObject, NodeId, ObjectId, SignatureData,
        UserNameIdentityToken, UserTokenPolicy, X509IdentityToken,
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::opcua::{
    codec::session::{self, CreatedSession},
    connect::{channel::Channel, endpoint, security::Security},
    pki::{chain, keys},
    problem::{Problem, Step},
    service_error::ServiceError,
};

/// Bytes of a nonce of ours (Part 4, 5.7.2: at least 32).
const NONCE: usize = 32;
/// Bits of a key that a security policy allows (Part 7): the library divides by zero with keys that are too short for
/// the padding.
const KEY_BITS: std::ops::RangeInclusive<usize> = 1_024..=4_096;

/// Who we are to the server.
pub(in crate::opcua) enum Identity {
    Anonymous,
    UserName { name: String, password: SecretString },
    Certificate { certificate: Vec<u8>, key: Box<PrivateKey> },
}

/// What a session is made with, decided before anything is sent.
pub(in crate::opcua) struct Terms {
    /// The endpoint's address, as it is dialled.
    pub(in crate::opcua) url: String,
    /// Whether that is the server's word, and not the mapping's.
    pub(in crate::opcua) is_advertised: bool,
    pub(in crate::opcua) security: Option<Security>,
    /// The server's certificate as it came, and its key; or why the endpoint's cannot be used. Passwords are encrypted
    /// for it even on a channel without security.
    pub(in crate::opcua) server: Result<(Vec<u8>, PublicKey), String>,
    pub(in crate::opcua) identity: Identity,
    /// The policy of the identity's token.
    pub(in crate::opcua) token: UserTokenPolicy,
    /// Of this application.
    pub(in crate::opcua) application_uri: String,
    pub(in crate::opcua) session_name: String,
    /// How long the server is asked to keep the session without a word.
    pub(in crate::opcua) session_timeout: Duration,
    pub(in crate::opcua) request_timeout: Duration,
}

/// Makes a session on this channel; it is of no use before the server has proved who it is and it is activated. Returns
/// our nonce, too, which the server has to have signed.
pub(super) async fn create(channel: &Channel, terms: &Terms) -> Result<(CreatedSession, ByteString), Problem> {
    let limit = terms.request_timeout;
    let nonce = random::byte_string(NONCE);
    let own_certificate = terms.security.as_ref().map(|security| security.own_certificate.clone());
    let request = CreateSessionRequest {
        request_header: channel.header(&NodeId::null(), limit),
        client_description: ApplicationDescription {
            application_uri: terms.application_uri.as_str().into(),
            product_uri: "urn:tagwise".into(),
            application_name: "Tagwise".into(),
            application_type: ApplicationType::Client,
            ..ApplicationDescription::default()
        },
        endpoint_url: terms.url.as_str().into(),
        session_name: terms.session_name.as_str().into(),
        client_nonce: nonce.clone(),
        client_certificate: own_certificate.map_or_else(ByteString::null, ByteString::from),
        requested_session_timeout: terms.session_timeout.as_secs_f64() * 1_000.0,
        ..CreateSessionRequest::default()
    };
    let answer = ObjectId::CreateSessionResponse_Encoding_DefaultBinary;
    let created = channel.ask(Step::CreateSession, request, answer, session::created_session, limit).await?;
    Ok((created, nonce))
}

/// With security the server has to show the certificate of its endpoint, and to have its key.
///
/// # Errors
/// What it has not shown.
pub(super) fn prove(terms: &Terms, created: &CreatedSession, nonce: &ByteString) -> Result<(), Problem> {
    let Some(security) = &terms.security else { return Ok(()) };
    let signed = [security.own_certificate.as_slice(), nonce.as_ref()].concat();
    let wrong = |reason: &str| Problem::ServerCertificate { reason: reason.to_owned() };
    // A chain, or bytes behind the certificate, change nothing about it.
    if !created.server_certificate.starts_with(&security.server_certificate) {
        return Err(wrong("it shows another certificate in the session than in its endpoint"));
    }
    let signature = created.server_signature.signature.as_ref();
    security
        .policy
        .asymmetric_verify_signature(&security.server_key, &signed, signature)
        .map_err(|_| wrong("its signature in the session is wrong, so that it has not the key to its certificate"))
}

/// Activates a session on this channel. Returns the nonce for the next activation.
pub(super) async fn activate(
    channel: &Channel,
    terms: &Terms,
    token: &NodeId,
    server_nonce: &[u8],
) -> Result<Vec<u8>, Problem> {
    let limit = terms.request_timeout;
    let client_signature = match &terms.security {
        None => SignatureData::default(),
        Some(security) => sign(security.policy, &security.own_key, &security.server_certificate, server_nonce)?,
    };
    let (user_identity_token, user_token_signature) = identity(terms, server_nonce)?;
    let request = ActivateSessionRequest {
        request_header: channel.header(token, limit),
        client_signature,
        user_identity_token,
        user_token_signature,
        ..ActivateSessionRequest::default()
    };
    let answer = ObjectId::ActivateSessionResponse_Encoding_DefaultBinary;
    channel.ask(Step::ActivateSession, request, answer, session::activated_session, limit).await
}

/// Ends a session, and with it its Subscriptions.
pub(super) async fn close(channel: &Channel, token: &NodeId, limit: Duration) -> Result<(), ServiceError> {
    let request = CloseSessionRequest { request_header: channel.header(token, limit), delete_subscriptions: true };
    channel.call(request, limit).await?.answer(ObjectId::CloseSessionResponse_Encoding_DefaultBinary).map(drop)
}

/// The identity's token, and the proof that we have the key that it speaks of.
fn identity(terms: &Terms, server_nonce: &[u8]) -> Result<(ExtensionObject, SignatureData), Problem> {
    let policy_id = terms.token.policy_id.clone();
    let none = SignatureData::default();
    Ok(match &terms.identity {
        Identity::Anonymous => (ExtensionObject::from_message(AnonymousIdentityToken { policy_id }), none),
        Identity::UserName { name, password } => {
            let (password, algorithm) = secret(terms, password.expose_secret().as_bytes(), server_nonce)?;
            let token = UserNameIdentityToken {
                policy_id,
                user_name: name.as_str().into(),
                password: ByteString::from(password),
                encryption_algorithm: algorithm.map(str::to_owned).into(),
            };
            (ExtensionObject::from_message(token), none)
        }
        Identity::Certificate { certificate, key } => {
            let unusable = |reason: &String| Problem::NoKeyForUser { reason: reason.clone() };
            let (server, _) = terms.server.as_ref().map_err(unusable)?;
            let signature = sign(token_policy(terms), key, server, server_nonce)?;
            let certificate_data = ByteString::from(certificate.clone());
            (ExtensionObject::from_message(X509IdentityToken { policy_id, certificate_data }), signature)
        }
    })
}

fn token_policy(terms: &Terms) -> SecurityPolicy {
    endpoint::token_policy(&terms.token, terms.security.as_ref().map(|security| security.policy))
}

/// A password as it travels (Part 4, 7.40.2.2), and how it is encrypted.
fn secret(terms: &Terms, password: &[u8], nonce: &[u8]) -> Result<(Vec<u8>, Option<&'static str>), Problem> {
    let policy = token_policy(terms);
    if policy == SecurityPolicy::None {
        return Ok((password.to_vec(), None));
    }
    let unusable = |reason: &String| Problem::NoKeyForPassword { reason: reason.clone() };
    let (_, key) = terms.server.as_ref().map_err(unusable)?;
    let length = u32::try_from(password.len() + nonce.len()).unwrap_or(u32::MAX);
    let plain = [&length.to_le_bytes(), password, nonce].concat();
    let mut cipher = vec![0; policy.calculate_cipher_text_size(plain.len(), key)];
    let failed = |error: opcua::types::Error| Problem::of_status(Step::ActivateSession, error.status(), Duration::ZERO);
    let written = policy.asymmetric_encrypt(key, &plain, &mut cipher).map_err(failed)?;
    cipher.truncate(written);
    Ok((cipher, policy.asymmetric_encryption_algorithm()))
}

/// A signature over the server's certificate, as it came, and its nonce.
fn sign(policy: SecurityPolicy, key: &PrivateKey, certificate: &[u8], nonce: &[u8]) -> Result<SignatureData, Problem> {
    let failed = |error: opcua::types::Error| Problem::of_status(Step::ActivateSession, error.status(), Duration::ZERO);
    let mut signature = vec![0; key.size()];
    let written = policy.asymmetric_sign(key, &[certificate, nonce].concat(), &mut signature).map_err(failed)?;
    signature.truncate(written);
    Ok(SignatureData {
        algorithm: policy.asymmetric_signature_algorithm().into(),
        signature: ByteString::from(signature),
    })
}

/// The certificate that stands first among these bytes, and its key for the library's algorithms.
///
/// # Errors
/// What is wrong with it.
pub(in crate::opcua) fn leaf(bytes: &[u8]) -> Result<(Vec<u8>, PublicKey), String> {
    if bytes.is_empty() {
        return Err("there is none".to_owned());
    }
    let (certificate, _) = chain::split(bytes)?;
    let bits = certificate.key_bits();
    if !KEY_BITS.contains(&bits) {
        let (least, most) = KEY_BITS.into_inner();
        return Err(format!("its key has {bits} bits, and security policies allow {least} to {most}"));
    }
    let key = keys::public_key(&certificate).map_err(|error| error.to_string())?;
    Ok((certificate.der().to_vec(), key))
}

#[cfg(test)]
mod tests {
    use rsa::{RsaPrivateKey, RsaPublicKey, rand_core::OsRng};

    use super::*;

    fn certificate_of(bits: usize) -> Vec<u8> {
        let key = RsaPublicKey::from(RsaPrivateKey::new(&mut OsRng, bits).unwrap());
        keys::minimal(&key).unwrap()
    }

    #[test]
    fn a_key_of_a_length_that_no_policy_allows_is_refused() {
        for bits in [336, 528, 1_016] {
            let reason = leaf(&certificate_of(bits)).unwrap_err();
            assert!(reason.contains(&format!("{bits} bits")), "{reason}");
        }
        assert!(leaf(&certificate_of(1_024)).is_ok());
        assert_eq!(leaf(b"").unwrap_err(), "there is none");
    }
}
