//! `opcua:` and `tags:` as the adapter runs them.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::effective_subscription::TagSubscription;
use crate::domain::{FieldPath, NodeLocator, TagName};

/// `opcua:`
#[derive(Clone, Debug)]
pub struct OpcUaConfig {
    /// The endpoint, `opc.tcp://host:port[/path]`.
    pub uri: String,
    /// Whether this host and port are kept whatever the server advertises.
    pub keeps_own_address: bool,
    /// How the connection is secured; `None` only where the mapping says so.
    pub security: Option<Security>,
    /// The directory of certificates: `own/ private/ trusted/ issuers/ rejected/`.
    pub pki_dir: PathBuf,
    /// Where what the library has to read from files is written.
    pub work_dir: PathBuf,
    /// The URI of this application for a new certificate; that of the certificate counts once there is one.
    pub application_uri: Option<String>,
    /// The URI that a server's certificate must carry where only an authority vouches for it.
    pub application_uri_of_server: Option<String>,
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
    /// Commands that may be under way to the server at once, at least 1.
    pub writes_in_flight: Option<u32>,
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
    /// A user with a certificate.
    X509 {
        /// The certificate's file.
        certificate: PathBuf,
        /// The file of its private key.
        private_key: PathBuf,
    },
}

/// `opcua.security:` other than none
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// The algorithms.
    pub policy: SecurityPolicy,
    /// What is done with messages.
    pub mode: MessageSecurityMode,
}

/// `opcua.security.policy:` other than none
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityPolicy {
    /// Deprecated since 2017.
    Basic128Rsa15,
    /// Deprecated since 2017.
    Basic256,
    /// The most widespread.
    Basic256Sha256,
    /// Its successor with shorter keys.
    Aes128Sha256RsaOaep,
    /// Its successor with longer keys.
    Aes256Sha256RsaPss,
}

/// `opcua.security.message_security_mode:` other than none
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageSecurityMode {
    /// Messages can be read, but not forged.
    Sign,
    /// Messages can neither be read nor forged.
    SignAndEncrypt,
}

impl SecurityPolicy {
    /// All of them, as the mapping spells them.
    pub const ALL: [(&'static str, Self); 5] = [
        ("basic128rsa15", Self::Basic128Rsa15),
        ("basic256", Self::Basic256),
        ("basic256sha256", Self::Basic256Sha256),
        ("aes128_sha256_rsaoaep", Self::Aes128Sha256RsaOaep),
        ("aes256_sha256_rsapss", Self::Aes256Sha256RsaPss),
    ];

    /// As the mapping spells it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }

    /// Whether the OPC Foundation has withdrawn it, since its algorithms are broken or nearly so.
    pub const fn is_deprecated(self) -> bool {
        matches!(self, Self::Basic128Rsa15 | Self::Basic256)
    }
}

impl MessageSecurityMode {
    /// As the mapping spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::SignAndEncrypt => "sign_and_encrypt",
        }
    }
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
    /// Its node, by `node` or `browse_path`.
    pub node: NodeLocator,
    /// The member of the node's value that is the tag's value; the whole value when `None`.
    pub field: Option<FieldPath>,
    /// How enumerations are sent.
    pub enumeration: EnumerationForm,
    /// Its engineering unit, for people.
    pub unit: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// How its values are got.
    pub subscription: TagSubscription,
    /// The line of the mapping file on which it stands, from 1.
    pub line: usize,
}

/// `enumeration:` of a tag
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnumerationForm {
    /// The number.
    #[default]
    Number,
    /// The name, and the number where it has none.
    Name,
}

impl OpcUaConfig {
    /// A server with the mapping language's defaults, without security.
    pub fn new(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            keeps_own_address: true,
            security: None,
            pki_dir: PathBuf::from("pki"),
            work_dir: PathBuf::from("pki/session"),
            application_uri: None,
            application_uri_of_server: None,
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
    pub fn new(name: &str, node: impl Into<NodeLocator>) -> Self {
        Self {
            name: TagName::new(name),
            node: node.into(),
            field: None,
            enumeration: EnumerationForm::default(),
            unit: None,
            description: None,
            subscription: TagSubscription::default(),
            line: 1,
        }
    }
}
