//! From what the mapping says about a broker to a client that is let in.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::task;

use super::{
    access::{Access, Opened},
    client::{self, Alias, CONNECT_TIMEOUT, Connack, Endpoint, Event, Events, Requests, Setup, Will},
    relay::Relay,
    trouble::{Address, Moment, Trouble, explain},
};
use crate::{config::effective::BrokerConfig, domain::Qos};

/// A client that the broker has let in.
pub(super) struct Connected {
    pub(super) requests: Requests,
    pub(super) events: Events,
    pub(super) connack: Connack,
}

/// Why there is no connection.
pub(super) struct NotConnected {
    pub(super) trouble: Trouble,
    /// Whether the broker itself said no.
    pub(super) is_refusal: bool,
}

impl From<Trouble> for NotConnected {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, is_refusal: false }
    }
}

/// Connects as `client_id`; the client takes `capacity` requests that wait.
pub(super) async fn connect(
    broker: &BrokerConfig,
    access: &Arc<Access>,
    client_id: &str,
    will: Option<Will>,
    capacity: usize,
) -> Result<Connected, NotConnected> {
    let opened = read(broker, access).await?;
    let (endpoint, relay) = endpoint(broker, opened.tls).await?;
    let setup =
        Setup { client_id: client_id.to_owned(), login: opened.login, endpoint, keep_alive: broker.keep_alive, will };
    let (requests, mut events) = client::client(broker.protocol_version, setup, relay, capacity);
    let connack = loop {
        match events.next().await {
            Ok(Event::Connected(connack)) => break connack,
            Ok(_) => {}
            Err(failure) => {
                let is_refusal = failure.is_refusal();
                return Err(NotConnected { trouble: explain(&failure, broker, Moment::Connecting), is_refusal });
            }
        }
    };
    if connack.max_qos == Qos::AtMostOnce {
        return Err(NotConnected { trouble: no_qos_1(broker), is_refusal: true });
    }
    Ok(Connected { requests, events, connack })
}

fn no_qos_1(broker: &BrokerConfig) -> Trouble {
    Trouble::lasting(format!(
        "{} takes quality of service 0 only, with which nothing is ever acknowledged; allow QoS 1 at the broker",
        Address(broker)
    ))
}

async fn read(broker: &BrokerConfig, access: &Arc<Access>) -> Result<Opened, Trouble> {
    if broker.tls.is_none() && broker.auth.is_none() {
        return Ok(Opened::default());
    }
    let (broker, access) = (broker.clone(), Arc::clone(access));
    task::spawn_blocking(move || access.read(&broker))
        .await
        .map_err(|error| Trouble::passing(format!("the connection could not be prepared: {error}")))?
}

async fn endpoint(broker: &BrokerConfig, tls: Option<Arc<ClientConfig>>) -> Result<(Endpoint, Option<Relay>), Trouble> {
    let (host, port) = (broker.url_host(), broker.port);
    let server_name = broker.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    if let Some(path) = &broker.websocket_path {
        let url = |name: &str| format!("{}://{name}:{port}{path}", broker.scheme());
        let alias = server_name.map(|name| Alias { authority: format!("{name}:{port}"), url: url(name) });
        return Ok((Endpoint::WebSocket { url: url(&host), tls, alias }, None));
    }
    let (Some(name), Some(tls)) = (server_name.filter(|name| *name != broker.host), &tls) else {
        return Ok((Endpoint::Stream { host, port, tls }, None));
    };
    let relay = Relay::open(&format!("{host}:{port}"), name, Arc::clone(tls), CONNECT_TIMEOUT)
        .await
        .map_err(|failure| explain(&failure, broker, Moment::Connecting))?;
    Ok((Endpoint::Local(relay.socket().to_owned()), Some(relay)))
}
