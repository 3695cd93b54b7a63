//! The simulated PLC: an OPC UA server, the machine behind it and the tasks that let time pass.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opcua::server::address_space::{AddressSpace, NodeType};
use opcua::server::node_manager::ServerContext;
use opcua::server::node_manager::memory::InMemoryNodeManagerBuilder;
use opcua::server::{
    ANONYMOUS_USER_TOKEN_ID, Server, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken, SubscriptionCache,
};
use opcua::sync::Mutex;
use opcua::types::{AttributeId, DataEncoding, DataValue, NodeId, NumericRange, TimestampsToReturn};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::address_space::{NAMESPACE_INDEX, NAMESPACE_URI, machine_values, node_id};
use crate::diagnostics::Diagnostics;
use crate::limits::{PlcLimits, SUBSCRIPTION_POLL_INTERVAL_MS, limits};
use crate::load::{Load, LoadStatistics, MAXIMUM_LOAD_TAGS};
use crate::machine::{Machine, MachineOptions};
use crate::node_manager::{PlcNodeManager, PlcNodes};
use crate::permissions::Permissions;
use crate::port::{listen, reachable};
use crate::security::{PlcSecurity, secure};
use crate::ticker::Ticker;
use crate::{Readings, SimulatorError};

/// How often the machine's values change.
const MACHINE_PERIOD: Duration = Duration::from_millis(100);
/// How long sessions have to close, and tasks to end, when the PLC stops.
const STOP_TIME: Duration = Duration::from_millis(500);
/// The user token of the server's configuration; clients never see it.
const USER: &str = "user";

/// How the PLC is set up.
#[derive(Debug, Clone)]
pub struct PlcOptions {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether to take any free port when the asked one is in use; see [`Plc::local_addr`] for which.
    pub fall_back_to_free_port: bool,
    /// Number of load tags, at most 100,000: Doubles that all count ticks.
    pub load_tags: usize,
    /// Ticks of the load tags per second, from 0.001 to 1000.
    pub load_rate_hz: f64,
    /// Seed of all randomness.
    pub seed: u64,
    /// User name and password; `Some` refuses anonymous clients.
    pub user: Option<(String, String)>,
    /// How much the server takes.
    pub limits: PlcLimits,
    /// Secure endpoints; none when `None`.
    pub security: Option<PlcSecurity>,
    /// Whether MonitoredItems may have a filter; some servers refuse every trigger and deadband.
    pub takes_filters: bool,
    /// How the machine fails.
    pub machine: MachineOptions,
}

impl Default for PlcOptions {
    /// Any free port on loopback, no load tags, 10 Hz, anonymous.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            fall_back_to_free_port: false,
            load_tags: 0,
            load_rate_hz: 10.0,
            seed: 1,
            user: None,
            limits: PlcLimits::default(),
            security: None,
            takes_filters: true,
            machine: MachineOptions::default(),
        }
    }
}

/// A running simulated PLC. Dropping it closes its connections at once, like a PLC that loses power.
#[derive(Debug)]
pub struct Plc {
    local_addr: SocketAddr,
    machine: Arc<Mutex<Machine>>,
    load: Arc<Load>,
    diagnostics: Diagnostics,
    stop: CancellationToken,
    server: JoinHandle<()>,
    // An own runtime, since only its end also ends the connections that the library spawned.
    runtime: Option<Runtime>,
    // The library wants a directory for certificates, even where there are none.
    _certificates: TempDir,
}

impl Plc {
    /// Starts a PLC. It accepts connections when this returns.
    ///
    /// # Errors
    /// [`SimulatorError::PortInUse`] and [`SimulatorError::Listen`] for the address, [`SimulatorError::LoadRate`] and
    /// [`SimulatorError::LoadTags`] for the load, [`SimulatorError::Setup`] and [`SimulatorError::Server`] otherwise.
    pub async fn start(options: PlcOptions) -> Result<Self, SimulatorError> {
        let period = load_period(&options)?;
        let listener = listen(options.listen, options.fall_back_to_free_port).await?;
        let local_addr =
            listener.local_addr().map_err(|source| SimulatorError::Listen { addr: options.listen, source })?;
        let certificates = tempfile::tempdir().map_err(|source| SimulatorError::Setup { source })?;
        let machine = Arc::new(Mutex::new(Machine::new(options.machine.clone(), options.seed)));
        let load = Arc::new(Load::new(options.load_tags));
        let (server, handle) = build_server(&options, local_addr, &certificates, &machine, &load)?;

        // The listener belongs to the runtime it was made in, so it is handed over by way of the standard library's.
        let listener = listener.into_std().map_err(|source| SimulatorError::Setup { source })?;
        let runtime = runtime()?;
        let stop = handle.token().clone();
        let nodes = handle
            .node_managers()
            .get_of_type::<PlcNodeManager>()
            .ok_or_else(|| SimulatorError::Server { reason: "the node manager is missing".to_owned() })?;
        let subscriptions = Arc::clone(handle.subscriptions());
        let ticking = stop.clone();
        let run_late = send_late_samples(Arc::clone(&nodes), Arc::clone(&subscriptions));
        let late = stop.clone();
        runtime.spawn(async move { late.run_until_cancelled(run_late).await });
        let run_machine = run_machine(Arc::clone(&machine), nodes, Arc::clone(&subscriptions));
        runtime.spawn(async move { ticking.run_until_cancelled(run_machine).await });
        if options.load_tags > 0 {
            let ticking = stop.clone();
            let run_load = run_load(Arc::clone(&load), period, subscriptions);
            runtime.spawn(async move { ticking.run_until_cancelled(run_load).await });
        }
        let server = runtime.spawn(run_server(server, listener));
        info!(address = %local_addr, load_tags = options.load_tags, "simulated PLC is listening");
        let diagnostics = Diagnostics(Arc::clone(handle.info()));
        let runtime = Some(runtime);
        Ok(Self { local_addr, machine, load, diagnostics, stop, server, runtime, _certificates: certificates })
    }

    /// The endpoint for clients on this machine, such as `opc.tcp://127.0.0.1:4840`.
    pub fn endpoint_url(&self) -> String {
        format!("opc.tcp://{}", reachable(self.local_addr))
    }

    /// Where the PLC listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What the server counts of itself.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// What the machine's sensors show now.
    pub fn readings(&self) -> Readings {
        self.machine.lock().readings().clone()
    }

    /// Lets the bearing begin to fail now, if it is healthy.
    pub fn start_fault(&self) {
        self.machine.lock().start_fault();
    }

    /// Replaces the bearing now.
    pub fn repair(&self) {
        self.machine.lock().repair();
    }

    /// How the load ticker is doing.
    pub fn load_statistics(&self) -> LoadStatistics {
        self.load.statistics()
    }

    /// Closes all sessions and frees the port, in a second at most; a new PLC may take the port at once.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_TIME, &mut self.server).await.is_err() {
            info!("some clients did not let go of their session; closing their connections");
        }
        if let Some(runtime) = self.runtime.take() {
            // Waiting for a runtime blocks, which a runtime's own worker must not do.
            let waiting = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP_TIME));
            if let Err(failure) = waiting.await {
                error!(error = %failure, "the PLC's tasks could not be awaited");
            }
        }
    }
}

impl Drop for Plc {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn runtime() -> Result<Runtime, SimulatorError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("plc")
        .enable_all()
        .build()
        .map_err(|source| SimulatorError::Setup { source })
}

fn load_period(options: &PlcOptions) -> Result<Duration, SimulatorError> {
    if options.load_tags > MAXIMUM_LOAD_TAGS {
        return Err(SimulatorError::LoadTags { tags: options.load_tags, limit: MAXIMUM_LOAD_TAGS });
    }
    if !(0.001..=1000.0).contains(&options.load_rate_hz) {
        return Err(SimulatorError::LoadRate { rate_hz: options.load_rate_hz });
    }
    Ok(Duration::from_secs_f64(1.0 / options.load_rate_hz))
}

fn build_server(
    options: &PlcOptions,
    addr: SocketAddr,
    certificates: &TempDir,
    machine: &Arc<Mutex<Machine>>,
    load: &Arc<Load>,
) -> Result<(Server, ServerHandle), SimulatorError> {
    let nodes = {
        let (machine, load, takes_filters) = (Arc::clone(machine), Arc::clone(load), options.takes_filters);
        move |context: ServerContext, space: &mut AddressSpace| {
            PlcNodes::build(machine, load, takes_filters, &context, space)
        }
    };
    let reachable = reachable(addr);
    let host = if reachable.is_ipv6() { format!("[{}]", reachable.ip()) } else { reachable.ip().to_string() };
    let mut builder = ServerBuilder::new()
        .application_name("SIMATIC.S7-1500.OPC-UA.Application:Simulated")
        .application_uri("urn:SIMATIC.S7-1500.OPC-UA.Application:Simulated")
        .product_uri("https://www.siemens.com/s7-1500")
        .host(host)
        .port(addr.port())
        .discovery_urls(vec![format!("opc.tcp://{reachable}")])
        .pki_dir(certificates.path())
        .limits(limits(&options.limits))
        .diagnostics_enabled(true)
        .subscription_poll_interval_ms(SUBSCRIPTION_POLL_INTERVAL_MS)
        .with_node_manager(InMemoryNodeManagerBuilder::new(nodes));
    let token = match &options.user {
        Some((user, password)) => {
            builder = builder.add_user_token(USER, ServerUserToken::user_pass(user.clone(), password.clone()));
            USER
        }
        None => ANONYMOUS_USER_TOKEN_ID,
    };
    if let Some(security) = &options.security {
        builder = secure(builder, security, token);
    }
    if !options.security.as_ref().is_some_and(|security| security.is_secure_only) {
        builder = builder.add_endpoint("none", ServerEndpoint::new_none("", &[token.to_owned()]));
    }
    let permissions = Permissions::new(builder.config().user_tokens.clone());
    let builder = builder.with_authenticator(Arc::new(permissions));
    let (server, handle) = builder.build().map_err(|reason| SimulatorError::Server { reason })?;
    match handle.get_namespace_index(NAMESPACE_URI) {
        Some(NAMESPACE_INDEX) => Ok((server, handle)),
        other => Err(SimulatorError::Server { reason: format!("namespace index {other:?} instead of 3") }),
    }
}

async fn run_server(server: Server, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(failure) => return error!(error = %failure, "the PLC cannot use its port"),
    };
    if let Err(reason) = server.run_with(listener).await {
        error!(reason, "the PLC's server ended");
    }
}

async fn run_machine(machine: Arc<Mutex<Machine>>, nodes: Arc<PlcNodeManager>, subscriptions: Arc<SubscriptionCache>) {
    let mut ticker = Ticker::start(MACHINE_PERIOD, Arc::default());
    loop {
        let tick = ticker.next().await;
        let values: Vec<(NodeId, DataValue)> = {
            let mut machine = machine.lock();
            machine.step(MACHINE_PERIOD);
            machine_values(machine.readings())
                .into_iter()
                .map(|(id, _, value)| (node_id(id), DataValue::new_at(value, tick.due)))
                .collect()
        };
        let changes = values.iter().map(|(id, value)| (id, None, value.clone()));
        if let Err(status) = nodes.set_values(&subscriptions, changes) {
            error!(%status, "the machine's values could not be set");
        }
    }
}

async fn send_late_samples(nodes: Arc<PlcNodeManager>, subscriptions: Arc<SubscriptionCache>) {
    let mut looks = tokio::time::interval(Duration::from_millis(SUBSCRIPTION_POLL_INTERVAL_MS));
    loop {
        looks.tick().await;
        let due = nodes.inner().take_late_samples();
        if due.is_empty() {
            continue;
        }
        let space = nodes.address_space().read();
        let (timestamps, encoding) = (TimestampsToReturn::Both, DataEncoding::Binary);
        let changes = due.iter().filter_map(|id| match space.find(id) {
            Some(NodeType::Variable(variable)) => {
                Some((variable.value(timestamps, &NumericRange::None, &encoding, 0.0), id, AttributeId::Value))
            }
            _ => None,
        });
        subscriptions.notify_data_change(changes);
    }
}

async fn run_load(load: Arc<Load>, period: Duration, subscriptions: Arc<SubscriptionCache>) {
    let mut ticker = Ticker::start(period, load.late_counter());
    loop {
        let tick = ticker.next().await;
        load.tick(tick, &subscriptions);
    }
}
