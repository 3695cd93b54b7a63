//! The proxy as scenarios see it.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::{
    connection,
    plan::{Ending, Gate, Plan},
};
use crate::BrokerAccess;

/// A proxy to a broker on loopback; it and its connections end on drop.
#[derive(Debug)]
pub struct MqttProxy {
    access: BrokerAccess,
    plan: Arc<Plan>,
    task: JoinHandle<()>,
}

impl MqttProxy {
    /// A proxy that leads to a broker, which need not be there yet, and at first does no harm.
    pub async fn start(broker: &BrokerAccess) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the proxy")?;
        let access = BrokerAccess { port: listener.local_addr()?.port(), ..broker.clone() };
        let plan = Arc::new(Plan::leading_to(broker.port, broker.authority.is_none()));
        let task = tokio::spawn(accept(listener, Arc::clone(&plan)));
        Ok(Self { access, plan, task })
    }

    /// The URL for a mapping.
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// Lets everything through again, what has waited as well. New connections too.
    pub fn open(&self) {
        self.plan.change(|tricks| tricks.gate = Gate::Open);
    }

    /// From now on nothing comes through and nobody is told, not even of the end of the other side: what is sent waits,
    /// as TCP repeats what was not heard. Nor is the broker told afterwards of a client that has given up meanwhile.
    pub fn open_hole(&self) {
        self.plan.change(|tricks| tricks.gate = Gate::Hole);
    }

    /// The broker hears the client, and the client hears nothing of the broker until the proxy is opened.
    pub fn hold_answers(&self) {
        self.plan.change(|tricks| tricks.gate = Gate::Deaf);
    }

    /// Closes new connections at once, as where no broker listens.
    pub fn shut(&self) {
        self.plan.change(|tricks| tricks.gate = Gate::Shut);
    }

    /// Resets all connections, both ways.
    pub fn reset(&self) {
        self.plan.end_all(Ending::Reset);
    }

    /// Resets all connections at the client's side. The broker is not told: to it they are open and silent.
    pub fn abandon(&self) {
        self.plan.end_all(Ending::Abandon);
    }

    /// Keeps all acknowledgements of messages from the client, or stops doing so. Not with TLS.
    pub fn set_mute(&self, is_mute: bool) {
        self.plan.change(|tricks| tricks.is_mute = is_mute);
    }

    /// Ends every connection after so many acknowledgements, or none any more. Not with TLS.
    pub fn hang_up_after(&self, acknowledgements: Option<u64>) {
        self.plan.change(|tricks| tricks.hang_up_after = acknowledgements);
    }

    /// Has the broker allow no more messages in flight than this, from the next connection on, and counts anew how many
    /// there are. Not with TLS.
    pub fn allow_in_flight(&self, maximum: u16) {
        self.plan.change(|tricks| tricks.receive_maximum = Some(maximum));
        self.reset();
        self.plan.note(|seen| seen.most_outstanding = 0);
    }

    /// How often it has hung up.
    pub fn hang_ups(&self) -> u64 {
        self.plan.seen().hang_ups
    }

    /// How many messages there were at most that the client had sent and had no acknowledgement of.
    pub fn most_outstanding(&self) -> usize {
        self.plan.seen().most_outstanding
    }
}

impl Drop for MqttProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let plan = Arc::clone(&plan);
        connections.spawn(async move { connection::serve(client, &plan).await });
        while connections.try_join_next().is_some() {}
    }
}
