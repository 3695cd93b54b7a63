//! A way to the broker for bytes: name look-up, TCP, an HTTP proxy, TLS, a WebSocket; and what goes wrong on it.

mod certificate;
mod explain;
mod explain_proxy;
mod explain_refusal;
#[cfg(test)]
mod explain_tests;
mod explain_tls;
mod failure;
mod open;
mod proxy;
mod stream;
#[cfg(test)]
mod test_certificates;
#[cfg(test)]
mod test_server;
pub(in crate::mqtt) mod tls;
#[cfg(test)]
mod tls_tests;
mod trust;
mod websocket;

pub(in crate::mqtt) use explain::explain;
pub(in crate::mqtt) use failure::Failure;
pub(in crate::mqtt) use open::{CONNECT_TIMEOUT, open};
pub(in crate::mqtt) use stream::Stream;
