//! Plain data that flows through the adapter; no I/O and no library types.

pub mod broker;
pub mod browse_path;
pub mod characters;
pub mod command;
pub mod data_type;
pub mod field_path;
pub mod identity;
pub mod locator;
pub mod message;
pub mod node;
pub mod node_doubt;
pub mod node_spelling;
pub mod quality;
pub mod tag;
pub mod time;
pub mod topic;
pub mod update;
pub mod value;

pub use broker::BrokerId;
pub use browse_path::{BrowsePath, PathElement};
pub use characters::{Codepoint, unsendable};
pub use command::{Command, Outcome, RejectReason, Verdict};
pub use data_type::{DataType, NodeDescription};
pub use field_path::FieldPath;
pub use identity::{Epoch, Sequence};
pub use locator::NodeLocator;
pub use message::{Lane, OutboundMessage, Qos, Route};
pub use node::{Identifier, Namespace, NodeAddress};
pub use quality::{Severity, StatusCode};
pub use tag::{TagId, TagName};
pub use time::Timestamp;
pub use topic::{TopicFilter, TopicName};
pub use update::{TagUpdate, UpdateFlags};
pub use value::TagValue;
