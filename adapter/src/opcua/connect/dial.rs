//! The TCP connection: to whichever address of the host answers first, whatever a server advertises.

use std::{io, time::Duration};

use tokio::net::TcpStream;

use crate::{
    net::{self, DialError},
    opcua::problem::Problem,
};

const DEFAULT_PORT: u16 = 4840;

/// Connects to the host and port of an `opc.tcp://` URL within `limit`: all addresses of the name are tried side by side.
///
/// # Errors
/// Why none of them can be had.
pub(in crate::opcua) async fn dial(url: &str, limit: Duration) -> Result<TcpStream, Problem> {
    let (host, port) = host_and_port(url).ok_or_else(|| Problem::Address { uri: url.to_owned() })?;
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let error = match net::dial(&host, port, limit, None).await {
        Ok(stream) => return Ok(stream),
        Err(DialError::UnknownHost(_)) => return Err(Problem::UnknownHost { host }),
        Err(DialError::Unreached(error)) => error,
    };
    Err(match error.kind() {
        io::ErrorKind::ConnectionRefused => Problem::Refused { address },
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Problem::Unreachable { address }
        }
        _ => Problem::Io { address, reason: error.to_string() },
    })
}

/// Host and port of `opc.tcp://host[:port][/path]`; the host of an IPv6 address without its brackets.
pub(in crate::opcua) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let authority = url.strip_prefix("opc.tcp://")?.split('/').next()?;
    let (host, rest) = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?,
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if rest.is_empty() => DEFAULT_PORT,
        None => return None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn host_and_port_are_read_from_the_address() {
        let check = |url: &str, expected: Option<(&str, u16)>| {
            let found = host_and_port(url);
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{url}");
        };
        check("opc.tcp://plc:4841/path/x:1", Some(("plc", 4841)));
        check("opc.tcp://plc", Some(("plc", 4840)));
        check("opc.tcp://10.0.0.7:48010", Some(("10.0.0.7", 48010)));
        check("opc.tcp://[::1]:4841/", Some(("::1", 4841)));
        check("opc.tcp://[fe80::1]", Some(("fe80::1", 4840)));
        check("opc.tcp://:4840", None);
        check("opc.tcp://plc:x", None);
        check("opc.tcp://plc:70000", None);
        check("http://plc:4840", None);
        check("opc.tcp://[::1", None);
    }

    #[tokio::test]
    async fn a_port_without_a_server_is_refused() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let problem = dial(&format!("opc.tcp://{address}"), LIMIT).await.unwrap_err();
        assert_eq!(problem, Problem::Refused { address: address.to_string() });
    }

    #[tokio::test]
    async fn an_address_of_several_that_listens_is_enough() {
        // `localhost` has two addresses on most machines, and only one of them listens here.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(dial(&format!("opc.tcp://localhost:{port}"), LIMIT).await.is_ok());
    }

    #[tokio::test]
    async fn an_unknown_host_is_named() {
        let problem = dial("opc.tcp://no-such-host.invalid", LIMIT).await.unwrap_err();
        assert_eq!(problem, Problem::UnknownHost { host: "no-such-host.invalid".into() });
    }
}
