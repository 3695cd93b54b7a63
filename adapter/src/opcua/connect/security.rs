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

    /// The newest first: there are servers that renew a token under the id that it had, and until we have used the new
    /// one they send with the old.
    fn of_token(&self, token: u32) -> impl Iterator<Item = &AesDerivedKeys> {
        self.remote.iter().rev().filter(move |(id, _)| *id == token).map(|(_, keys)| keys)
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
    let mut failure = Insecure::Checks("its token was never agreed on, or is long past");
    for keys in keys.of_token(token) {
        match unsealed(security, keys, frame) {
            Ok(chunk) => return Ok(chunk),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Checks a symmetric chunk with these keys, and takes off what secures it.
fn unsealed(security: &Security, keys: &AesDerivedKeys, frame: &Bytes) -> Result<Chunk, Insecure> {
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
    let is_uniform = bytes.iter().all(|byte| *byte == bytes[0]);
    if is_uniform { Ok(start) } else { Err(Insecure::Checks("its padding is wrong")) }
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
#[path = "security_tests.rs"]
pub(super) mod tests;
