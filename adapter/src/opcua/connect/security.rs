//! How the chunks of a secure channel are secured (Part 6, 6.7): asymmetric for OpenSecureChannel, symmetric for all
//! that follows.
//!
//! Certificates go in as bytes: signatures and thumbprints are over what the other side has, however it has encoded it.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use opcua::{
    crypto::{AesDerivedKeys, KeySize, PrivateKey, PublicKey, SecurityPolicy},
    types::{MessageSecurityMode, StatusCode},
};
use sha1::{Digest, Sha1};

use super::frame::HEADER;
use crate::opcua::value::reader::{Malformed, Reader};

/// Message header and SecureChannelId.
const CHANNEL_HEADER: usize = HEADER + 4;
/// SequenceNumber and RequestId.
pub(super) const SEQUENCE_HEADER: usize = 8;
/// A block of AES.
const BLOCK: usize = 16;
/// Tokens whose keys are kept: the server may still use the one before (Part 4, 5.5.2).
const KEPT_TOKENS: usize = 3;

/// What a secure channel is secured with; `None` for the policy None.
#[derive(Clone, Debug)]
pub(in crate::opcua) struct Security {
    pub(in crate::opcua) policy: SecurityPolicy,
    pub(in crate::opcua) mode: MessageSecurityMode,
    /// Our certificate as the server knows it.
    pub(in crate::opcua) own_certificate: Vec<u8>,
    pub(in crate::opcua) own_key: PrivateKey,
    /// The server's certificate as it came, the leaf alone.
    pub(in crate::opcua) server_certificate: Vec<u8>,
    pub(in crate::opcua) server_key: PublicKey,
}

/// Why a chunk is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Insecure {
    #[error("the server's message cannot be read: {0}")]
    Malformed(#[from] Malformed),
    #[error("the server's message is not secured as was agreed: {0}")]
    Checks(&'static str),
}

/// A chunk's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) sequence_number: u32,
    pub(super) request_id: u32,
    pub(super) body: Bytes,
}

/// The keys of a channel.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// For what we send.
    local: Option<AesDerivedKeys>,
    /// For what the server sends, by token; the newest last.
    remote: VecDeque<(u32, AesDerivedKeys)>,
}

impl Keys {
    /// Takes the keys of a new token.
    pub(super) fn renew(&mut self, policy: SecurityPolicy, token: u32, ours: &[u8], theirs: &[u8]) {
        self.local = Some(policy.make_secure_channel_keys(theirs, ours));
        self.remote.push_back((token, policy.make_secure_channel_keys(ours, theirs)));
        while self.remote.len() > KEPT_TOKENS {
            self.remote.pop_front();
        }
    }
}

/// What a chunk that is sent says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkHeader {
    /// `MSG` and `F`, and the like.
    pub(super) kind: [u8; 4],
    pub(super) channel_id: u32,
    pub(super) token_id: u32,
    pub(super) sequence_number: u32,
    pub(super) request_id: u32,
}

/// Appends a symmetric chunk.
///
/// # Errors
/// When the library's cryptography fails.
pub(super) fn seal(
    security: Option<&Security>,
    keys: &Keys,
    header: ChunkHeader,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<(), StatusCode> {
    let Some((security, local)) = security.zip(keys.local.as_ref()) else {
        put_headers(out, header, SEQUENCE_HEADER + body.len());
        out.put_slice(body);
        return Ok(());
    };
    let policy = security.policy;
    let signature = policy.symmetric_signature_size();
    let is_encrypted = security.mode == MessageSecurityMode::SignAndEncrypt;
    let padding = if is_encrypted { BLOCK - (SEQUENCE_HEADER + body.len() + signature) % BLOCK } else { 0 };
    let start = out.len();
    put_headers(out, header, SEQUENCE_HEADER + body.len() + padding + signature);
    out.put_slice(body);
    // The size of the padding stands in each of its bytes, itself not counted.
    out.put_bytes(u8::try_from(padding.saturating_sub(1)).unwrap_or(0), padding);
    let mut signed = vec![0; signature];
    policy.symmetric_sign(local, &out[start..], &mut signed).map_err(|error| error.status())?;
    out.put_slice(&signed);
    if is_encrypted {
        let from = start + CHANNEL_HEADER + 4;
        let mut cipher = vec![0; out.len() - from + BLOCK];
        let length = policy.symmetric_encrypt(local, &out[from..], &mut cipher).map_err(|error| error.status())?;
        out[from..].copy_from_slice(cipher.get(..length).ok_or(StatusCode::BadUnexpectedError)?);
    }
    Ok(())
}

/// The largest body that fits into a symmetric chunk of `frame` bytes.
pub(super) fn body_size(security: Option<&Security>, frame: usize) -> usize {
    let headers = CHANNEL_HEADER + 4;
    match security {
        None => frame - headers - SEQUENCE_HEADER,
        Some(security) => {
            let signature = security.policy.symmetric_signature_size();
            let secured = frame - headers;
            let secured = if security.mode == MessageSecurityMode::SignAndEncrypt {
                // One byte of padding at least.
                secured - secured % BLOCK - 1
            } else {
                secured
            };
            secured - SEQUENCE_HEADER - signature
        }
    }
}

fn put_headers(out: &mut BytesMut, header: ChunkHeader, rest: usize) {
    out.put_slice(&header.kind);
    out.put_u32_le(u32::try_from(CHANNEL_HEADER + 4 + rest).unwrap_or(u32::MAX));
    out.put_u32_le(header.channel_id);
    out.put_u32_le(header.token_id);
    out.put_u32_le(header.sequence_number);
    out.put_u32_le(header.request_id);
}

/// Takes a symmetric chunk apart, and checks what was agreed.
pub(super) fn open(
    security: Option<&Security>,
    keys: &Keys,
    channel_id: u32,
    frame: &Bytes,
) -> Result<Chunk, Insecure> {
    let mut reader = Reader::new(frame);
    reader.bytes(HEADER)?;
    if reader.u32()? != channel_id {
        return Err(Insecure::Checks("it belongs to another secure channel"));
    }
    let token = reader.u32()?;
    let Some(security) = security else {
        let (sequence_number, request_id) = (reader.u32()?, reader.u32()?);
        return Ok(Chunk { sequence_number, request_id, body: frame.slice(reader.position()..) });
    };
    let keys = keys.remote.iter().find(|(id, _)| *id == token).map(|(_, keys)| keys);
    let keys = keys.ok_or(Insecure::Checks("its token was never agreed on, or is long past"))?;
    let policy = security.policy;
    let signature = policy.symmetric_signature_size();
    let from = CHANNEL_HEADER + 4;
    let plain = if security.mode == MessageSecurityMode::SignAndEncrypt {
        let cipher = &frame[from..];
        if cipher.is_empty() || !cipher.len().is_multiple_of(BLOCK) {
            return Err(Insecure::Checks("it is not encrypted in whole blocks"));
        }
        let mut plain = vec![0; frame.len() + BLOCK];
        plain[..from].copy_from_slice(&frame[..from]);
        let wrong = |_| Insecure::Checks("it cannot be decrypted");
        let length = policy.symmetric_decrypt(keys, cipher, &mut plain[from..]).map_err(wrong)?;
        plain.truncate(from + length);
        Bytes::from(plain)
    } else {
        frame.clone()
    };
    let signed = plain
        .len()
        .checked_sub(signature)
        .filter(|signed| *signed >= from + SEQUENCE_HEADER)
        .ok_or(Malformed::Short { length: plain.len() })?;
    policy
        .symmetric_verify_signature(keys, &plain[..signed], &plain[signed..])
        .map_err(|_| Insecure::Checks("its signature is wrong"))?;
    let end = if security.mode == MessageSecurityMode::SignAndEncrypt {
        let padding = usize::from(plain[signed - 1]) + 1;
        unpadded(&plain, from + SEQUENCE_HEADER, signed, padding)?
    } else {
        signed
    };
    let mut reader = Reader::new(&plain[from..]);
    let (sequence_number, request_id) = (reader.u32()?, reader.u32()?);
    Ok(Chunk { sequence_number, request_id, body: plain.slice(from + SEQUENCE_HEADER..end) })
}

/// Where the content ends that has so many bytes of padding behind it, its size included.
fn unpadded(plain: &[u8], least: usize, end: usize, padding: usize) -> Result<usize, Insecure> {
    let start = end.checked_sub(padding).filter(|start| *start >= least);
    let start = start.ok_or(Insecure::Checks("its padding is longer than it is itself"))?;
    // The last byte may be the upper half of the size, where the key is long.
    let bytes = &plain[start..end.saturating_sub(1).max(start)];
    let is_even = bytes.iter().all(|byte| *byte == bytes[0]);
    if is_even { Ok(start) } else { Err(Insecure::Checks("its padding is wrong")) }
}

/// An OpenSecureChannel message in one chunk, signed and encrypted where there is security.
///
/// # Errors
/// When the library's cryptography fails.
pub(super) fn seal_open(
    security: Option<&Security>,
    channel_id: u32,
    sequence_number: u32,
    request_id: u32,
    body: &[u8],
) -> Result<BytesMut, StatusCode> {
    let mut out = BytesMut::with_capacity(4_096);
    out.put_slice(b"OPNF");
    out.put_u32_le(0);
    out.put_u32_le(channel_id);
    let policy = security.map_or(SecurityPolicy::None, |security| security.policy);
    put_bytes(&mut out, Some(policy.to_uri().as_bytes()));
    put_bytes(&mut out, security.map(|security| security.own_certificate.as_slice()));
    let thumbprint = security.map(|security| Sha1::digest(&security.server_certificate));
    put_bytes(&mut out, thumbprint.as_deref());
    let from = out.len();
    out.put_u32_le(sequence_number);
    out.put_u32_le(request_id);
    out.put_slice(body);
    let Some(security) = security else {
        set_size(&mut out);
        return Ok(out);
    };
    let (key, own) = (&security.server_key, &security.own_key);
    let info = policy.asymmetric_padding_info(key);
    let signature = own.size();
    let length = out.len() - from + info.minimum_padding + signature;
    let fill = (info.block_size - length % info.block_size) % info.block_size;
    let [low, high, ..] = fill.to_le_bytes();
    out.put_bytes(low, fill + 1);
    if info.minimum_padding == 2 {
        out.put_u8(high);
    }
    let plain = out.len() - from + signature;
    let cipher_size = policy.calculate_cipher_text_size(plain, key);
    let size = u32::try_from(from + cipher_size).map_err(|_| StatusCode::BadEncodingLimitsExceeded)?;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    let mut signed = vec![0; signature];
    policy.asymmetric_sign(own, &out, &mut signed).map_err(|error| error.status())?;
    out.put_slice(&signed);
    let mut cipher = vec![0; cipher_size];
    let written = policy.asymmetric_encrypt(key, &out[from..], &mut cipher).map_err(|error| error.status())?;
    out.truncate(from);
    out.put_slice(cipher.get(..written).ok_or(StatusCode::BadUnexpectedError)?);
    Ok(out)
}

fn put_bytes(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => out.put_i32_le(-1),
        Some(bytes) => {
            out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            out.put_slice(bytes);
        }
    }
}

fn set_size(out: &mut BytesMut) {
    let size = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[4..8].copy_from_slice(&size.to_le_bytes());
}

/// Takes an OpenSecureChannel message of the server apart. Returns the id of the channel, too.
pub(super) fn open_open(security: Option<&Security>, frame: &Bytes) -> Result<(u32, Chunk), Insecure> {
    let mut reader = Reader::new(frame);
    reader.bytes(HEADER)?;
    let channel_id = reader.u32()?;
    let uri = reader.byte_string()?.unwrap_or_default();
    let certificate = reader.byte_string()?.unwrap_or_default();
    let thumbprint = reader.byte_string()?.unwrap_or_default();
    let from = reader.position();
    let Some(security) = security else {
        if !uri.is_empty() && uri != SecurityPolicy::None.to_uri().as_bytes() {
            return Err(Insecure::Checks("it has another security policy"));
        }
        let (sequence_number, request_id) = (reader.u32()?, reader.u32()?);
        return Ok((channel_id, Chunk { sequence_number, request_id, body: frame.slice(reader.position()..) }));
    };
    let policy = security.policy;
    if uri != policy.to_uri().as_bytes() {
        return Err(Insecure::Checks("it has another security policy"));
    }
    // The server may send its issuers along, or bytes behind its certificate.
    if !certificate.starts_with(&security.server_certificate) {
        return Err(Insecure::Checks("it comes with another certificate than the one that was judged"));
    }
    if thumbprint != Sha1::digest(&security.own_certificate).as_slice() {
        return Err(Insecure::Checks("it is meant for another certificate than this client's"));
    }
    let cipher = &frame[from..];
    let (own, key) = (&security.own_key, &security.server_key);
    if cipher.is_empty() || !cipher.len().is_multiple_of(own.size()) {
        return Err(Insecure::Checks("it is not encrypted in whole blocks"));
    }
    let mut plain = vec![0; from + cipher.len()];
    plain[..from].copy_from_slice(&frame[..from]);
    let wrong = |_| Insecure::Checks("it cannot be decrypted");
    let length = policy.asymmetric_decrypt(own, cipher, &mut plain[from..]).map_err(wrong)?;
    plain.truncate(from + length);
    let signed = plain.len().checked_sub(key.size()).filter(|signed| *signed > from + SEQUENCE_HEADER);
    let signed = signed.ok_or(Malformed::Short { length: plain.len() })?;
    policy
        .asymmetric_verify_signature(key, &plain[..signed], &plain[signed..])
        .map_err(|_| Insecure::Checks("its signature is wrong"))?;
    let padding = if own.size() > 256 {
        usize::from(u16::from_le_bytes([plain[signed - 2], plain[signed - 1]])) + 2
    } else {
        usize::from(plain[signed - 1]) + 1
    };
    let end = unpadded(&plain, from + SEQUENCE_HEADER, signed, padding)?;
    let plain = Bytes::from(plain);
    let mut reader = Reader::new(&plain[from..]);
    let (sequence_number, request_id) = (reader.u32()?, reader.u32()?);
    Ok((channel_id, Chunk { sequence_number, request_id, body: plain.slice(from + SEQUENCE_HEADER..end) }))
}

#[cfg(test)]
mod tests {
    use opcua::crypto::{X509, X509Data};
    use proptest::prelude::*;

    use super::*;

    /// Both sides of a channel.
    struct Pair {
        client: Security,
        server: Security,
    }

    fn pair(policy: SecurityPolicy, mode: MessageSecurityMode, bits: u32) -> Pair {
        let make = || {
            let data = X509Data { key_size: bits, ..X509Data::sample_cert() };
            let (certificate, key) = X509::cert_and_pkey(&data).unwrap();
            (certificate.to_der().unwrap(), key)
        };
        let ((c, ck), (s, sk)) = (make(), make());
        let side = |own: &Vec<u8>, key: &PrivateKey, other: &Vec<u8>, other_key: &PrivateKey| Security {
            policy,
            mode,
            own_certificate: own.clone(),
            own_key: key.clone(),
            server_certificate: other.clone(),
            server_key: other_key.to_public_key(),
        };
        Pair { client: side(&c, &ck, &s, &sk), server: side(&s, &sk, &c, &ck) }
    }

    fn keys(policy: SecurityPolicy) -> (Keys, Keys) {
        let (ours, theirs) = (policy.random_nonce(), policy.random_nonce());
        let (mut client, mut server) = (Keys::default(), Keys::default());
        client.renew(policy, 7, ours.as_ref(), theirs.as_ref());
        server.renew(policy, 7, theirs.as_ref(), ours.as_ref());
        (client, server)
    }

    const HEADER_OF_TEST: ChunkHeader =
        ChunkHeader { kind: *b"MSGF", channel_id: 5, token_id: 7, sequence_number: 51, request_id: 8 };

    const POLICIES: [SecurityPolicy; 5] = [
        SecurityPolicy::Basic128Rsa15,
        SecurityPolicy::Basic256,
        SecurityPolicy::Basic256Sha256,
        SecurityPolicy::Aes128Sha256RsaOaep,
        SecurityPolicy::Aes256Sha256RsaPss,
    ];

    #[test]
    fn an_open_message_arrives_as_it_was_with_every_policy_and_with_long_keys() {
        for (policy, bits) in POLICIES.map(|policy| (policy, 2048)).into_iter().chain([(POLICIES[2], 3072)]) {
            let Pair { client, server } = pair(policy, MessageSecurityMode::Sign, bits);
            for length in [0, 1, 132, 133, 500] {
                let body = vec![9; length];
                let sealed = seal_open(Some(&client), 5, 51, 8, &body).unwrap().freeze();
                let size = u32::from_le_bytes(sealed[4..8].try_into().unwrap());
                assert_eq!(size as usize, sealed.len());
                let (channel, chunk) = open_open(Some(&server), &sealed).unwrap();
                assert_eq!((channel, chunk.sequence_number, chunk.request_id), (5, 51, 8), "{policy:?} {length}");
                assert_eq!(chunk.body, body);
                let mut other = sealed.to_vec();
                *other.last_mut().unwrap() ^= 1;
                assert!(open_open(Some(&server), &Bytes::from(other)).is_err());
            }
        }
    }

    #[test]
    fn a_certificate_with_its_issuers_behind_it_is_the_one_that_was_judged_and_another_is_not() {
        let Pair { mut client, server } = pair(POLICIES[2], MessageSecurityMode::Sign, 2048);
        client.own_certificate.extend([0x30, 0x00]);
        let sealed = seal_open(Some(&client), 5, 51, 8, b"body").unwrap().freeze();
        assert!(open_open(Some(&server), &sealed).is_ok());
        client.own_certificate.remove(0);
        let sealed = seal_open(Some(&client), 5, 51, 8, b"body").unwrap().freeze();
        assert!(matches!(open_open(Some(&server), &sealed), Err(Insecure::Checks(_))));
    }

    #[test]
    fn a_server_that_does_without_security_is_not_followed() {
        let Pair { server, .. } = pair(POLICIES[2], MessageSecurityMode::SignAndEncrypt, 2048);
        let plain = seal_open(None, 5, 51, 8, b"body").unwrap().freeze();
        assert!(open_open(Some(&server), &plain).is_err());
        assert!(open_open(None, &plain).is_ok());
    }

    fn round(mode: MessageSecurityMode, policy: SecurityPolicy, body: &[u8], flip: Option<usize>) -> Option<Chunk> {
        let (client_keys, server_keys) = keys(policy);
        let key = PrivateKey::from_pem(KEY.as_bytes()).unwrap();
        let security = Security {
            policy,
            mode,
            own_certificate: Vec::new(),
            server_key: key.to_public_key(),
            own_key: key,
            server_certificate: Vec::new(),
        };
        let mut out = BytesMut::from(&b"before"[..]);
        seal(Some(&security), &client_keys, HEADER_OF_TEST, body, &mut out).unwrap();
        let mut sealed = out.split_off(6).to_vec();
        assert_eq!(u32::from_le_bytes(sealed[4..8].try_into().unwrap()) as usize, sealed.len());
        if let Some(at) = flip {
            let at = at % sealed.len();
            sealed[at] ^= 1;
        }
        open(Some(&security), &server_keys, 5, &Bytes::from(sealed)).ok()
    }

    /// A key that is only there so that there is one.
    static KEY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        use rsa::pkcs8::EncodePrivateKey;
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
        key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap().to_string()
    });

    #[test]
    fn the_largest_body_fills_a_frame_and_no_more() {
        let Pair { client, .. } = pair(POLICIES[2], MessageSecurityMode::SignAndEncrypt, 2048);
        let sign = Security { mode: MessageSecurityMode::Sign, ..client.clone() };
        for security in [None, Some(&client), Some(&sign)] {
            for frame in 8_192..8_230 {
                let (keys, _) = keys(POLICIES[2]);
                let mut out = BytesMut::new();
                seal(security, &keys, HEADER_OF_TEST, &vec![0; body_size(security, frame)], &mut out).unwrap();
                assert!(out.len() <= frame && out.len() + BLOCK > frame, "{} of {frame}", out.len());
            }
        }
    }

    proptest! {
        #[test]
        fn a_chunk_arrives_as_it_was_or_not_at_all(
            body in prop::collection::vec(any::<u8>(), 0..100),
            is_encrypted in any::<bool>(),
            policy in 0..5_usize,
            flip in prop::option::of(any::<usize>()),
        ) {
            let mode =
                if is_encrypted { MessageSecurityMode::SignAndEncrypt } else { MessageSecurityMode::Sign };
            let opened = round(mode, POLICIES[policy], &body, flip);
            prop_assert_eq!(opened.is_some(), flip.is_none());
            if let Some(chunk) = opened {
                prop_assert_eq!(chunk, Chunk { sequence_number: 51, request_id: 8, body: Bytes::from(body) });
            }
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 8..200)) {
            let frame = Bytes::from(bytes);
            let (_, keys) = keys(POLICIES[2]);
            open(None, &keys, 0, &frame).ok();
            open_open(None, &frame).ok();
        }
    }
}
