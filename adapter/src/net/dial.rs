//! A TCP connection to whichever address of a host answers first.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time,
};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// Why nobody took a connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The look-up gave no address; in the words of the system.
    UnknownHost(io::Error),
    /// No address took it: of several, the failure that says most.
    Unreached(io::Error),
}

/// Connects to a host (an IPv6 address without brackets): all its addresses are tried side by side. Look-up and
/// connection take `limit` at most.
///
/// `send_buffer` bounds what may wait in the kernel, in bytes; without it the kernel lets it grow to megabytes.
///
/// # Errors
/// Why none of the addresses can be had.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    limit: Duration,
    send_buffer: Option<u32>,
) -> Result<TcpStream, DialError> {
    let deadline = time::Instant::now() + limit;
    let found: Vec<SocketAddr> = match time::timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.take(MAX_ADDRESSES).collect(),
        Ok(Err(error)) => return Err(DialError::UnknownHost(error)),
        Err(_) => return Err(DialError::UnknownHost(io::ErrorKind::TimedOut.into())),
    };
    if found.is_empty() {
        return Err(DialError::UnknownHost(io::Error::other("it has no address")));
    }
    let mut attempts: FuturesUnordered<_> =
        found.into_iter().map(|address| attempt(address, deadline, send_buffer)).collect();
    let mut failure = None;
    while let Some(attempted) = attempts.next().await {
        match attempted {
            Ok(stream) => return Ok(stream),
            // Of several, a refusal says most: something is there.
            Err(error) if failure.is_none() || error.kind() == io::ErrorKind::ConnectionRefused => {
                failure = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(DialError::Unreached(failure.unwrap_or_else(|| io::ErrorKind::TimedOut.into())))
}

async fn attempt(address: SocketAddr, deadline: time::Instant, send_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A message waits for nothing; with Nagle's algorithm the last one waits for the acknowledgement of the one before.
    socket.set_nodelay(true)?;
    if let Some(bytes) = send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    time::timeout_at(deadline, socket.connect(address)).await?
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_port_without_a_server_is_refused() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let failure = dial("127.0.0.1", port, LIMIT, None).await.unwrap_err();
        assert!(matches!(&failure, DialError::Unreached(error) if error.kind() == io::ErrorKind::ConnectionRefused));
    }

    #[tokio::test]
    async fn an_address_of_several_that_listens_is_enough() {
        // `localhost` has two addresses on most machines, and only one of them listens here.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = dial("localhost", listener.local_addr().unwrap().port(), LIMIT, Some(1 << 17)).await.unwrap();
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn an_ipv6_address_is_dialled_without_brackets() {
        // Not every machine has IPv6.
        let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
        assert!(dial("::1", listener.local_addr().unwrap().port(), LIMIT, None).await.is_ok());
    }

    #[tokio::test]
    async fn an_unknown_host_is_told_from_one_that_is_away() {
        let failure = dial("no-such-host.invalid", 1883, LIMIT, None).await.unwrap_err();
        assert!(matches!(failure, DialError::UnknownHost(_)));
    }
}
