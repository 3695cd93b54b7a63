//! The proxy as scenarios see it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use opcua::types::StatusCode;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{
    connection,
    plan::{Plan, Service},
};
use crate::pause;

/// How often it is looked whether the hole has been closed.
const LOOK: Duration = Duration::from_millis(5);

/// A proxy to a server on loopback; it and its connections end on drop.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    plan: Arc<Plan>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy that leads to a port of loopback and at first does no harm.
    pub async fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the proxy")?;
        let own_port = listener.local_addr()?.port();
        let plan = Arc::new(Plan::leading_to(port));
        let task = tokio::spawn(accept(listener, Arc::clone(&plan)));
        Ok(Self { port: own_port, plan, task })
    }

    /// The endpoint for a mapping.
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}", self.port)
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, port: u16) {
        self.plan.lead_to(port);
    }

    /// Resets all connections, both ways.
    pub fn reset(&self) {
        self.plan.reset_all();
    }

    /// From now on nothing comes through and nobody is told; connections stay open. New ones wait for the end of the
    /// hole, since TCP repeats what begins a connection until it is heard.
    pub fn open_hole(&self) {
        self.plan.set_hole(true);
    }

    /// New connections come through again; those from before stay silent, since what they lost is lost.
    pub fn close_hole(&self) {
        self.plan.set_hole(false);
    }

    /// Lets so many bytes through every five milliseconds, each way.
    pub fn drip(&self, bytes: usize) {
        self.plan.set_drip(Some(bytes.max(1)));
    }

    /// Lets everything through at once again.
    pub fn flow(&self) {
        self.plan.set_drip(None);
    }

    /// Ends the connection after so many bytes of the next message of the server that is longer.
    pub fn cut_within_message(&self, bytes: usize) {
        self.plan.cut_after(bytes);
    }

    /// Refuses the next requests for a service in the server's place.
    pub fn refuse(&self, service: Service, status: StatusCode, times: usize) {
        self.plan.refuse(service, status, times);
    }

    /// Takes the notifications out of the next Publish responses that have some: a keep-alive is left of each.
    pub fn swallow_notifications(&self, count: usize) {
        self.plan.swallow(count);
    }

    /// Makes the next Publish responses claim two thousand million sequence numbers that they do not hold.
    pub fn forge_publish_responses(&self, count: usize) {
        self.plan.forge(count);
    }

    /// Sends these bytes before the next message of the server.
    pub fn inject(&self, bytes: &[u8]) {
        self.plan.inject(bytes.to_vec());
    }

    /// How many requests have been refused, notifications swallowed, messages cut and forged, and bytes injected.
    pub fn played(&self) -> usize {
        self.plan.played()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while plan.is_hole() {
            pause(LOOK).await;
        }
        // Where no server listens, the client sees its connection closed.
        if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, plan.port())).await {
            connections.spawn(connection::run(client, server, Arc::clone(&plan)));
        }
        while connections.try_join_next().is_some() {}
    }
}
