//! The address of an HTTP proxy: `http://user:password@host:port`.

use std::{fmt, net::Ipv6Addr};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// An HTTP proxy that is asked by CONNECT to lead somewhere.
#[derive(Clone)]
pub struct Proxy {
    /// The host; brackets around an IPv6 address removed.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `user:password` as the proxy is told it, where there is one.
    pub login: Option<SecretString>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Why a text is no proxy's address. It quotes nothing, since a password may stand anywhere in one with a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// Something else than `http://`, or nothing.
    #[error("it must start with `http://`; proxies that are spoken to by TLS or SOCKS are not possible")]
    Scheme,
    /// No host, or not one.
    #[error("its host is no host name or address")]
    Host,
    /// No port, or not one.
    #[error("its port, from 1 to 65535, is missing")]
    Port,
    /// A path.
    #[error("nothing may follow its port")]
    Path,
    /// A login that HTTP cannot carry.
    #[error("its user name or password has control characters, or the user name a colon")]
    Login,
}

impl Proxy {
    /// Takes an address apart. `%XX` in user and password stands for a byte.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let scheme = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let rest = scheme.and_then(|_| text.get(7..)).ok_or(ProxyError::Scheme)?;
        // What a password has may look like the end of a host.
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(self::login(login)?), address),
            None => (None, rest),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(ProxyError::Host)?,
            None => address.find(':').map_or((address, ""), |colon| address.split_at(colon)),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_host = if address.starts_with('[') {
            host.parse::<Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.chars().all(is_name)
        };
        if !is_host {
            return Err(ProxyError::Host);
        }
        let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let port = digits.and_then(|digits| digits.parse().ok()).filter(|port| *port > 0).ok_or(ProxyError::Port)?;
        Ok(Self { host: host.to_owned(), port, login })
    }

    /// Host and port as people write them; no login.
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// `user:password`, decoded; a password may have colons.
fn login(text: &str) -> Result<SecretString, ProxyError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (decoded(user)?, decoded(password)?);
    let is_possible = !user.contains(':') && !user.chars().chain(password.chars()).any(char::is_control);
    if is_possible { Ok(format!("{user}:{password}").into()) } else { Err(ProxyError::Login) }
}

/// Replaces `%XX`; a `%` with something else behind it stays.
fn decoded(text: &str) -> Result<String, ProxyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.first_chunk::<2>().and_then(|[high, low]| Some((digit(*high)?, digit(*low)?)));
        if let Some((high, low)) = code.filter(|_| first == b'%') {
            bytes.push(high * 16 + low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| ProxyError::Login)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        let login = |proxy: &Self| proxy.login.as_ref().map(|login| login.expose_secret().to_owned());
        self.address() == other.address() && login(self) == login(other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, address: &str, login: Option<&str>) {
        let proxy = Proxy::parse(text).unwrap();
        assert_eq!(proxy.address(), address);
        assert_eq!(proxy.login.as_ref().map(ExposeSecret::expose_secret), login);
    }

    #[test]
    fn an_address_is_taken_apart() {
        check("http://proxy:3128", "proxy:3128", None);
        check("HTTP://10.0.0.1:8080/", "10.0.0.1:8080", None);
        check("http://[::1]:3128", "[::1]:3128", None);
        check("http://joe:s3cret@proxy:3128", "proxy:3128", Some("joe:s3cret"));
        check("http://joe:a:b/c@d@[fe80::1]:1", "[fe80::1]:1", Some("joe:a:b/c@d"));
        check("http://a%40b:%C3%A4%25%zz%@proxy:1", "proxy:1", Some("a@b:ä%%zz%"));
        check("http://joe@proxy:3128", "proxy:3128", Some("joe:"));
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, expected) in [
            ("proxy:3128", ProxyError::Scheme),
            ("https://proxy:3128", ProxyError::Scheme),
            ("socks5://proxy:1080", ProxyError::Scheme),
            ("http://proxy", ProxyError::Port),
            ("http://proxy:0", ProxyError::Port),
            ("http://proxy:+1", ProxyError::Port),
            ("http://proxy:65536", ProxyError::Port),
            ("http://[::1]3128", ProxyError::Port),
            ("http://:3128", ProxyError::Host),
            ("http://a b:3128", ProxyError::Host),
            ("http://[zz]:3128", ProxyError::Host),
            ("http://[::1:3128", ProxyError::Host),
            ("http://proxy:3128/path", ProxyError::Path),
            ("http://a%3Ab:c@proxy:1", ProxyError::Login),
            ("http://a:b%0D%0A@proxy:1", ProxyError::Login),
            ("http://a:%FF@proxy:1", ProxyError::Login),
        ] {
            assert_eq!(Proxy::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_login_is_never_shown() {
        let shown = format!("{:?}", Proxy::parse("http://joe:s3cret@proxy:3128"));
        assert!(shown.contains("proxy:3128") && !shown.contains("s3cret") && !shown.contains("joe"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(http://|:|@|%|\\[|\\]|[0-9a-f]{0,4}|.){0,12}") {
            drop(Proxy::parse(&text));
        }
    }
}
