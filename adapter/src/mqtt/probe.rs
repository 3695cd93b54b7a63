//! One connection to a broker, to see whether there is one and whether it lets us in.

use rumqttc::v5::{AsyncClient, ConnectionError, Event, mqttbytes::v5::Packet};
use tokio::{task, time};

use super::{
    options::{CONNECT_TIMEOUT, connection_options},
    trouble::{Address, Trouble, explain},
};
use crate::config::effective::BrokerConfig;

const REQUESTS: usize = 1;

/// What came of a connection to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerReport {
    /// The broker's name in the mapping.
    pub name: String,
    /// Scheme, host and port.
    pub url: String,
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
    let outcome = connect(broker, client_id).await;
    let (is_reachable, is_let_in, problem) = match outcome {
        Ok(()) => (true, Some(true), None),
        Err(Failure { trouble, is_refusal: true }) => (true, Some(false), Some(trouble.sentence)),
        Err(Failure { trouble, is_refusal: false }) => (false, None, Some(trouble.sentence)),
    };
    BrokerReport { name: broker.name.clone(), url: Address(broker).to_string(), is_reachable, is_let_in, problem }
}

struct Failure {
    trouble: Trouble,
    /// Whether the broker itself said no.
    is_refusal: bool,
}

async fn connect(broker: &BrokerConfig, client_id: &str) -> Result<(), Failure> {
    let silent = |trouble| Failure { trouble, is_refusal: false };
    let (config, id) = (broker.clone(), client_id.to_owned());
    // Certificates are read from the disk.
    let options = task::spawn_blocking(move || connection_options(&config, &id))
        .await
        .map_err(|error| silent(Trouble::passing(format!("the connection could not be prepared: {error}"))))?
        .map_err(silent)?;
    let (client, mut event_loop) = AsyncClient::new(options, REQUESTS);
    loop {
        match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => break,
            Ok(_) => {}
            Err(error) => {
                let is_refusal = matches!(error, ConnectionError::ConnectionRefused(_));
                return Err(Failure { trouble: explain(&error, broker), is_refusal });
            }
        }
    }
    // The broker has answered; how it takes the farewell changes nothing.
    if client.try_disconnect().is_ok() {
        let farewell = async { while event_loop.poll().await.is_ok() {} };
        drop(time::timeout(CONNECT_TIMEOUT, farewell).await);
    }
    Ok(())
}
