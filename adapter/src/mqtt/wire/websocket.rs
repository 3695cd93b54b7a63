//! MQTT over a WebSocket: bytes in binary frames, whose borders mean nothing.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_tungstenite::{
    WebSocketStream,
    tokio::{TokioAdapter, client_async_with_config},
    tungstenite::{
        Error, Message,
        error::{CapacityError, ProtocolError},
        handshake::client::generate_key,
        http::{Request, header},
        protocol::WebSocketConfig,
    },
};
use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::Failure;

/// The largest frame that is written, in bytes.
const MAX_OUTGOING: usize = 64 << 10;
/// The largest frame that is taken, in bytes: no packet is larger than half of it.
const MAX_INCOMING: usize = 2 << 20;
/// Made for each connection, in bytes.
const READ_BUFFER: usize = 32 << 10;

/// What a server may send over a WebSocket and MQTT does not.
#[derive(Debug, ThisError)]
pub(in crate::mqtt) enum NoMqtt {
    /// MQTT stands in binary frames.
    #[error("it sent a text frame")]
    Text,
    /// More than is taken.
    #[error("it sent a frame of {size} bytes, more than the {max} that are taken")]
    TooLarge {
        /// Of the frame or of the message it is part of.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// It breaks the rules of a WebSocket.
    #[error("{0}")]
    Protocol(String),
}

/// A WebSocket as a stream of bytes.
#[derive(Debug)]
pub(super) struct WebSocket<S> {
    frames: WebSocketStream<TokioAdapter<S>>,
    /// What has come and was not read yet.
    unread: Bytes,
    /// Whether a frame may still be on its way out.
    is_unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Asks the server for a WebSocket at `path`, by the name and port that `authority` says.
    pub(super) async fn open(stream: S, scheme: &str, authority: &str, path: &str) -> Result<Self, Failure> {
        let request = Request::builder()
            .uri(format!("{scheme}://{authority}{path}"))
            .header(header::HOST, authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .header(header::SEC_WEBSOCKET_PROTOCOL, "mqtt")
            .body(())
            .map_err(|error| Failure::Internal(format!("no WebSocket can be asked for: {error}")))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MAX_OUTGOING)
            .max_message_size(Some(MAX_INCOMING))
            .max_frame_size(Some(MAX_INCOMING));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((frames, _)) => Ok(Self { frames, unread: Bytes::new(), is_unflushed: false }),
            Err(Error::Http(answer)) => Err(Failure::UpgradeRefused(answer.status().to_string())),
            Err(error) => Err(io_error(error).into()),
        }
    }

    /// What lies below.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have nothing to set"))]
    pub(super) fn get_ref(&self) -> &S {
        self.frames.get_ref().get_ref()
    }

    fn poll_unflushed(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_unflushed {
            ready!(Pin::new(&mut self.frames).poll_flush(context)).map_err(io_error)?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(Pin::new(&mut this.frames).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => this.unread = bytes,
                Some(Ok(Message::Text(_))) => return Poll::Ready(Err(invalid(NoMqtt::Text))),
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                // The library has answered a ping by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let length = this.unread.len().min(buffer.remaining());
        buffer.put_slice(this.unread.get(..length).unwrap_or_default());
        this.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // One frame at most is held here.
        ready!(this.poll_unflushed(context))?;
        let length = buffer.len().min(MAX_OUTGOING);
        let frame = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        Pin::new(&mut this.frames).start_send(Message::Binary(frame)).map_err(io_error)?;
        this.is_unflushed = true;
        // What does not go out now goes with the next call.
        match this.poll_unflushed(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(length)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_unflushed(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().frames).poll_close(context).map_err(io_error)
    }
}

fn invalid(error: NoMqtt) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete) => {
            io::ErrorKind::UnexpectedEof.into()
        }
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            invalid(NoMqtt::TooLarge { size, max: max_size })
        }
        error => invalid(NoMqtt::Protocol(error.to_string().trim_end_matches([':', ' ']).to_owned())),
    }
}
