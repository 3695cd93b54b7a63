//! `opcua:` and `tags:` as the adapter runs them.

use std::time::Duration;

use secrecy::SecretString;

use super::effective_subscription::TagSubscription;
use crate::domain::{NodeAddress, TagName};

/// `opcua:`
#[derive(Clone, Debug)]
pub struct OpcUaConfig {
    /// The endpoint, `opc.tcp://host:port[/path]`.
    pub uri: String,
    /// Whether this host and port are kept whatever the server advertises.
    pub keeps_own_address: bool,
    /// Who we are to the server.
    pub auth: OpcUaAuth,
    /// Timeouts and retries.
    pub connection: ConnectionOptions,
    /// The kind of server; `None` where it is to be recognised by what it calls itself.
    pub profile: Option<ServerProfile>,
    /// What the server takes, where the mapping knows better than it does.
    pub limits: OpcUaLimits,
}

/// `opcua.profile:` what is known of a kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProfile {
    /// Nothing: what it declares counts.
    Generic,
    /// Siemens S7-1200.
    S71200,
    /// Siemens S7-1500.
    S71500,
    /// PTC Kepware's `KEPServerEX`.
    Kepware,
    /// Inductive Automation's Ignition.
    Ignition,
    /// Prosys' simulation server.
    Prosys,
}

/// `opcua.limits:`; `None` where the mapping says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpcUaLimits {
    /// Nodes in one Read, at least 1.
    pub nodes_per_read: Option<u32>,
    /// Items in one `CreateMonitoredItems`, at least 1.
    pub monitored_items_per_call: Option<u32>,
    /// Items in one Subscription, at least 1.
    pub monitored_items_per_subscription: Option<u32>,
}

/// Who we are to the OPC UA server.
#[derive(Clone, Debug)]
pub enum OpcUaAuth {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
}

/// `opcua.connection_options:`
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// After how long without a word the server may forget the session.
    pub session_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How often the session is proved alive.
    pub keep_alive_interval: Duration,
    /// How many proofs may fail before the session is given up.
    pub keep_alive_failures_allowed: u32,
    /// The first pause before a new attempt.
    pub retry_initial: Duration,
    /// The longest pause before a new attempt.
    pub retry_max: Duration,
}

/// An entry of `tags:`
#[derive(Clone, Debug)]
pub struct Tag {
    /// Its name.
    pub name: TagName,
    /// Its node.
    pub node: NodeAddress,
    /// Its engineering unit, for people.
    pub unit: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// How its values are got.
    pub subscription: TagSubscription,
    /// The line of the mapping file on which it stands, from 1.
    pub line: usize,
}

impl OpcUaConfig {
    /// A server with the mapping language's defaults, without security.
    pub fn new(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            keeps_own_address: true,
            auth: OpcUaAuth::Anonymous,
            connection: ConnectionOptions::default(),
            profile: None,
            limits: OpcUaLimits::default(),
        }
    }
}

impl Default for ConnectionOptions {
    /// The mapping language's defaults.
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_mins(2),
            request_timeout: Duration::from_secs(10),
            keep_alive_interval: Duration::from_secs(5),
            keep_alive_failures_allowed: 2,
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_mins(1),
        }
    }
}

impl Tag {
    /// A tag with the mapping language's defaults.
    pub fn new(name: &str, node: NodeAddress) -> Self {
        Self {
            name: TagName::new(name),
            node,
            unit: None,
            description: None,
            subscription: TagSubscription::default(),
            line: 1,
        }
    }
}
