//! What went wrong with the broker, in a plain sentence with the way out.

use std::fmt;

use crate::config::effective::BrokerConfig;

/// Why there is no connection, or no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What is wrong and what to do.
    pub(super) sentence: String,
    /// Whether it stays wrong until a person does something.
    pub(super) needs_person: bool,
}

impl Trouble {
    /// Trouble that may pass by itself.
    pub(super) fn passing(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), needs_person: false }
    }

    /// Trouble that stays until a person does something.
    pub(super) fn lasting(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), needs_person: true }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

/// When a connection failed: the same failure may mean something else before the broker's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before CONNACK.
    Connecting,
    /// After it.
    Connected,
}

/// The broker as people write it: scheme, host and port, no credentials.
pub(super) struct Address<'a>(pub(super) &'a BrokerConfig);

impl fmt::Display for Address<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}", self.0.scheme(), self.0.url_host(), self.0.port)
    }
}
