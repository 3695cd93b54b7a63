//! Tags that are read and not subscribed.

pub(in crate::opcua) mod late;
pub(in crate::opcua) mod poller;
pub(in crate::opcua) mod round;
