//! A message on its way to the broker.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Epoch, Sequence, TagName, Timestamp, TopicName};

/// Which of a spool's two queues a message waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Alarms, gaps and verdicts: ahead of values.
    Urgent,
    /// Tag values.
    Values,
}

impl Lane {
    /// Both, in the order in which they are sent.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Values];

    /// The name of its directory, and how results spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Values => "values",
        }
    }
}

/// MQTT's quality of service, as far as it is sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qos {
    /// At most once: a bounded memory queue, dropped while the broker is away.
    AtMostOnce,
    /// At least once: spooled until its PUBACK.
    AtLeastOnce,
}

/// All that is the same for every message of one northbound mapping (or of one other source), shared by them.
#[derive(Debug)]
pub struct Route {
    /// Where to.
    pub topic: TopicName,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps the last one.
    pub is_retained: bool,
    /// User properties that the mapping asks for.
    pub user_properties: Vec<(String, String)>,
    /// After how long the message is worthless; sent as MQTT 5 message expiry.
    pub message_expiry: Option<Duration>,
    /// What the payload is, as a MIME type; sent as MQTT 5 content type, where the mapping asks for it.
    pub content_type: Option<String>,
    /// Whose values these are; `None` for alarms, gaps and verdicts.
    pub tag_name: Option<TagName>,
}

/// One message: encoded, named and ready for the spool.
#[derive(Clone, Debug)]
pub struct OutboundMessage {
    /// What it shares with its kind.
    pub route: Arc<Route>,
    /// The payload, one line of JSON, or empty to clear a retained message.
    pub payload: Bytes,
    /// The start of the adapter that made it, where it is another than this one.
    pub epoch: Option<Epoch>,
    /// Its number within mapping and epoch; `None` where messages are not numbered.
    pub sequence: Option<Sequence>,
    /// User properties of this message alone (anomaly score and label).
    pub user_properties: Vec<(Cow<'static, str>, String)>,
    /// MQTT 5 correlation data, for verdicts.
    pub correlation_data: Option<Bytes>,
    /// The source time, from which the delay to the PUBACK is measured.
    pub source_timestamp: Option<Timestamp>,
    /// When it was handed to the spool; its age counts from here.
    pub created_at: Timestamp,
    /// When its value was received from the PLC, by this process; `None` where it carries none, or comes from the disk.
    pub received_at: Option<Timestamp>,
}

impl OutboundMessage {
    /// Bytes this message holds, for the bounds of queues.
    pub fn weight(&self) -> usize {
        const OVERHEAD: usize = 128;
        let properties: usize = self.user_properties.iter().map(|(name, value)| name.len() + value.len() + 24).sum();
        OVERHEAD + self.payload.len() + properties + self.correlation_data.as_ref().map_or(0, Bytes::len)
    }
}
