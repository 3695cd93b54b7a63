//! Finding and taking TCP ports.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::SimulatorError;

/// A TCP port on `127.0.0.1` that nobody listened on a moment ago.
///
/// Somebody else may take it before you do, so rather ask for port 0 where that is possible.
///
/// # Errors
/// [`SimulatorError::Listen`] when no port is free.
pub async fn free_port() -> Result<u16, SimulatorError> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(free_address_like(any).await?.port())
}

/// The IP address of `addr` with a port that nobody listened on a moment ago.
pub(crate) async fn free_address_like(addr: SocketAddr) -> Result<SocketAddr, SimulatorError> {
    let any = SocketAddr::new(addr.ip(), 0);
    let listener = listen(any, false).await?;
    listener.local_addr().map_err(|source| SimulatorError::Listen { addr: any, source })
}

/// Listens on `addr`, or on a free port of the same IP address when the asked one is in use and `may_fall_back`.
pub(crate) async fn listen(addr: SocketAddr, may_fall_back: bool) -> Result<TcpListener, SimulatorError> {
    // Tokio sets SO_REUSEADDR on Unix, so a port is free again as soon as its last listener is gone.
    match TcpListener::bind(addr).await {
        Err(error) if may_fall_back && error.kind() == io::ErrorKind::AddrInUse => {
            let any = SocketAddr::new(addr.ip(), 0);
            TcpListener::bind(any).await.map_err(|error| listen_error(any, error))
        }
        result => result.map_err(|error| listen_error(addr, error)),
    }
}

/// The typed error for a failed attempt to listen on `addr`.
pub(crate) fn listen_error(addr: SocketAddr, source: io::Error) -> SimulatorError {
    match source.kind() {
        io::ErrorKind::AddrInUse => SimulatorError::PortInUse { addr },
        _ => SimulatorError::Listen { addr, source },
    }
}

/// Where a client on this machine reaches a server that listens on `addr`: the loopback address for "all addresses".
pub(crate) fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], v6.port())),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_a_typed_error_or_is_replaced_by_a_free_one() {
        let taken = listen(SocketAddr::from(([127, 0, 0, 1], 0)), false).await.unwrap();
        let addr = taken.local_addr().unwrap();

        let refused = listen(addr, false).await.unwrap_err();
        assert!(matches!(refused, SimulatorError::PortInUse { addr: reported } if reported == addr), "{refused}");

        let other = listen(addr, true).await.unwrap().local_addr().unwrap();
        assert_eq!(other.ip(), addr.ip());
        assert_ne!(other.port(), addr.port());
    }

    #[test]
    fn all_addresses_are_reached_over_loopback() {
        assert_eq!(reachable("0.0.0.0:4840".parse().unwrap()), "127.0.0.1:4840".parse().unwrap());
        assert_eq!(reachable("[::]:4840".parse().unwrap()), "[::1]:4840".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:4840".parse().unwrap()), "192.0.2.1:4840".parse().unwrap());
    }
}
