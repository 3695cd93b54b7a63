use opcua::crypto::{X509, X509Data};
use proptest::prelude::*;

use super::*;

/// Both sides of a channel.
pub(in crate::opcua::connect) struct Pair {
    pub(in crate::opcua::connect) client: Security,
    pub(in crate::opcua::connect) server: Security,
}

pub(in crate::opcua::connect) fn pair(policy: SecurityPolicy, mode: MessageSecurityMode, bits: u32) -> Pair {
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

fn symmetric(policy: SecurityPolicy, mode: MessageSecurityMode) -> Security {
    let key = PrivateKey::from_pem(KEY.as_bytes()).unwrap();
    Security {
        policy,
        mode,
        own_certificate: Vec::new(),
        server_key: key.to_public_key(),
        own_key: key,
        server_certificate: Vec::new(),
    }
}

#[test]
fn a_token_that_is_renewed_under_its_id_opens_what_comes_before_and_after() {
    let policy = POLICIES[2];
    for mode in [MessageSecurityMode::Sign, MessageSecurityMode::SignAndEncrypt] {
        let security = symmetric(policy, mode);
        let sealed = |keys: &Keys| {
            let mut out = BytesMut::new();
            seal(Some(&security), keys, HEADER_OF_TEST, b"body", &mut out).unwrap();
            out.freeze()
        };
        let (mut client, mut server) = keys(policy);
        let before = sealed(&server);
        let (ours, theirs) = (policy.random_nonce(), policy.random_nonce());
        client.renew(policy, 7, ours.as_ref(), theirs.as_ref());
        server.renew(policy, 7, theirs.as_ref(), ours.as_ref());
        for frame in [before, sealed(&server)] {
            assert_eq!(open(Some(&security), &client, 5, &frame).unwrap().body, &b"body"[..]);
        }
        let (_, stranger) = keys(policy);
        assert!(open(Some(&security), &client, 5, &sealed(&stranger)).is_err());
    }
}

fn round(mode: MessageSecurityMode, policy: SecurityPolicy, body: &[u8], flip: Option<usize>) -> Option<Chunk> {
    let (client_keys, server_keys) = keys(policy);
    let security = symmetric(policy, mode);
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
