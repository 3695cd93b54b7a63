//! Who may change something: the bearer of the token when one is set, else only callers on this machine.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, Uri, header};
use secrecy::{ExposeSecret, SecretString};

/// Whether the caller may change something; the error is the answer to give.
pub fn authorise(
    token: Option<&SecretString>,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<(), (StatusCode, String)> {
    let Some(token) = token else {
        return if peer.ip().to_canonical().is_loopback() && !is_from_a_foreign_page(headers) {
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

/// A browser on this machine sends here whatever a page of anybody tells it to; it names the page's origin.
fn is_from_a_foreign_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok())
        .and_then(|uri| uri.host().map(str::to_owned));
    !host.is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
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
    fn a_page_from_elsewhere_in_a_browser_of_this_machine_may_not() {
        let check = |origin: &str| {
            let headers = [(header::ORIGIN, origin.parse().unwrap())].into_iter().collect();
            authorise(None, &headers, "127.0.0.1:5".parse().unwrap()).is_ok()
        };
        for own in ["http://localhost:9464", "http://127.0.0.1:9464", "http://[::1]:9464"] {
            assert!(check(own), "{own}");
        }
        for foreign in
            ["https://example.org", "http://127.0.0.1.example.org", "http://localhost.evil:80", "null", "\u{fc}"]
        {
            assert!(!check(foreign), "{foreign}");
        }
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
