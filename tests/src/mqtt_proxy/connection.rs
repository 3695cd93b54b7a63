//! One connection through the proxy.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

use super::{
    packet::{self, Kind, Packets},
    plan::{Ending, Gate, Plan},
};
use crate::pause;

/// How often it is looked whether the hole has been closed.
const LOOK: Duration = Duration::from_millis(5);
const BUFFER: usize = 64 * 1024;

/// Who has ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Broker,
    /// The proxy itself.
    HangUp,
}

/// What both directions of a connection share.
struct Passing<'a> {
    plan: &'a Plan,
    /// Ids of the client's messages that have no PUBACK.
    outstanding: Mutex<HashSet<u16>>,
    was_in_hole: AtomicBool,
    /// How often all connections had been ended when this one began.
    generation: u64,
}

/// Connects a client to the broker, and passes everything on as the plan says, until one side ends it or all are to end.
pub(super) async fn serve(client: TcpStream, plan: &Plan) {
    let endings = plan.endings();
    if pass_hole(plan).await && has_left(&client).await {
        // TCP repeats what begins a connection for as long as the client wants it, and no longer.
        return;
    }
    if plan.tricks().gate == Gate::Shut {
        return;
    }
    // Where no broker listens, the client sees its connection closed.
    if let Ok(broker) = TcpStream::connect(("127.0.0.1", plan.port)).await {
        run(client, broker, plan, endings).await;
    }
}

/// Waits while there is a hole. Whether there was one.
async fn pass_hole(plan: &Plan) -> bool {
    let mut has_waited = false;
    while plan.tricks().gate == Gate::Hole {
        has_waited = true;
        pause(LOOK).await;
    }
    has_waited
}

async fn has_left(client: &TcpStream) -> bool {
    // It can always be written to, so this does not wait.
    let ready = client.ready(Interest::READABLE | Interest::WRITABLE).await;
    ready.map_or(true, tokio::io::Ready::is_read_closed)
}

async fn run(mut client: TcpStream, mut broker: TcpStream, plan: &Plan, mut endings: watch::Receiver<(u64, Ending)>) {
    for stream in [&client, &broker] {
        stream.set_nodelay(true).unwrap_or_default();
    }
    let generation = endings.borrow().0;
    let passing = Passing { plan, outstanding: Mutex::default(), was_in_hole: AtomicBool::new(false), generation };
    let end = tokio::select! {
        _ = endings.changed() => None,
        end = relay(&mut client, &mut broker, &passing) => Some(end),
    };
    match end {
        // Whoever forgets a connection in a hole does not tell the broker either.
        Some(End::Client) if passing.was_in_hole.load(Ordering::Relaxed) => keep_silent(client, broker).await,
        Some(End::HangUp) => plan.note(|seen| seen.hang_ups += 1),
        Some(_) => {}
        None if endings.borrow().1 == Ending::Abandon => {
            client.set_zero_linger().unwrap_or_default();
            keep_silent(client, broker).await;
        }
        None => {
            for stream in [&client, &broker] {
                stream.set_zero_linger().unwrap_or_default();
            }
        }
    }
}

/// Ends the client's side, and holds the broker's until the broker ends it.
async fn keep_silent(client: TcpStream, mut broker: TcpStream) {
    drop(client);
    let mut buffer = vec![0; BUFFER];
    while broker.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

async fn relay(client: &mut TcpStream, broker: &mut TcpStream, passing: &Passing<'_>) -> End {
    let (from_client, to_client) = client.split();
    let (from_broker, to_broker) = broker.split();
    tokio::select! {
        end = pump(from_client, to_broker, End::Client, passing) => end,
        end = pump(from_broker, to_client, End::Broker, passing) => end,
    }
}

/// Passes one direction on until it ends.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, source: End, passing: &Passing<'_>) -> End {
    let mut buffer = vec![0; BUFFER];
    let mut packets = Packets::default();
    let mut acknowledgements = 0;
    loop {
        // An error ends it as the end of the stream does.
        let count = from.read(&mut buffer).await.unwrap_or(0);
        while source == End::Broker && passing.plan.tricks().gate == Gate::Deaf {
            pause(LOOK).await;
        }
        if pass_hole(passing.plan).await {
            passing.was_in_hole.store(true, Ordering::Relaxed);
        }
        if count == 0 {
            return source;
        }
        let mut is_last = false;
        let written = if passing.plan.is_readable {
            packets.extend(&buffer[..count]);
            // What is no MQTT is not passed on.
            let Ok((output, is_end)) = passing.treat(&mut packets, source, &mut acknowledgements) else {
                return source;
            };
            is_last = is_end;
            to.write_all(&output).await
        } else {
            to.write_all(&buffer[..count]).await
        };
        if written.is_err() {
            return if source == End::Client { End::Broker } else { End::Client };
        }
        if is_last {
            return End::HangUp;
        }
    }
}

impl Passing<'_> {
    /// What is to be passed on of the packets that are whole, and whether it is the last.
    fn treat(&self, packets: &mut Packets, source: End, acknowledgements: &mut u64) -> Result<(Vec<u8>, bool)> {
        let tricks = self.plan.tricks();
        let mut output = Vec::new();
        while let Some(packet) = packets.next()? {
            match (source, packet::kind_of(&packet)?) {
                (End::Broker, Kind::ConnAck) => {
                    let changed = tricks.receive_maximum.map(|maximum| packet::with_receive_maximum(&packet, maximum));
                    output.extend(changed.transpose()?.unwrap_or(packet));
                    continue;
                }
                (End::Client, Kind::Publish { id }) => self.on_publish(id),
                (End::Broker, Kind::PubAck { .. }) if tricks.is_mute => continue,
                (End::Broker, Kind::PubAck { id }) => {
                    self.on_puback(id);
                    *acknowledgements += 1;
                }
                // What the broker sends by itself is acknowledged in the other direction.
                _ => {}
            }
            output.extend(packet);
            if tricks.hang_up_after.is_some_and(|after| *acknowledgements >= after) {
                return Ok((output, true));
            }
        }
        Ok((output, false))
    }

    fn on_publish(&self, id: u16) {
        let mut outstanding = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        outstanding.insert(id);
        // One that is about to be ended counts no more.
        if self.plan.generation() == self.generation {
            self.plan.note(|seen| seen.most_outstanding = seen.most_outstanding.max(outstanding.len()));
        }
    }

    fn on_puback(&self, id: u16) {
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
