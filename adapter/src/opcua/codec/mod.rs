//! Requests to bytes, and answers from bytes with our own bounded reader: a text in another code page, or an answer that
//! is not what it should be, costs that answer and never the connection.

pub(in crate::opcua) mod message;
pub(in crate::opcua) mod session;
pub(in crate::opcua) mod subscription;
pub(in crate::opcua) mod view;
