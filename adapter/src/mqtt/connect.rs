//! From what the mapping says about a broker to a connection that is let in.

use std::{sync::Arc, time::Duration};

use tokio::{task, time};

use super::{
    access::{Access, Opened},
    packet::{Codec, Connack, Connect, Received, TooLong, Will},
    transport::Transport,
    trouble::{Address, Moment, Trouble},
    wire::{self, CONNECT_TIMEOUT, Failure, explain},
};
use crate::{config::effective::BrokerConfig, domain::Qos};

/// The largest packet taken from the broker.
const MAX_INCOMING_BYTES: u32 = 1 << 20;

/// A connection that the broker has let in.
pub(super) struct Connected {
    pub(super) transport: Transport,
    pub(super) connack: Connack,
}

/// Why there is no connection.
pub(super) struct NotConnected {
    pub(super) trouble: Trouble,
    /// What has failed, where it was more than reading the mapping's files.
    pub(super) failure: Option<Failure>,
}

impl NotConnected {
    /// Whether the broker itself said no.
    pub(super) fn is_refusal(&self) -> bool {
        self.failure.as_ref().map_or(self.trouble.needs_person, Failure::is_refusal)
    }
}

impl From<Trouble> for NotConnected {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, failure: None }
    }
}

/// Connects as `client_id`, with `will` as what the broker says when we are cut off.
pub(super) async fn connect(
    broker: &BrokerConfig,
    access: &Arc<Access>,
    client_id: &str,
    will: Option<Will>,
) -> Result<Connected, NotConnected> {
    let opened = read(broker, access).await?;
    let moment = |failure| {
        let trouble = explain(&failure, broker, Moment::Connecting);
        NotConnected { trouble, failure: Some(failure) }
    };
    let stream = wire::open(broker, &opened).await.map_err(moment)?;
    let codec = Codec::new(broker.protocol_version, MAX_INCOMING_BYTES as usize);
    let mut transport = Transport::new(stream, codec);
    let greeting = Connect {
        client_id,
        login: opened.login.as_ref(),
        keep_alive: broker.keep_alive,
        will: will.as_ref(),
        max_incoming_bytes: MAX_INCOMING_BYTES,
    };
    codec.connect(&mut transport.out, &greeting).map_err(|error| too_long(broker, &error))?;
    let connack = match time::timeout(CONNECT_TIMEOUT, answer(&mut transport)).await {
        Ok(answered) => answered.map_err(moment)?,
        Err(_) => return Err(moment(Failure::Silence)),
    };
    if connack.max_qos == Qos::AtMostOnce {
        return Err(no_qos_1(broker).into());
    }
    Ok(Connected { transport, connack })
}

/// The broker's first packet.
async fn answer(transport: &mut Transport) -> Result<Connack, Failure> {
    loop {
        match transport.take().map_err(Failure::from)? {
            None => drop(transport.turn(true).await.map_err(Failure::from)?),
            Some(Received::Connack(connack)) => return Ok(connack),
            Some(Received::Refused(reason, words)) => return Err(Failure::Refused(reason, words)),
            Some(Received::Disconnect(farewell)) => return Err(Failure::Disconnected(farewell)),
            Some(_) => return Err(Failure::NoConnack),
        }
    }
}

fn too_long(broker: &BrokerConfig, error: &TooLong) -> Trouble {
    Trouble::lasting(format!("{}: CONNECT cannot be sent: {error}", Address(broker)))
}

fn no_qos_1(broker: &BrokerConfig) -> Trouble {
    Trouble::lasting(format!(
        "{} takes quality of service 0 only, with which nothing is ever acknowledged; allow QoS 1 at the broker",
        Address(broker)
    ))
}

async fn read(broker: &BrokerConfig, access: &Arc<Access>) -> Result<Opened, Trouble> {
    if broker.tls.is_none() && broker.auth.is_none() && broker.proxy.is_none() {
        return Ok(Opened::default());
    }
    let (broker, access) = (broker.clone(), Arc::clone(access));
    task::spawn_blocking(move || access.read(&broker))
        .await
        .map_err(|error| Trouble::passing(format!("the connection could not be prepared: {error}")))?
}

/// After how long without a packet a ping is sent: as the broker says, where it says something.
pub(super) fn keep_alive(connack: &Connack, asked: Duration) -> Duration {
    connack.keep_alive.filter(|granted| !granted.is_zero()).unwrap_or(asked)
}
