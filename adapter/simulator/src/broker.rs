//! The embedded MQTT broker: rumqttd, configured in code.
//!
//! What rumqttd 0.20 does not do, so that nobody wonders: it speaks one protocol version per port; it sends retained
//! messages on every new subscription, whatever Retain Handling asks for, and none when a client subscribes again; No
//! Local and Retain As Published are ignored; a message is delivered with the `QoS` of the subscription, even when it was
//! published with a lower one; an empty payload clears a retained message even without the retain flag; a session that is
//! not clean is kept until the broker ends, whatever its expiry; a client with keep-alive 0 is refused, and so is one whose
//! client id contains `+`, `$`, `#` or `/` (when that one tries again, rumqttd's listener fails for everybody).

use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rumqttd::protocol::Protocol;
use rumqttd::protocol::v4::V4;
use rumqttd::protocol::v5::V5;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::SimulatorError;
use crate::port::{free_address_like, listen_error, reachable};

/// The largest packet, in bytes.
const MAXIMUM_PACKET_SIZE: usize = 16 * 1024 * 1024;
/// Messages that the broker keeps for slow subscribers, per topic filter: this many segments of this many bytes.
const SEGMENTS: usize = 8;
const SEGMENT_SIZE: usize = 8 * 1024 * 1024;
/// How often another free port is tried when somebody was faster.
const ATTEMPTS: usize = 20;
/// How long connections have to end when the broker stops.
const STOP_TIME: Duration = Duration::from_millis(500);

/// A running MQTT broker, without authentication. Dropping it closes its connections at once.
///
/// It listens on two ports, since rumqttd takes one protocol version on each: the asked one speaks MQTT 5, a free one
/// speaks MQTT 3.1.1. Messages go from one to the other.
#[derive(Debug)]
pub struct Broker {
    local_addr: SocketAddr,
    v4_addr: SocketAddr,
    runtime: Option<Runtime>,
}

impl Broker {
    /// Starts a broker that speaks MQTT 5 on `listen`; port 0 takes any free one. It accepts when this returns.
    ///
    /// # Errors
    /// [`SimulatorError::PortInUse`] and [`SimulatorError::Listen`] for the address, [`SimulatorError::Setup`] when there
    /// are no threads to be had.
    pub async fn start(listen: SocketAddr) -> Result<Self, SimulatorError> {
        let runtime = runtime()?;
        // The router's thread starts with its link and never ends: rumqttd has no way to stop it.
        let router = Router::new(0, router_config()).spawn();
        let start_v5 =
            |addr| start_listener(&runtime, Server::new(settings("mqtt-v5", addr), router.clone(), V5), addr);
        let start_v4 =
            |addr| start_listener(&runtime, Server::new(settings("mqtt-v4", addr), router.clone(), V4), addr);
        let started = async {
            let local_addr = on_free_port_if_zero(listen, start_v5).await?;
            let v4_addr = on_free_port_if_zero(SocketAddr::new(listen.ip(), 0), start_v4).await?;
            Ok((local_addr, v4_addr))
        };
        match started.await {
            Ok((local_addr, v4_addr)) => {
                info!(mqtt5 = %local_addr, mqtt3 = %v4_addr, "embedded broker is listening");
                Ok(Self { local_addr, v4_addr, runtime: Some(runtime) })
            }
            Err(failure) => {
                runtime.shutdown_background();
                Err(failure)
            }
        }
    }

    /// Like [`Broker::start`], but takes any free port when the asked one is in use; see [`Broker::local_addr`] for which.
    ///
    /// # Errors
    /// As [`Broker::start`], but not [`SimulatorError::PortInUse`].
    pub async fn start_or_fall_back(listen: SocketAddr) -> Result<Self, SimulatorError> {
        match Self::start(listen).await {
            Err(SimulatorError::PortInUse { .. }) => Self::start(SocketAddr::new(listen.ip(), 0)).await,
            result => result,
        }
    }

    /// Where MQTT 5 clients on this machine find the broker, such as `mqtt://127.0.0.1:1883`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", reachable(self.local_addr))
    }

    /// Where MQTT 5 clients find the broker.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where MQTT 3.1.1 clients find the broker.
    pub fn v4_local_addr(&self) -> SocketAddr {
        self.v4_addr
    }

    /// Closes all connections and frees both ports, in half a second at most; a new broker may take them at once.
    ///
    /// Sessions and retained messages are gone with it. One idle thread of rumqttd stays until the program ends.
    pub async fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for a runtime blocks, which a runtime's own worker must not do.
            let waiting = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP_TIME));
            if let Err(failure) = waiting.await {
                error!(error = %failure, "the broker's tasks could not be awaited");
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn runtime() -> Result<Runtime, SimulatorError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("broker")
        .enable_all()
        .build()
        .map_err(|source| SimulatorError::Setup { source })
}

fn router_config() -> RouterConfig {
    RouterConfig {
        max_connections: 1000,
        max_outgoing_packet_count: 1000,
        max_segment_size: SEGMENT_SIZE,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    }
}

fn settings(name: &str, listen: SocketAddr) -> ServerSettings {
    ServerSettings {
        name: name.to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 10_000,
            max_payload_size: MAXIMUM_PACKET_SIZE,
            max_inflight_count: 1000,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    }
}

/// Calls `start` with `addr`, or for port 0, which rumqttd could not report back, with free ports until one works.
async fn on_free_port_if_zero<F, S>(addr: SocketAddr, start: S) -> Result<SocketAddr, SimulatorError>
where
    F: Future<Output = Result<(), SimulatorError>>,
    S: Fn(SocketAddr) -> F,
{
    if addr.port() != 0 {
        return start(addr).await.map(|()| addr);
    }
    let mut attempts_left = ATTEMPTS;
    loop {
        let free = free_address_like(addr).await?;
        attempts_left -= 1;
        match start(free).await {
            Err(SimulatorError::PortInUse { .. }) if attempts_left > 0 => {}
            result => return result.map(|()| free),
        }
    }
}

/// Spawns a listener and waits until it listens, or failed to.
async fn start_listener<P>(runtime: &Runtime, server: Server<P>, addr: SocketAddr) -> Result<(), SimulatorError>
where
    P: Protocol + Clone + Send + Sync + 'static,
{
    let (report, reported) = oneshot::channel();
    runtime.spawn(run_listener(server, report));
    match reported.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(rumqttd_error)) => Err(start_error(addr, rumqttd_error)),
        Err(_) => Err(SimulatorError::Server { reason: "the listener's task ended".to_owned() }),
    }
}

type StartError = Box<dyn std::error::Error + Send + Sync>;

async fn run_listener<P>(mut server: Server<P>, report: oneshot::Sender<Result<(), StartError>>)
where
    P: Protocol + Clone + Send + 'static,
{
    let mut serving = pin!(server.start(LinkType::Remote));
    // The first poll binds the port and then waits for a client, or fails.
    let first = std::future::poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await;
    let outcome = match first {
        Poll::Pending => Ok(()),
        Poll::Ready(Ok(())) => Err("the listener ended at once".into()),
        Poll::Ready(Err(failure)) => Err(failure.into()),
    };
    let is_serving = outcome.is_ok();
    if report.send(outcome).is_ok()
        && is_serving
        && let Err(failure) = serving.await
    {
        error!(error = %failure, "the embedded broker's listener ended");
    }
}

fn start_error(addr: SocketAddr, failure: StartError) -> SimulatorError {
    let io_kind = failure.source().and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match io_kind {
        Some(kind) => listen_error(addr, std::io::Error::new(kind, failure)),
        None => SimulatorError::Server { reason: failure.to_string() },
    }
}
