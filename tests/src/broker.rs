//! The brokers that the adapter is tested against, behind one face, so that a scenario is written once.

use std::{fmt, path::PathBuf, thread};

use anyhow::Result;

use crate::{BrokerAccess, HiveMq, HiveMqOptions, Mosquitto, MosquittoOptions, Peer, announce_skip};

/// An MQTT broker, by a team of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// Debian's mosquitto: C.
    Mosquitto,
    /// HiveMQ Community Edition: Java.
    HiveMq,
}

impl BrokerKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mosquitto, Self::HiveMq];

    /// The program that it needs.
    pub const fn peer(self) -> Peer {
        match self {
            Self::Mosquitto => Peer::Mosquitto,
            Self::HiveMq => Peer::HiveMq,
        }
    }

    /// A broker as asked, running; `None`, said aloud, where its program is missing.
    pub async fn start_or_announce(self, options: BrokerOptions) -> Result<Option<Broker>> {
        let Some(mut broker) = self.prepare_or_announce(options)? else { return Ok(None) };
        broker.resume().await?;
        Ok(Some(broker))
    }

    /// A broker as asked, not yet running: its port refuses connections.
    pub fn prepare_or_announce(self, options: BrokerOptions) -> Result<Option<Broker>> {
        let Some(program) = self.peer().program() else {
            // The test runner names the thread after the test.
            announce_skip(self.peer(), thread::current().name().unwrap_or("a scenario"));
            return Ok(None);
        };
        let BrokerOptions { user, has_tls, port, is_persistent } = options;
        Ok(Some(match self {
            Self::Mosquitto => {
                let options = MosquittoOptions { user, has_tls, port, is_persistent, ..MosquittoOptions::default() };
                Broker::Mosquitto(Mosquitto::prepare(program, options)?)
            }
            Self::HiveMq => {
                let options = HiveMqOptions { user, has_tls, port, is_persistent, ..HiveMqOptions::default() };
                Broker::HiveMq(HiveMq::prepare(program, options)?)
            }
        }))
    }
}

impl fmt::Display for BrokerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.peer().name())
    }
}

/// What any broker can be asked for.
#[derive(Clone, Debug, Default)]
pub struct BrokerOptions {
    /// The only user; anonymous clients are refused when there is one.
    pub user: Option<(String, String)>,
    /// Whether it speaks TLS only, with a certificate of an authority of its own.
    pub has_tls: bool,
    /// The port; a free one when absent.
    pub port: Option<u16>,
    /// Whether sessions, retained and queued messages survive an end in order.
    pub is_persistent: bool,
}

/// A broker that can be ended and started again on the same port.
#[derive(Debug)]
pub enum Broker {
    /// Debian's mosquitto.
    Mosquitto(Mosquitto),
    /// HiveMQ Community Edition.
    HiveMq(HiveMq),
}

macro_rules! each {
    ($broker:expr, $inner:ident => $call:expr) => {
        match $broker {
            Broker::Mosquitto($inner) => $call,
            Broker::HiveMq($inner) => $call,
        }
    };
}

impl Broker {
    /// Which it is.
    pub const fn kind(&self) -> BrokerKind {
        match self {
            Self::Mosquitto(_) => BrokerKind::Mosquitto,
            Self::HiveMq(_) => BrokerKind::HiveMq,
        }
    }

    /// How the probe reaches it.
    pub fn access(&self) -> &BrokerAccess {
        each!(self, broker => broker.access())
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        self.access().url()
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.access().port
    }

    /// The file with the authority's certificate, for a mapping's `ca_file`.
    pub fn authority_file(&self) -> PathBuf {
        each!(self, broker => broker.authority_file())
    }

    /// What the broker has logged.
    pub fn log(&self) -> Result<String> {
        each!(self, broker => broker.log())
    }

    /// The process id while it runs.
    pub fn id(&self) -> Option<u32> {
        each!(self, broker => broker.id())
    }

    /// Starts it (again) on its port.
    pub async fn resume(&mut self) -> Result<()> {
        each!(self, broker => broker.resume().await)
    }

    /// Ends it at once: nothing is flushed, connections are reset.
    pub fn kill(&mut self) -> Result<()> {
        each!(self, broker => broker.kill())
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<()> {
        each!(self, broker => broker.stop().await)
    }
}
