//! One client for both versions of MQTT: the seam between this room and rumqttc.
//!
//! rumqttc has a client for MQTT 5 and another one for MQTT 3.1.1, with types of their own. Here each of them is turned
//! into the same requests and the same events, so that whatever lies above is written once: session, publisher, window
//! and subscriptions never ask which version is spoken, save for what a message may carry.

mod event;
mod failure;
mod halves;
mod reason;
mod setup;
#[cfg(test)]
mod tests;
mod v311;
mod v5;

pub(super) use event::{Connack, Event, Incoming, Properties, Publication};
pub(super) use failure::Failure;
pub(super) use halves::{Events, Requests, client};
pub(super) use setup::{Alias, CONNECT_TIMEOUT, Endpoint, Login, Setup, Will};
#[cfg(test)]
pub(super) use v5::publish_properties;
