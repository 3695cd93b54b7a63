//! The bytes of one connection: what waits to be written, what was read and not yet taken apart.
//!
//! Packets are put one behind the other into one buffer and written by one call, and all that has come is read by one call.
//! The buffer is bounded, and so is what the kernel holds, so that an urgent message has little before it.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::poll_read_buf;

use super::{
    packet::{Codec, Received, Unreadable},
    wire::Stream,
};

/// Bytes that wait to be written, from which on no message is added.
pub(super) const FULL: usize = 32 << 10;
/// Bytes read at a time.
const READ: usize = 64 << 10;

/// What one turn has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Bytes that the stream has taken.
    pub(super) written: usize,
    /// Whether anything was read.
    pub(super) has_read: bool,
}

/// The bytes of one connection.
pub(super) struct Transport<S = Stream> {
    stream: S,
    codec: Codec,
    /// What waits to be written.
    pub(super) out: BytesMut,
    input: BytesMut,
    needs_flush: bool,
    /// What ended the stream, while it is still to be told how much was written before.
    end: Option<io::Error>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    pub(super) fn new(stream: S, codec: Codec) -> Self {
        let (out, input) = (BytesMut::with_capacity(FULL), BytesMut::with_capacity(READ));
        Self { stream, codec, out, input, needs_flush: false, end: None }
    }

    /// What the bytes mean.
    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    /// The stream below.
    pub(super) const fn stream(&self) -> &S {
        &self.stream
    }

    /// The next packet of what was read; `None` while there is none that is whole.
    ///
    /// # Errors
    /// It is no MQTT, or larger than we take.
    pub(super) fn take(&mut self) -> Result<Option<Received>, Unreadable> {
        self.codec.take(&mut self.input)
    }

    /// Writes all that waits and closes the stream behind it.
    pub(super) async fn finish(&mut self) {
        while !self.out.is_empty() && self.turn(false).await.is_ok() {}
        // Whether the other side hears of the end changes nothing.
        drop(self.stream.shutdown().await);
    }

    /// Writes what waits and, if asked to, reads what is there; returns when either has got on. The future may be dropped
    /// at any time.
    ///
    /// # Errors
    /// The stream has failed or ended. What the broker said before can still be taken.
    pub(super) async fn turn(&mut self, may_read: bool) -> io::Result<Turn> {
        poll_fn(|context| self.poll_turn(context, may_read)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<io::Result<Turn>> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(Err(end));
        }
        let written = self.poll_write(context);
        // A broker that hangs up may have said why, and what it has taken: that is read before its end is told.
        let must_read = may_read || written.is_err();
        let has_read = match self.poll_read(context, must_read) {
            Poll::Ready(Ok(0)) => return self.told(written, ended()),
            Poll::Ready(Ok(_)) => true,
            Poll::Ready(Err(error)) => return self.told(Ok(written.unwrap_or(0)), error),
            // What came together with the end may not be known to be there yet; the end itself makes the stream readable.
            Poll::Pending if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WriteZero) => {
                return Poll::Pending;
            }
            Poll::Pending => false,
        };
        match written {
            Err(error) if !has_read => Poll::Ready(Err(error)),
            Ok(0) if !has_read => Poll::Pending,
            written => Poll::Ready(Ok(Turn { written: written.unwrap_or(0), has_read })),
        }
    }

    /// The stream has ended: what was written before is told first, since whoever counts messages wants to know.
    fn told(&mut self, written: io::Result<usize>, end: io::Error) -> Poll<io::Result<Turn>> {
        Poll::Ready(match written {
            Ok(0) => Err(end),
            Ok(written) => {
                self.end = Some(end);
                Ok(Turn { written, has_read: false })
            }
            Err(error) => Err(error),
        })
    }

    /// Writes as much as the stream takes now.
    fn poll_write(&mut self, context: &mut Context<'_>) -> io::Result<usize> {
        let mut written = 0;
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.out) {
                // What was taken is told first; the error comes again.
                Poll::Ready(Ok(0) | Err(_)) if written > 0 => break,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.out.advance(count);
                    written += count;
                    self.needs_flush = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.needs_flush
            && self.out.is_empty()
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            flushed?;
            self.needs_flush = false;
        }
        Ok(written)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<io::Result<usize>> {
        if !may_read {
            return Poll::Pending;
        }
        self.input.reserve(READ);
        poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input)
    }
}

fn ended() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::config::effective::ProtocolVersion;

    fn transport<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Transport<S> {
        Transport::new(stream, Codec::new(ProtocolVersion::V5, 1 << 20))
    }

    #[tokio::test]
    async fn what_waits_is_written_piece_by_piece_and_what_comes_is_read() {
        let (near, mut far) = duplex(4);
        let mut transport = transport(near);
        transport.out.extend_from_slice(&[0xC0, 0, 0xC0, 0, 0xC0, 0]);
        assert_eq!(transport.turn(true).await.unwrap(), Turn { written: 4, has_read: false });
        let mut seen = [0; 4];
        far.read_exact(&mut seen).await.unwrap();
        far.write_all(&[0xD0, 0]).await.unwrap();
        let turn = transport.turn(true).await.unwrap();
        assert!(turn.has_read && transport.out.is_empty(), "{turn:?}");
        assert_eq!(transport.take().unwrap(), Some(Received::Pong));
        assert_eq!(transport.take().unwrap(), None);
    }

    #[tokio::test]
    async fn what_came_together_with_a_reset_is_heard_although_writing_fails_first() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut transport = transport(near);
        transport.out.extend_from_slice(&[0xC0, 0]);
        assert_eq!(transport.turn(true).await.unwrap(), Turn { written: 2, has_read: false });
        // The ping is left unread, so the end is a reset. Nobody waits meanwhile, so nobody is told that anything came.
        io::Write::write_all(&mut far, &[0xD0, 0]).unwrap();
        drop(far);
        transport.out.extend_from_slice(&[0xC0, 0]);
        assert!(transport.turn(true).await.unwrap().has_read);
        assert_eq!(transport.take().unwrap(), Some(Received::Pong));
        assert!(transport.turn(true).await.is_err());
    }

    #[tokio::test]
    async fn what_was_written_before_the_end_is_told_before_it() {
        let (near, mut far) = duplex(64);
        let mut transport = transport(near);
        far.shutdown().await.unwrap();
        transport.out.extend_from_slice(&[0xC0, 0]);
        assert_eq!(transport.turn(true).await.unwrap(), Turn { written: 2, has_read: false });
        assert_eq!(transport.turn(true).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn what_the_broker_said_before_it_hung_up_is_heard() {
        let (near, mut far) = duplex(64);
        let mut transport = transport(near);
        far.write_all(&[0xD0, 0]).await.unwrap();
        drop(far);
        transport.out.extend_from_slice(&[0xC0, 0]);
        let turn = transport.turn(false).await.unwrap();
        assert!(turn.has_read);
        assert_eq!(transport.take().unwrap(), Some(Received::Pong));
        assert!(transport.turn(true).await.is_err());
    }
}
