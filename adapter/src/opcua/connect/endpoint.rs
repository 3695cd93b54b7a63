//! Which of a server's endpoints we use, and as whom.

use std::collections::BTreeSet;

use opcua::{
    crypto::SecurityPolicy,
    types::{EndpointDescription, MessageSecurityMode, UAString, UserTokenPolicy, UserTokenType},
};

use crate::config::effective::{MessageSecurityMode as Mode, OpcUaAuth, OpcUaConfig, Security, SecurityPolicy as Wish};
use crate::opcua::{
    connect::security::Security as ChannelSecurity,
    pki::{Certificate, OwnCertificate, certificate::harmless, keys},
    problem::Problem,
};

/// Names of what a server offers that are shown at most.
const MAX_NAMES: usize = 20;

/// The endpoint with exactly the security that is wished, with the one user token policy that fits, at the address that
/// is to be used.
pub(in crate::opcua) fn choose(
    offered: Vec<EndpointDescription>,
    config: &OpcUaConfig,
) -> Result<EndpointDescription, Problem> {
    let channel = config.security.map(of_config);
    let names = join(offered.iter().map(|endpoint| name(endpoint, channel.is_some())));
    let fits = |endpoint: &EndpointDescription| is_binary(endpoint) && has_security(endpoint, channel);
    let Some(mut endpoint) = offered.into_iter().find(fits) else {
        return Err(match channel {
            None => Problem::NoPlainEndpoint { offered: names },
            Some((policy, mode)) => {
                Problem::NoSecureEndpoint { wanted: format!("{} {mode:?}", policy.to_str()), offered: names }
            }
        });
    };
    let tokens = endpoint.user_identity_tokens.take().unwrap_or_default();
    let has_certificate = !endpoint.server_certificate.is_null_or_empty();
    let token = choose_token(tokens, &config.auth, Situation { channel, has_certificate })?;
    endpoint.user_identity_tokens = Some(vec![token]);
    if config.keeps_own_address {
        endpoint.endpoint_url = own_address(&config.uri, endpoint.endpoint_url.as_ref()).into();
    }
    Ok(endpoint)
}

/// What a channel to a judged endpoint is secured with.
///
/// # Errors
/// When the library does not take a key.
pub(in crate::opcua) fn secured(
    own: &OwnCertificate,
    endpoint: &EndpointDescription,
    security: Security,
) -> Result<ChannelSecurity, Problem> {
    let (policy, mode) = of_config(security);
    let shown = endpoint.server_certificate.as_ref();
    let server = Certificate::from_der(shown).map_err(|reason| Problem::ServerCertificate { reason })?;
    Ok(ChannelSecurity {
        policy,
        mode,
        own_certificate: own.certificate.der().to_vec(),
        own_key: keys::private_key(own)?,
        server_certificate: shown.to_vec(),
        server_key: keys::public_key(&server)?,
    })
}

/// The library's words for the mapping's.
fn of_config(security: Security) -> (SecurityPolicy, MessageSecurityMode) {
    let policy = match security.policy {
        Wish::Basic128Rsa15 => SecurityPolicy::Basic128Rsa15,
        Wish::Basic256 => SecurityPolicy::Basic256,
        Wish::Basic256Sha256 => SecurityPolicy::Basic256Sha256,
        Wish::Aes128Sha256RsaOaep => SecurityPolicy::Aes128Sha256RsaOaep,
        Wish::Aes256Sha256RsaPss => SecurityPolicy::Aes256Sha256RsaPss,
    };
    let mode = match security.mode {
        Mode::Sign => MessageSecurityMode::Sign,
        Mode::SignAndEncrypt => MessageSecurityMode::SignAndEncrypt,
    };
    (policy, mode)
}

/// Lengths of RSA keys, in bits, that a policy allows: least and most.
pub(in crate::opcua) fn key_bits(policy: Wish) -> (usize, usize) {
    if policy.is_deprecated() { (1024, 2048) } else { (2048, 4096) }
}

/// Other transports than OPC UA TCP have endpoints of the same security.
fn is_binary(endpoint: &EndpointDescription) -> bool {
    let url = endpoint.endpoint_url.as_ref();
    url.is_empty() || url.starts_with("opc.tcp://")
}

fn has_security(endpoint: &EndpointDescription, channel: Option<(SecurityPolicy, MessageSecurityMode)>) -> bool {
    let (policy, mode) = channel.unwrap_or((SecurityPolicy::None, MessageSecurityMode::None));
    endpoint.security_mode == mode && endpoint.security_policy_uri.as_ref() == policy.to_uri()
}

/// What a token policy depends on besides itself.
#[derive(Clone, Copy)]
struct Situation {
    channel: Option<(SecurityPolicy, MessageSecurityMode)>,
    has_certificate: bool,
}

fn choose_token(
    tokens: Vec<UserTokenPolicy>,
    auth: &OpcUaAuth,
    situation: Situation,
) -> Result<UserTokenPolicy, Problem> {
    let offered = join(tokens.iter().map(|token| format!("{:?}", token.token_type)));
    let strongest = |token_type: UserTokenType, strength: fn(SecurityPolicy, Situation) -> Option<u8>| {
        tokens
            .iter()
            .filter(|token| token.token_type == token_type)
            .filter_map(|token| {
                let policy = token_policy(token, situation.channel.map(|(policy, _)| policy));
                Some((strength(policy, situation)?, token))
            })
            .max_by_key(|(strength, _)| *strength)
            .map(|(_, token)| token.clone())
    };
    match auth {
        // Nobody has nothing to hide, whatever policy the server puts beside it; and no list at all lets anybody in.
        OpcUaAuth::Anonymous if tokens.is_empty() => Ok(anonymous("anonymous".into())),
        OpcUaAuth::Anonymous => tokens
            .into_iter()
            .find(|token| token.token_type == UserTokenType::Anonymous)
            .map(|token| anonymous(token.policy_id))
            .ok_or(Problem::NoAnonymous { offered }),
        OpcUaAuth::Basic { .. } => strongest(UserTokenType::UserName, strength).ok_or(Problem::NoUserName { offered }),
        OpcUaAuth::X509 { .. } => {
            strongest(UserTokenType::Certificate, signing_strength).ok_or(Problem::NoCertificateUser { offered })
        }
    }
}

fn anonymous(policy_id: UAString) -> UserTokenPolicy {
    UserTokenPolicy { policy_id, token_type: UserTokenType::Anonymous, ..UserTokenPolicy::default() }
}

/// The policy that a token is secured with: its own, else the channel's. `Unknown` for one that nobody knows.
pub(in crate::opcua) fn token_policy(token: &UserTokenPolicy, channel: Option<SecurityPolicy>) -> SecurityPolicy {
    match token.security_policy_uri.as_ref() {
        "" => channel.unwrap_or(SecurityPolicy::None),
        uri => SecurityPolicy::from_uri(uri),
    }
}

/// How well a password is kept with this policy; `None` where it cannot be sent. It is encrypted for the server's
/// certificate, so without one it goes in the clear or not at all; and never in the clear where it was to be secured
/// and messages are only signed.
fn strength(policy: SecurityPolicy, situation: Situation) -> Option<u8> {
    match policy {
        SecurityPolicy::Unknown => None,
        SecurityPolicy::None => match situation.channel {
            Some((_, MessageSecurityMode::Sign)) => None,
            _ => Some(0),
        },
        _ if !situation.has_certificate => None,
        SecurityPolicy::Basic128Rsa15 => Some(1),
        SecurityPolicy::Basic256 => Some(2),
        _ => Some(3),
    }
}

/// How well a user with a certificate proves to have the key; it takes a policy and the server's certificate.
fn signing_strength(policy: SecurityPolicy, situation: Situation) -> Option<u8> {
    if policy == SecurityPolicy::None { None } else { strength(policy, situation) }
}

/// Host and port of the mapping with the path that the server advertises.
fn own_address(own: &str, advertised: &str) -> String {
    let path = |url: &str| {
        let rest = url.strip_prefix("opc.tcp://").unwrap_or_default();
        rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default().to_owned()
    };
    let own_path = path(own);
    let base = own.strip_suffix(&own_path).unwrap_or(own);
    format!("{base}{}", path(advertised))
}

/// What stands behind the `#` of a security policy's URI, and the mode where there is more than one.
fn name(endpoint: &EndpointDescription, has_mode: bool) -> String {
    let uri = endpoint.security_policy_uri.as_ref();
    let policy = harmless(uri.rsplit_once('#').map_or(uri, |(_, name)| name));
    if has_mode && policy != "None" { format!("{policy} {:?}", endpoint.security_mode) } else { policy }
}

fn join(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MAX_NAMES);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support;

    fn config(auth: OpcUaAuth) -> OpcUaConfig {
        OpcUaConfig { auth, ..test_support::config("opc.tcp://gateway:14840") }
    }

    fn basic() -> OpcUaAuth {
        OpcUaAuth::Basic { username: "edge".into(), password: "secret".to_owned().into() }
    }

    fn token(id: &str, token_type: UserTokenType, policy: SecurityPolicy) -> UserTokenPolicy {
        UserTokenPolicy {
            policy_id: id.into(),
            token_type,
            security_policy_uri: policy.to_uri().into(),
            ..UserTokenPolicy::default()
        }
    }

    fn endpoint(policy: SecurityPolicy, tokens: Vec<UserTokenPolicy>) -> EndpointDescription {
        EndpointDescription {
            endpoint_url: "opc.tcp://10.0.0.7:4840/plc".into(),
            security_mode: if policy == SecurityPolicy::None {
                MessageSecurityMode::None
            } else {
                MessageSecurityMode::SignAndEncrypt
            },
            security_policy_uri: policy.to_uri().into(),
            user_identity_tokens: Some(tokens),
            ..EndpointDescription::default()
        }
    }

    #[test]
    fn the_plain_endpoint_is_taken_at_our_own_address() {
        let offered = vec![
            endpoint(SecurityPolicy::Basic256Sha256, vec![anonymous("0".into())]),
            endpoint(SecurityPolicy::None, vec![anonymous("0".into())]),
        ];
        let chosen = choose(offered.clone(), &config(OpcUaAuth::Anonymous)).unwrap();
        assert_eq!(chosen.security_mode, MessageSecurityMode::None);
        assert_eq!(chosen.endpoint_url.as_ref(), "opc.tcp://gateway:14840/plc");
        let advertised = OpcUaConfig { keeps_own_address: false, ..config(OpcUaAuth::Anonymous) };
        assert_eq!(choose(offered, &advertised).unwrap().endpoint_url.as_ref(), "opc.tcp://10.0.0.7:4840/plc");
    }

    #[test]
    fn security_is_never_chosen_in_silence() {
        let offered = vec![endpoint(SecurityPolicy::Basic256Sha256, vec![anonymous("0".into())])];
        let problem = choose(offered, &config(OpcUaAuth::Anonymous)).unwrap_err();
        assert_eq!(problem, Problem::NoPlainEndpoint { offered: "Basic256Sha256".into() });
        let problem = choose(Vec::new(), &config(OpcUaAuth::Anonymous)).unwrap_err();
        assert_eq!(problem, Problem::NoPlainEndpoint { offered: "none".into() });
    }

    #[test]
    fn what_a_server_calls_its_policies_is_shown_in_one_line_of_bounded_length() {
        let named = |name: String| EndpointDescription {
            security_policy_uri: format!("urn:x#{name}").into(),
            ..endpoint(SecurityPolicy::None, Vec::new())
        };
        let mut offered: Vec<_> = (0..1_000).map(|number| named(format!("policy {number:04}"))).collect();
        offered.push(named(format!("a\n2026-01-01 ERROR forged {}", "x".repeat(1_000_000))));
        let Err(Problem::NoPlainEndpoint { offered }) = choose(offered, &config(OpcUaAuth::Anonymous)) else {
            panic!("there is one")
        };
        assert!(!offered.contains('\n') && offered.len() < 5_000, "{} bytes", offered.len());
        assert!(offered.starts_with("a\u{fffd}2026") && offered.ends_with(" and 981 more"), "{offered}");
    }

    #[test]
    fn a_missing_kind_of_user_is_named_with_what_there_is() {
        let name = token("name", UserTokenType::UserName, SecurityPolicy::None);
        let only_names = vec![endpoint(SecurityPolicy::None, vec![name])];
        let problem = choose(only_names, &config(OpcUaAuth::Anonymous)).unwrap_err();
        assert_eq!(problem, Problem::NoAnonymous { offered: "UserName".into() });
        let only_anonymous = vec![endpoint(SecurityPolicy::None, vec![anonymous("0".into())])];
        let problem = choose(only_anonymous, &config(basic())).unwrap_err();
        assert_eq!(problem, Problem::NoUserName { offered: "Anonymous".into() });
    }

    #[test]
    fn a_password_is_encrypted_where_the_server_can() {
        let tokens = vec![
            token("clear", UserTokenType::UserName, SecurityPolicy::None),
            token("best", UserTokenType::UserName, SecurityPolicy::Basic256Sha256),
            token("old", UserTokenType::UserName, SecurityPolicy::Basic128Rsa15),
        ];
        let check = |has_certificate: bool, expected: &str| {
            let chosen = choose_token(tokens.clone(), &basic(), Situation { channel: None, has_certificate }).unwrap();
            assert_eq!(chosen.policy_id.as_ref(), expected);
        };
        check(true, "best");
        check(false, "clear");
    }

    const PLAIN: Situation = Situation { channel: None, has_certificate: false };

    #[test]
    fn a_secure_wish_is_met_exactly_or_not_at_all() {
        let nobody = || vec![anonymous("0".into())];
        let with = |policy, mode| EndpointDescription { security_mode: mode, ..endpoint(policy, nobody()) };
        let offered = vec![
            with(SecurityPolicy::None, MessageSecurityMode::None),
            with(SecurityPolicy::Basic256Sha256, MessageSecurityMode::Sign),
            with(SecurityPolicy::Aes256Sha256RsaPss, MessageSecurityMode::SignAndEncrypt),
        ];
        let choose = |policy, mode| {
            let config = OpcUaConfig { security: Some(Security { policy, mode }), ..config(OpcUaAuth::Anonymous) };
            choose(offered.clone(), &config)
        };
        let chosen = choose(Wish::Basic256Sha256, Mode::Sign).unwrap();
        assert_eq!(chosen.security_policy_uri.as_ref(), SecurityPolicy::Basic256Sha256.to_uri());
        let problem = choose(Wish::Basic256Sha256, Mode::SignAndEncrypt).unwrap_err();
        let names = "Aes256_Sha256_RsaPss SignAndEncrypt, Basic256Sha256 Sign, None".to_owned();
        let wanted = "Basic256Sha256 SignAndEncrypt".to_owned();
        assert_eq!(problem, Problem::NoSecureEndpoint { wanted, offered: names });
        assert!(choose(Wish::Basic128Rsa15, Mode::Sign).is_err());
    }

    #[test]
    fn a_password_never_goes_in_the_clear_over_a_channel_that_only_signs() {
        let tokens = vec![token("clear", UserTokenType::UserName, SecurityPolicy::None)];
        let over = |mode| {
            let channel = Some((SecurityPolicy::Basic256Sha256, mode));
            choose_token(tokens.clone(), &basic(), Situation { channel, has_certificate: true })
        };
        assert!(over(MessageSecurityMode::SignAndEncrypt).is_ok());
        assert_eq!(over(MessageSecurityMode::Sign), Err(Problem::NoUserName { offered: "UserName".into() }));
    }

    #[test]
    fn a_user_with_a_certificate_signs_with_the_policy_of_token_or_channel() {
        let auth = OpcUaAuth::X509 { certificate: "a".into(), private_key: "b".into() };
        let unsaid = UserTokenPolicy {
            security_policy_uri: UAString::null(),
            ..token("x", UserTokenType::Certificate, SecurityPolicy::None)
        };
        let channel = Some((SecurityPolicy::Basic256, MessageSecurityMode::Sign));
        let situation = Situation { channel, has_certificate: true };
        let chosen = choose_token(vec![unsaid.clone()], &auth, situation).unwrap();
        assert_eq!(token_policy(&chosen, Some(SecurityPolicy::Basic256)), SecurityPolicy::Basic256);
        let unknown = UserTokenPolicy { security_policy_uri: "urn:unknown".into(), ..unsaid.clone() };
        assert!(choose_token(vec![unknown], &auth, situation).is_err());
        let refused = choose_token(vec![unsaid], &auth, PLAIN);
        assert_eq!(refused, Err(Problem::NoCertificateUser { offered: "Certificate".into() }));
    }

    #[test]
    fn other_transports_are_not_for_us() {
        let over_https = EndpointDescription {
            endpoint_url: "opc.https://plc:443".into(),
            ..endpoint(SecurityPolicy::None, vec![anonymous("0".into())])
        };
        assert!(choose(vec![over_https], &config(OpcUaAuth::Anonymous)).is_err());
    }

    #[test]
    fn nobody_needs_no_security_policy() {
        let secured = token("7", UserTokenType::Anonymous, SecurityPolicy::Basic256Sha256);
        let chosen = choose_token(vec![secured], &OpcUaAuth::Anonymous, PLAIN).unwrap();
        assert_eq!((chosen.policy_id.as_ref(), chosen.security_policy_uri.as_ref()), ("7", ""));
        assert!(choose_token(Vec::new(), &OpcUaAuth::Anonymous, PLAIN).is_ok());
    }

    #[test]
    fn own_host_and_port_meet_the_advertised_path() {
        let check = |own: &str, advertised: &str, expected: &str| {
            assert_eq!(own_address(own, advertised), expected);
        };
        check("opc.tcp://a:1", "opc.tcp://b:2/x/y", "opc.tcp://a:1/x/y");
        check("opc.tcp://a:1/", "opc.tcp://b:2", "opc.tcp://a:1");
        check("opc.tcp://a:1/old", "opc.tcp://b:2/new", "opc.tcp://a:1/new");
        check("opc.tcp://[::1]:1", "nonsense", "opc.tcp://[::1]:1");
    }
}
