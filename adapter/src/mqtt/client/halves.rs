//! The two halves of a client: one takes requests, the other does the work and says what happens.

use rumqttc::{Outgoing, v5 as mqtt5};

use super::{
    event::{Event, Publication},
    failure::Failure,
    setup::Setup,
    v5, v311,
};
use crate::{config::effective::ProtocolVersion, domain::TopicFilter, mqtt::relay::Relay};

/// Takes requests, without ever waiting.
pub(in crate::mqtt) enum Requests {
    V5(mqtt5::AsyncClient),
    V311(rumqttc::AsyncClient),
}

enum Loop {
    V5(Box<v5::Loop>),
    V311(Box<v311::Loop>),
}

/// Does the work and says what happens.
pub(in crate::mqtt) struct Events {
    work: Loop,
    relay: Option<Relay>,
}

/// A client that connects as soon as its events are asked for; it takes `capacity` requests that wait.
pub(in crate::mqtt) fn client(
    version: ProtocolVersion,
    setup: Setup,
    relay: Option<Relay>,
    capacity: usize,
) -> (Requests, Events) {
    match version {
        ProtocolVersion::V5 => {
            let (client, work) = v5::client(setup, capacity);
            (Requests::V5(client), Events { work: Loop::V5(work), relay })
        }
        ProtocolVersion::V311 => {
            let (client, work) = v311::client(setup, capacity);
            (Requests::V311(client), Events { work: Loop::V311(work), relay })
        }
    }
}

/// Each returns whether the request was taken: it is not when `capacity` requests wait.
impl Requests {
    pub(in crate::mqtt) fn publish(&self, publication: Publication<'_>) -> bool {
        match self {
            Self::V5(client) => v5::publish(client, publication),
            Self::V311(client) => v311::publish(client, publication),
        }
    }

    /// Subscribes to fresh commands of others.
    pub(in crate::mqtt) fn subscribe(&self, filters: &[TopicFilter]) -> bool {
        match self {
            Self::V5(client) => client.try_subscribe_many(filters.iter().map(v5::filter)).is_ok(),
            Self::V311(client) => client.try_subscribe_many(filters.iter().map(v311::filter)).is_ok(),
        }
    }

    /// Subscribes to all that a person at the broker would see.
    pub(in crate::mqtt) fn watch(&self, filter: &str) -> bool {
        match self {
            Self::V5(client) => client.try_subscribe(filter, mqtt5::mqttbytes::QoS::AtLeastOnce).is_ok(),
            Self::V311(client) => client.try_subscribe(filter, rumqttc::QoS::AtLeastOnce).is_ok(),
        }
    }

    pub(in crate::mqtt) fn unsubscribe(&self, filter: &TopicFilter) -> bool {
        match self {
            Self::V5(client) => client.try_unsubscribe(filter.as_str()).is_ok(),
            Self::V311(client) => client.try_unsubscribe(filter.as_str()).is_ok(),
        }
    }

    pub(in crate::mqtt) fn disconnect(&self) -> bool {
        match self {
            Self::V5(client) => client.try_disconnect().is_ok(),
            Self::V311(client) => client.try_disconnect().is_ok(),
        }
    }
}

impl Events {
    /// The next event. After a failure the client is done for. The future must not be dropped before it is done, except
    /// together with the client: it may have a packet half written.
    pub(in crate::mqtt) async fn next(&mut self) -> Result<Event, Failure> {
        let event = match &mut self.work {
            Loop::V5(work) => work.next().await,
            Loop::V311(work) => work.next().await,
        };
        // What the relay has seen of the network says more than the end of its socket.
        event.map_err(|failure| self.relay.as_ref().and_then(Relay::failure).unwrap_or(failure))
    }

    /// An event that has happened already and was not given out yet.
    pub(in crate::mqtt) fn take_buffered(&mut self) -> Option<Event> {
        match &mut self.work {
            Loop::V5(work) => work.take_buffered(),
            Loop::V311(work) => work.take_buffered(),
        }
    }

    /// Closes the connection behind all that was written.
    pub(in crate::mqtt) async fn close(self) {
        let Self { work, relay } = self;
        drop(work);
        if let Some(relay) = relay {
            relay.finish().await;
        }
    }
}

pub(super) fn outgoing(outgoing: &Outgoing) -> Event {
    match outgoing {
        Outgoing::Publish(id) | Outgoing::Subscribe(id) | Outgoing::Unsubscribe(id) => Event::Sent(*id),
        Outgoing::AwaitAck(id) => Event::Collision(*id),
        Outgoing::Disconnect => Event::Disconnected,
        _ => Event::Other,
    }
}
