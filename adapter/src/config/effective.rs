//! The mapping as the adapter runs it: every default filled in, every reference resolved, valid by construction.
//!
//! Only `resolve` builds these; a `Config` that exists has passed every check that can be made without a network.

use std::{collections::HashSet, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json_path::JsonPath;
use tagwise_model::ModelSpec;

use crate::domain::{BrokerId, Qos, TagId, TopicFilter, TopicName};

pub use super::effective_broker::{BrokerAuth, BrokerConfig, ClientCertificate, ProtocolVersion, TlsConfig};
pub use super::effective_opcua::{
    ConnectionOptions, EnumerationForm, MessageSecurityMode, OpcUaAuth, OpcUaConfig, OpcUaLimits, Security,
    SecurityPolicy, ServerProfile, Tag,
};
pub use super::effective_subscription::{Deadband, Discard, Mode, QueueSize, TagSubscription, Trigger};

/// A whole mapping file.
#[derive(Debug)]
pub struct Config {
    /// The process itself.
    pub adapter: AdapterConfig,
    /// The OPC UA server.
    pub opcua: OpcUaConfig,
    /// The MQTT brokers, at least one; a `BrokerId` is a position here.
    pub brokers: Vec<BrokerConfig>,
    /// The models that mappings name.
    pub models: Vec<ModelConfig>,
    /// The tags; a `TagId` is a position here.
    pub tags: Vec<Tag>,
    /// What goes from OPC UA to MQTT.
    pub northbound_mappings: Vec<NorthboundMapping>,
    /// What may go from MQTT (or an alarm) to OPC UA.
    pub southbound_mappings: Vec<SouthboundMapping>,
    /// Where metrics, health and the model API listen; `None` when the mapping has no `http:`.
    pub http: Option<HttpConfig>,
}

impl Config {
    /// Where values, alarms, status and gap messages go.
    pub fn own_topics(&self) -> HashSet<TopicName> {
        let values = self.northbound_mappings.iter().map(|mapping| mapping.topic.clone());
        let alarms = self.northbound_mappings.iter().filter_map(|mapping| Some(mapping.alarm.as_ref()?.topic.clone()));
        let root = &self.adapter.status_topic;
        let events = ["status", "gap"].iter().filter_map(|level| TopicName::parse(&format!("{root}/{level}")).ok());
        values.chain(alarms).chain(events).collect()
    }
}

/// `adapter:`
#[derive(Clone, Debug)]
pub struct AdapterConfig {
    /// Names this process in topics, metrics and client ids: `[A-Za-z0-9_-]+`.
    pub id: String,
    /// Where what must outlive the process is kept.
    pub state_dir: PathBuf,
    /// Root of status and gap messages, `{adapter}` already replaced.
    pub status_topic: TopicName,
    /// How long a shutdown may go on delivering.
    pub drain_timeout: Duration,
}

/// An entry of `models:`, or a detector kind that a mapping names directly, with its defaults.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// Its name in the mapping, in payloads and in the HTTP API.
    pub name: String,
    /// The whole chain; shared, since thousands of mappings may have an instance each.
    pub spec: Arc<ModelSpec>,
    /// The tags behind its further inputs; the first input is the mapping's own tag.
    pub inputs: Vec<TagId>,
    /// Whether each mapping that names it has an instance of its own.
    pub per: ModelScope,
    /// What it learns from before it scores.
    pub training: Training,
    /// Features that an anomalous message names at most.
    pub explain: usize,
}

/// `per:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelScope {
    /// Each mapping that names the model has an instance of its own.
    Tag,
    /// All mappings that name the model share one instance.
    Model,
}

/// `training:`
#[derive(Clone, Debug)]
pub enum Training {
    /// The values of a CSV file with a header: its only column, or those named like the tags, or `value`.
    File {
        /// The file.
        path: PathBuf,
        /// The column of times.
        time: Option<String>,
    },
    /// A model that was trained elsewhere.
    Artefact(PathBuf),
    /// So many live values of good quality.
    Samples(usize),
}

/// An entry of `northbound_mappings:`, or a tag with a `topic`.
#[derive(Clone, Debug)]
pub struct NorthboundMapping {
    /// Whose values.
    pub tag: TagId,
    /// Where to, placeholders already replaced.
    pub topic: TopicName,
    /// The broker there; the alarm goes to it, too.
    pub broker: BrokerId,
    /// How surely.
    pub qos: Qos,
    /// The model that scores the values: a position in `Config::models`.
    pub model: Option<usize>,
    /// What the payload says besides the value.
    pub include: Include,
    /// MQTT 5 user properties on every message.
    pub mqtt_user_properties: Vec<(String, String)>,
    /// After how long a message is worthless.
    pub message_expiry_interval: Option<Duration>,
    /// What the payload is, as a MIME type, for MQTT 5 brokers; not sent when `None`.
    pub content_type: Option<String>,
    /// Whether the broker keeps the last message.
    pub retain: bool,
    /// What becomes of values that are not good.
    pub quality: QualityPolicy,
    /// When the anomaly is repeated in user properties.
    pub anomaly_user_properties: AnomalyUserProperties,
    /// The alarm that the labels raise.
    pub alarm: Option<AlarmConfig>,
    /// The line of the mapping file on which it stands, from 1.
    pub line: usize,
}

/// The `include_*` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of the mapping language")]
pub struct Include {
    /// `timestamp`
    pub timestamp: bool,
    /// `tagName`
    pub tag_name: bool,
    /// `metadata`
    pub metadata: bool,
    /// `epoch` and `sequence`
    pub sequence: bool,
}

/// `quality:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityPolicy {
    /// What becomes of values with a Bad StatusCode.
    pub bad: QualityAction,
    /// What becomes of values with an Uncertain StatusCode.
    pub uncertain: QualityAction,
}

/// What becomes of a value that is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityAction {
    /// It goes out and says what it is.
    Publish,
    /// The last good value goes out in its place and says so; while there was none yet, as `Drop`.
    Hold,
    /// It is counted and goes no further.
    Drop,
}

/// `anomaly_user_properties:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyUserProperties {
    /// Only the payload says it.
    Never,
    /// On messages with label 1.
    OnAnomaly,
    /// On every message.
    Always,
}

/// `alarm:`
#[derive(Clone, Debug)]
pub struct AlarmConfig {
    /// Where the alarm is retained.
    pub topic: TopicName,
    /// Raised after so many anomalous values in a row, at least 1.
    pub raise_after: u32,
    /// Cleared after so many normal values in a row, at least 1.
    pub clear_after: u32,
    /// How bad it is.
    pub severity: AlarmSeverity,
    /// The tag that is written true while the alarm is active.
    pub write_tag: Option<TagId>,
}

/// `alarm.severity:`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the four severities that alarm systems agree on")]
pub enum AlarmSeverity {
    Critical,
    Major,
    Minor,
    Warning,
}

impl AlarmSeverity {
    /// All severities, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Major, Self::Minor, Self::Warning];

    /// The severity as payloads, metrics and mappings spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Warning => "warning",
        }
    }
}

/// An entry of `southbound_mappings:`
#[derive(Clone, Debug)]
pub struct SouthboundMapping {
    /// Where commands come from; `None` for a tag that only alarms write.
    pub topic_filter: Option<TopicFilter>,
    /// The broker that they come from; means nothing without a topic filter.
    pub broker: BrokerId,
    /// What they write.
    pub tag: TagId,
    /// Where in the payload the value stands; `None` takes `$.value`, or the whole payload when it is a scalar.
    pub value: Option<Arc<JsonPath>>,
    /// What may be written.
    pub range: Range,
    /// How old a command may be; `None` for any age.
    pub max_age: Option<Duration>,
    /// How long a command may wait for its turn while there is an OPC UA session.
    pub max_wait: Duration,
    /// Whether commands with the retain bit are taken.
    pub accepts_retained: bool,
    /// The line of the mapping file on which it stands, from 1.
    pub line: usize,
}

/// `range:`, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
}

/// `http:`
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The address to listen at.
    pub listen: SocketAddr,
    /// The bearer token that calls which change something need.
    pub token: Option<SecretString>,
}
