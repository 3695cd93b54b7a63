//! A message as the probe heard it.

use anyhow::{Context, Result};
use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::Publish;
use serde_json::Value;

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload, as it came.
    pub payload: Bytes,
    /// Whether the publisher asked the broker to keep it.
    pub is_retained: bool,
    /// MQTT 5 user properties, in order.
    pub user_properties: Vec<(String, String)>,
    /// MQTT 5 correlation data.
    pub correlation_data: Option<Bytes>,
    /// MQTT 5 message expiry in seconds.
    pub expiry_seconds: Option<u32>,
}

impl Message {
    /// The payload as JSON.
    pub fn json(&self) -> Result<Value> {
        let payload = &self.payload;
        serde_json::from_slice(payload).with_context(|| format!("{}: no JSON: {payload:?}", self.topic))
    }

    /// A user property.
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.user_properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl From<Publish> for Message {
    fn from(publish: Publish) -> Self {
        let properties = publish.properties.unwrap_or_default();
        Self {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
            is_retained: publish.retain,
            user_properties: properties.user_properties,
            correlation_data: properties.correlation_data,
            expiry_seconds: properties.message_expiry_interval,
        }
    }
}
