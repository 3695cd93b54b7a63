//! What the packets of a connection are for.

use super::{suspicion::Culprit, window::Place};
use crate::domain::{OutboundMessage, TopicFilter};

/// What a packet in the window was for.
#[derive(Debug)]
pub(super) enum Sent {
    /// A message of the spool.
    Message(OutboundMessage),
    /// The status, retained.
    Status,
    /// The last status, before DISCONNECT.
    Offline,
    /// A SUBSCRIBE for these filters.
    Subscription(Vec<TopicFilter>),
    /// An UNSUBSCRIBE.
    Unsubscription,
}

/// What it is when a connection dies on it; `None` for what is never to blame.
pub(super) fn culprit(place: Option<Place>, sent: &Sent) -> Option<Culprit> {
    match (place, sent) {
        (Some(place), Sent::Message(message)) => {
            Some(Culprit::Message(place, message.route.topic.clone(), size(message)))
        }
        (_, Sent::Status) => Some(Culprit::Status),
        (_, Sent::Subscription(filters)) => Some(Culprit::Subscribe(filters.clone())),
        _ => None,
    }
}

/// What a broker's limit of size is compared by: bytes of all that a message carries, but for what it carries as a replay
/// only.
pub(super) fn size(message: &OutboundMessage) -> usize {
    let route = &message.route;
    let of_route: usize = route.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    let of_message: usize = message.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    let correlation = message.correlation_data.as_ref().map_or(0, bytes::Bytes::len);
    route.topic.as_str().len() + message.payload.len() + of_route + of_message + correlation
}

/// Bytes that it holds, for the bound of what is in flight.
pub(super) fn weight(sent: &Sent) -> usize {
    match sent {
        Sent::Message(message) => message.weight(),
        _ => 0,
    }
}
