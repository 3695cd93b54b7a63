//! How large a PUBLISH will be.

use bytes::Bytes;

use super::sent::Properties;
use crate::{config::effective::ProtocolVersion, domain::Qos};

/// The size of the whole packet in bytes, without building it. MQTT 3.1.1 leaves the properties out.
pub(in crate::mqtt) fn publish_bytes(
    version: ProtocolVersion,
    topic_bytes: usize,
    payload_bytes: usize,
    qos: Qos,
    properties: Option<&Properties>,
) -> usize {
    let packet_id = match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 2,
    };
    let properties = match version {
        ProtocolVersion::V5 => with_length(properties.map_or(0, property_bytes)),
        ProtocolVersion::V311 => 0,
    };
    1 + with_length(2 + topic_bytes + packet_id + properties + payload_bytes)
}

fn property_bytes(properties: &Properties) -> usize {
    const STRING: usize = 2;
    let expiry = properties.expiry_seconds.map_or(0, |_| 1 + 4);
    let content_type = properties.content_type.as_ref().map_or(0, |name| 1 + STRING + name.len());
    let correlation = properties.correlation_data.as_ref().map_or(0, |data: &Bytes| 1 + STRING + data.len());
    let user: usize = properties.user.iter().map(|(name, value)| 1 + STRING + name.len() + STRING + value.len()).sum();
    expiry + content_type + correlation + user
}

/// So many bytes and, before them, their number as a variable byte integer.
const fn with_length(bytes: usize) -> usize {
    bytes
        + match bytes {
            0..=127 => 1,
            128..=16_383 => 2,
            16_384..=2_097_151 => 3,
            _ => 4,
        }
}
