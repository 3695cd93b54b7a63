//! Who may change something: the bearer of the token when one is set, else only callers on this machine.

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

/// Whether the caller may change something; the error is the answer to give.
pub fn authorise(
    token: Option<&SecretString>,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<(), (StatusCode, String)> {
    let Some(token) = token else {
        return if peer.ip().to_canonical().is_loopback() {
            Ok(())
        } else {
            let message =
                "calls that change something are taken from this machine only; set `http.token` to allow others";
            Err((StatusCode::FORBIDDEN, message.to_owned()))
        };
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match given {
        Some((_, given)) if is_equal(given.trim().as_bytes(), token.expose_secret().as_bytes()) => Ok(()),
        Some(_) => Err((StatusCode::UNAUTHORIZED, "the bearer token is wrong".to_owned())),
        None => Err((StatusCode::UNAUTHORIZED, "this call needs `Authorization: Bearer …`".to_owned())),
    }
}

/// Takes as long for a wrong token as for the right one of the same length.
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(token: Option<&str>, header: Option<&str>, peer: &str) -> Option<u16> {
        let token = token.map(|token| SecretString::from(token.to_owned()));
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        authorise(token.as_ref(), &headers, peer.parse().unwrap()).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn without_a_token_only_this_machine_may() {
        assert_eq!(check(None, None, "127.0.0.1:5"), None);
        assert_eq!(check(None, None, "[::1]:5"), None);
        assert_eq!(check(None, None, "[::ffff:127.0.0.1]:5"), None);
        assert_eq!(check(None, Some("Bearer x"), "192.0.2.7:5"), Some(403));
    }

    #[test]
    fn with_a_token_only_its_bearer_may() {
        assert_eq!(check(Some("s3cret"), Some("Bearer s3cret"), "192.0.2.7:5"), None);
        assert_eq!(check(Some("s3cret"), Some("bearer  s3cret"), "192.0.2.7:5"), None);
        for wrong in [None, Some("Bearer s3cres"), Some("Bearer s3cret2"), Some("Basic s3cret"), Some("s3cret")] {
            assert_eq!(check(Some("s3cret"), wrong, "127.0.0.1:5"), Some(401), "{wrong:?}");
        }
    }
}
