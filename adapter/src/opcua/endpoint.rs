//! Which of a server's endpoints we use, and as whom.

use std::collections::BTreeSet;

use opcua::{
    client::{IdentityToken, Password},
    crypto::SecurityPolicy,
    types::{EndpointDescription, MessageSecurityMode, UAString, UserTokenPolicy, UserTokenType},
};
use secrecy::ExposeSecret;

use super::problem::Problem;
use crate::config::effective::{OpcUaAuth, OpcUaConfig};

/// The endpoint without security, with exactly the one user token policy that fits, at the address that is to be used.
pub(super) fn choose(offered: Vec<EndpointDescription>, config: &OpcUaConfig) -> Result<EndpointDescription, Problem> {
    let security = join(offered.iter().map(|endpoint| fragment(endpoint.security_policy_uri.as_ref())));
    let mut endpoint = offered.into_iter().find(is_plain).ok_or(Problem::NoPlainEndpoint { offered: security })?;
    let tokens = endpoint.user_identity_tokens.take().unwrap_or_default();
    let has_certificate = !endpoint.server_certificate.is_null_or_empty();
    endpoint.user_identity_tokens = Some(vec![choose_token(tokens, &config.auth, has_certificate)?]);
    if config.keeps_own_address {
        endpoint.endpoint_url = own_address(&config.uri, endpoint.endpoint_url.as_ref()).into();
    }
    Ok(endpoint)
}

/// Who we are to the server, as the library wants it.
pub(super) fn identity(auth: &OpcUaAuth) -> IdentityToken {
    match auth {
        OpcUaAuth::Anonymous => IdentityToken::Anonymous,
        OpcUaAuth::Basic { username, password } => {
            IdentityToken::UserName(username.clone(), Password(password.expose_secret().to_owned()))
        }
    }
}

fn is_plain(endpoint: &EndpointDescription) -> bool {
    endpoint.security_mode == MessageSecurityMode::None
        && endpoint.security_policy_uri.as_ref() == SecurityPolicy::None.to_uri()
}

fn choose_token(
    tokens: Vec<UserTokenPolicy>,
    auth: &OpcUaAuth,
    has_certificate: bool,
) -> Result<UserTokenPolicy, Problem> {
    let offered = join(tokens.iter().map(|token| format!("{:?}", token.token_type)));
    match auth {
        // Nobody has nothing to hide, whatever policy the server puts beside it; and no list at all lets anybody in.
        OpcUaAuth::Anonymous if tokens.is_empty() => Ok(anonymous("anonymous".into())),
        OpcUaAuth::Anonymous => tokens
            .into_iter()
            .find(|token| token.token_type == UserTokenType::Anonymous)
            .map(|token| anonymous(token.policy_id))
            .ok_or(Problem::NoAnonymous { offered }),
        OpcUaAuth::Basic { .. } => tokens
            .into_iter()
            .filter(|token| token.token_type == UserTokenType::UserName)
            .filter_map(|token| Some((strength(&token, has_certificate)?, token)))
            .max_by_key(|(strength, _)| *strength)
            .map(|(_, token)| token)
            .ok_or(Problem::NoUserName { offered }),
    }
}

fn anonymous(policy_id: UAString) -> UserTokenPolicy {
    UserTokenPolicy { policy_id, token_type: UserTokenType::Anonymous, ..UserTokenPolicy::default() }
}

/// How well a password is kept with this policy; `None` where it cannot be sent. It is encrypted for the server's
/// certificate, so without one it goes in the clear or not at all.
fn strength(token: &UserTokenPolicy, has_certificate: bool) -> Option<u8> {
    let uri = token.security_policy_uri.as_ref();
    if uri.is_empty() || uri == SecurityPolicy::None.to_uri() {
        return Some(0);
    }
    match SecurityPolicy::from_uri(uri) {
        _ if !has_certificate => None,
        SecurityPolicy::Unknown => None,
        SecurityPolicy::None => Some(0),
        SecurityPolicy::Basic128Rsa15 => Some(1),
        SecurityPolicy::Basic256 => Some(2),
        _ => Some(3),
    }
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

/// What stands behind the `#` of a security policy's URI.
fn fragment(uri: &str) -> String {
    uri.rsplit_once('#').map_or(uri, |(_, name)| name).to_owned()
}

fn join(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
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
            let chosen = choose_token(tokens.clone(), &basic(), has_certificate).unwrap();
            assert_eq!(chosen.policy_id.as_ref(), expected);
        };
        check(true, "best");
        check(false, "clear");
    }

    #[test]
    fn nobody_needs_no_security_policy() {
        let secured = token("7", UserTokenType::Anonymous, SecurityPolicy::Basic256Sha256);
        let chosen = choose_token(vec![secured], &OpcUaAuth::Anonymous, false).unwrap();
        assert_eq!((chosen.policy_id.as_ref(), chosen.security_policy_uri.as_ref()), ("7", ""));
        assert!(choose_token(Vec::new(), &OpcUaAuth::Anonymous, false).is_ok());
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
