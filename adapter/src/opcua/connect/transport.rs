//! What lies between the TCP stream and the library: a read half that can be cut, and the server's nonce kept over a
//! reconnect.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use opcua::client::transport::{SecureChannelState, StreamTransport, Transport, TransportPollResult};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The read half of a TCP stream that ends when its token is cancelled. A network that swallows everything never ends
/// a connection by itself.
pub(in crate::opcua) struct CutRead {
    stream: OwnedReadHalf,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl CutRead {
    /// Reads from `stream` until `cut` is cancelled.
    pub(in crate::opcua) fn new(stream: OwnedReadHalf, cut: CancellationToken) -> Self {
        Self { stream, cut: Box::pin(cut.cancelled_owned()) }
    }
}

impl AsyncRead for CutRead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

/// The library's transport, with one thing put right: a session is activated on a new channel with the nonce that the
/// *session* was given last (Part 4, 5.7.3), but the library keeps one nonce for both and overwrites it whenever a
/// channel is opened or renewed. Without this, no session on an encrypted channel outlives its connection.
pub(in crate::opcua) struct PlcTransport {
    inner: StreamTransport<CutRead, OwnedWriteHalf>,
    channel: Arc<SecureChannelState>,
    /// The server's nonce before the message at hand.
    nonce: Vec<u8>,
}

impl PlcTransport {
    /// Around a transport that has said hello and has not opened its channel yet.
    pub(in crate::opcua) fn new(
        inner: StreamTransport<CutRead, OwnedWriteHalf>,
        channel: Arc<SecureChannelState>,
    ) -> Self {
        Self { inner, channel, nonce: Vec::new() }
    }
}

impl Transport for PlcTransport {
    async fn poll(&mut self) -> TransportPollResult {
        // Only a message that opens a channel changes the nonce while one is taken in; those of the session change it
        // afterwards, when their request gets its answer.
        self.nonce.clear();
        self.nonce.extend_from_slice(self.channel.secure_channel().read().remote_nonce());
        let result = self.inner.poll().await;
        if !self.nonce.is_empty() && matches!(result, TransportPollResult::IncomingMessage) {
            let is_changed = self.channel.secure_channel().read().remote_nonce() != self.nonce;
            if is_changed {
                self.channel.secure_channel().write().set_remote_nonce(&self.nonce);
            }
        }
        result
    }

    fn connected_url(&self) -> &str {
        self.inner.connected_url()
    }
}
