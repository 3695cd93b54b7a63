//! `tagwise demo`: a simulated PLC, an embedded broker, and an adapter between them that is the very one of `tagwise run`.

use std::{
    env, fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow};
use tagwise_model::Registry;
use tagwise_simulator::{Broker, Plc, PlcOptions};

use super::{demo_print::Printer, entry::DONE, run::block_on, signals::StopSignals};
use crate::{
    app::{App, Started},
    config::{self, Config, ProcessEnvironment},
    mqtt::Watcher,
};

const MAPPING: &str = include_str!("../../../mappings/demo.yaml");

/// Runs the demo until told to stop or until `duration` is over.
pub fn demo(duration: Option<Duration>) -> anyhow::Result<u8> {
    let registry = Registry::builtin();
    let loaded = config::parse(MAPPING, Path::new("mappings/demo.yaml"), &ProcessEnvironment, &registry)
        .map_err(|diagnostics| anyhow!("the embedded mapping is invalid:\n{diagnostics}"))?;
    let state = TemporaryState::new()?;
    let result = block_on(run(loaded.config, registry, &state.path, duration));
    result.map(|()| DONE)
}

async fn run(mut config: Config, registry: Registry, state: &Path, duration: Option<Duration>) -> anyhow::Result<()> {
    let signals = StopSignals::listen()?;
    let options = PlcOptions {
        listen: loopback(wanted_port(&config.opcua.uri).unwrap_or(4840)),
        fall_back_to_free_port: true,
        ..PlcOptions::default()
    };
    let plc = Plc::start(options).await.context("the simulated PLC cannot start")?;
    let broker = Broker::start_or_fall_back(loopback(config.brokers[0].port))
        .await
        .context("the embedded broker cannot start")?;
    let notes = settle_ports(&mut config, &plc, &broker);
    config.adapter.state_dir = state.to_owned();

    let watcher = Watcher::new(config.brokers[0].clone(), "tagwise-demo-watcher", "#");
    let mut printer = Printer::new(io::stdout(), &config);
    let endpoint = plc.endpoint_url();
    let broker_address = broker.local_addr();
    let (started_tx, started_rx) = tokio::sync::oneshot::channel();
    let end = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        tokio::select! {
            () = signals.first() => {}
            () = end => {}
        }
    };
    let show = async {
        if let Ok(Started { http, .. }) = started_rx.await {
            printer.introduce(&notes, &endpoint, broker_address, http)?;
        }
        watcher.run(|message| printer.show(&message)).await
    };
    let app = App::new(config, registry).run(stop, |started| {
        // The printer is gone only when stdout is; the adapter does not mind.
        let _receiver_may_be_gone = started_tx.send(started);
    });
    let outcome = tokio::select! {
        outcome = app => outcome,
        // A closed pipe, as of `tagwise demo | head`, ends the demo.
        shown = show => shown.or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error.into()),
        }),
    };
    plc.stop().await;
    broker.stop().await;
    outcome
}

/// Puts the addresses that PLC and broker really have into the mapping; says which are not the usual ones.
fn settle_ports(config: &mut Config, plc: &Plc, broker: &Broker) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |what: &str, wanted: u16, taken: u16| {
        if wanted != taken {
            notes.push(format!("port {wanted} is in use; the {what} has taken {taken}"));
        }
    };
    note("PLC", wanted_port(&config.opcua.uri).unwrap_or(4840), plc.local_addr().port());
    note("broker", config.brokers[0].port, broker.local_addr().port());
    config.opcua.uri = plc.endpoint_url();
    Ipv4Addr::LOCALHOST.to_string().clone_into(&mut config.brokers[0].host);
    config.brokers[0].port = broker.local_addr().port();
    if let Some(http) = &mut config.http
        && std::net::TcpListener::bind(http.listen).is_err()
    {
        notes.push(format!("port {} is in use; metrics have taken a free one", http.listen.port()));
        http.listen.set_port(0);
    }
    notes
}

fn wanted_port(uri: &str) -> Option<u16> {
    uri.rsplit_once(':')?.1.trim_end_matches('/').parse().ok()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The demo's state directory: its own, and gone with it.
struct TemporaryState {
    path: PathBuf,
}

impl TemporaryState {
    fn new() -> anyhow::Result<Self> {
        let path = env::temp_dir().join(format!("tagwise-demo-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryState {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "temporary state stays behind");
        }
    }
}

/// Shows that stdout takes what is printed.
pub(super) fn write_line(out: &mut impl Write, line: &str) -> io::Result<()> {
    writeln!(out, "{line}")?;
    out.flush()
}
