//! Addresses of servers: `scheme://host[:port][/path]`.

use std::net::Ipv6Addr;

use thiserror::Error;

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUrl<'a> {
    pub(super) scheme: String,
    /// Brackets around an IPv6 address removed.
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    /// With its slash; empty when there is none.
    pub(super) path: &'a str,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum UrlError {
    #[error("`://` is missing")]
    NoScheme,
    #[error("a user name or password must not stand in it")]
    UserInformation,
    #[error("a host name or address is missing")]
    NoHost,
    #[error("`{0}` is no host name or address")]
    Host(String),
    #[error("`{0}` is no port from 1 to 65535")]
    Port(String),
}

impl<'a> ServerUrl<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
        // An `@` in the path is left alone only if there is nothing before it that could be a password.
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        if rest.contains('@') {
            return Err(UrlError::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let port = match port {
            None => None,
            Some(port) => match port.parse::<u16>() {
                Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Some(number),
                _ => return Err(UrlError::Port(port.to_owned())),
            },
        };
        Ok(Self { scheme: scheme.to_ascii_lowercase(), host, port, path })
    }

    pub(super) fn is_websocket(&self) -> bool {
        matches!(self.scheme.as_str(), "ws" | "wss")
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.scheme.as_str(), "mqtts" | "wss")
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.starts_with("127.") || self.host == "::1"
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| UrlError::Host(authority.to_owned()))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(UrlError::Host(host.to_owned()));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(UrlError::Host(authority.to_owned())),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name { Ok((host, port)) } else { Err(UrlError::Host(host.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scheme: &str, host: &str, port: Option<u16>, path: &str) {
        assert_eq!(ServerUrl::parse(text), Ok(ServerUrl { scheme: scheme.to_owned(), host, port, path }));
    }

    #[test]
    fn an_address_is_taken_apart() {
        check("mqtt://broker", "mqtt", "broker", None, "");
        check("MQTTS://a.b-c.eu:8883", "mqtts", "a.b-c.eu", Some(8883), "");
        check("opc.tcp://10.0.0.1:4840/plc/1", "opc.tcp", "10.0.0.1", Some(4840), "/plc/1");
        check("mqtt://[::1]:1883", "mqtt", "::1", Some(1883), "");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (bad, expected) in [
            ("plc:4840", UrlError::NoScheme),
            ("mqtt://user:pw@host", UrlError::UserInformation),
            ("mqtt://user:p/w@host", UrlError::UserInformation),
            ("mqtt://", UrlError::NoHost),
            ("mqtt://:1883", UrlError::NoHost),
            ("mqtt://a b", UrlError::Host("a b".to_owned())),
            ("mqtt://[zz]", UrlError::Host("zz".to_owned())),
            ("mqtt://a:0", UrlError::Port("0".to_owned())),
            ("mqtt://a:65536", UrlError::Port("65536".to_owned())),
            ("mqtt://a:+1", UrlError::Port("+1".to_owned())),
            ("mqtt://a:b:c", UrlError::Port("b:c".to_owned())),
        ] {
            assert_eq!(ServerUrl::parse(bad), Err(expected), "{bad}");
        }
    }
}
