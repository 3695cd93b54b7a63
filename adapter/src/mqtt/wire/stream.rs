//! The byte stream to a broker, whatever lies below it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::websocket::WebSocket;

/// TCP, with or without TLS.
#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A byte stream to a broker. Reading and writing can be given up at any time without losing anything.
///
/// What went wrong in TLS or in the WebSocket comes as an `io::Error` that a [`Failure`](super::Failure) can be made of.
#[derive(Debug)]
pub(in crate::mqtt) struct Stream(Way);

#[derive(Debug)]
enum Way {
    Bare(Socket),
    WebSocket(Box<WebSocket<Socket>>),
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        Self(Way::Bare(socket))
    }
}

impl From<WebSocket<Socket>> for Stream {
    fn from(websocket: WebSocket<Socket>) -> Self {
        Self(Way::WebSocket(Box::new(websocket)))
    }
}

impl Stream {
    /// Has the kernel acknowledge at once what is read from now on, so that a broker with Nagle's algorithm does not wait
    /// 40 ms for it. The kernel falls back by itself, so it is to be called after each read. Errors cost only that time.
    pub(in crate::mqtt) fn quick_ack(&self) {
        #[cfg(target_os = "linux")]
        {
            let socket = match &self.0 {
                Way::Bare(socket) => socket,
                Way::WebSocket(websocket) => websocket.get_ref(),
            };
            drop(socket.tcp().set_quickack(true));
        }
    }
}

impl Socket {
    /// The connection below everything.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have nothing to set"))]
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// Passes each call on to what is inside: `$inner` is it, within `$this`.
macro_rules! pass_on {
    ($type:ty, |$this:ident| $inner:expr) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                $inner.poll_read(context, buffer)
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                $inner.poll_write(context, buffer)
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                $inner.poll_flush(context)
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                $inner.poll_shutdown(context)
            }
        }
    };
}

/// Both ends of a byte stream.
trait Bytes: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Bytes for T {}

impl Socket {
    fn bytes(&mut self) -> Pin<&mut dyn Bytes> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp),
            Self::Tls(tls) => Pin::new(tls.as_mut()),
        }
    }
}

impl Stream {
    fn bytes(&mut self) -> Pin<&mut dyn Bytes> {
        match &mut self.0 {
            Way::Bare(socket) => socket.bytes(),
            Way::WebSocket(websocket) => Pin::new(websocket.as_mut()),
        }
    }
}

pass_on!(Socket, |this| this.bytes());
pass_on!(Stream, |this| this.bytes());
