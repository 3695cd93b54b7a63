//! One connection to a broker, to see whether there is one and whether it lets us in.

use std::sync::Arc;

use tokio::time;

use super::{
    access::Access,
    connect::{Connected, NotConnected, connect},
    trouble::Address,
    wire::CONNECT_TIMEOUT,
};
use crate::config::effective::{BrokerConfig, ProtocolVersion};

/// What came of a connection to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerReport {
    /// The broker's name in the mapping.
    pub name: String,
    /// Scheme, host and port.
    pub url: String,
    /// Which MQTT was spoken.
    pub protocol_version: ProtocolVersion,
    /// Whether something answered as a broker does, over TLS where that is asked for.
    pub is_reachable: bool,
    /// Whether it let us in; `None` when it was not asked.
    pub is_let_in: Option<bool>,
    /// What is wrong and what to do; `None` when nothing is.
    pub problem: Option<String>,
}

/// Connects with a client id of its own, so that a running adapter keeps its connection, and leaves again. Nothing is
/// published, and nothing is left at the broker.
pub async fn probe_broker(broker: &BrokerConfig, client_id: &str) -> BrokerReport {
    let outcome = visit(broker, client_id).await;
    let (is_reachable, is_let_in, problem) = match outcome {
        Ok(()) => (true, Some(true), None),
        Err(not_connected) if not_connected.is_refusal() => (true, Some(false), Some(not_connected.trouble.sentence)),
        Err(not_connected) => (false, None, Some(not_connected.trouble.sentence)),
    };
    BrokerReport {
        name: broker.name.clone(),
        url: Address(broker).to_string(),
        protocol_version: broker.protocol_version,
        is_reachable,
        is_let_in,
        problem,
    }
}

async fn visit(broker: &BrokerConfig, client_id: &str) -> Result<(), NotConnected> {
    let Connected { mut transport, .. } = connect(broker, &Arc::new(Access::default()), client_id, None).await?;
    // The broker has answered; how it takes the farewell changes nothing.
    transport.codec().disconnect(&mut transport.out);
    drop(time::timeout(CONNECT_TIMEOUT, transport.finish()).await);
    Ok(())
}
