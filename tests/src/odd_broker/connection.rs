//! One connection, from CONNECT to its end.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::BytesMut;
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::mpsc::unbounded_channel,
    time::Instant,
};

use super::{
    Answer, Event, Farewell, Outcome, Publish, Reading, Subscribe, Subscribed,
    outbox::{self, Outbox},
    request,
    shared::Shared,
    wire::{self, Frame},
};

/// How often a slow link brings something.
const TICKS_PER_SECOND: u32 = 20;
/// For so long a client may take in that the broker has hung up.
const PARTING: Duration = Duration::from_secs(1);

/// Serves until either side ends it.
pub(super) async fn serve(socket: TcpStream, shared: &Shared) {
    let number = shared.next_connection();
    let (mut reader, writer) = socket.into_split();
    let (sender, receiver) = unbounded_channel();
    let writing = outbox::write(receiver, writer);
    let mut connection = Connection {
        shared,
        number,
        outbox: Outbox(sender),
        version: 5,
        client_id: None,
        filters: 0,
        pubacks: 0,
        has_hung_up: false,
        buffer: BytesMut::new(),
    };
    let read = tokio::select! {
        read = connection.read_all(&mut reader) => Some(read),
        _ = writing => None,
    };
    let ended = if let Some(ended) = read {
        ended
    } else {
        // The writer ends first when the broker has hung up. What is left unread would have the kernel reset the
        // connection, and the last words would be lost.
        connection.has_hung_up = true;
        tokio::time::timeout(PARTING, connection.read_all(&mut reader)).await.unwrap_or(Ok(()))
    };
    if let Err(error) = ended {
        shared.note(number, Event::Nonsense(format!("{error:#}")));
    }
    if let Some(client_id) = &connection.client_id {
        shared.leave(client_id, number);
    }
    shared.note(number, Event::End);
}

struct Connection<'a> {
    shared: &'a Shared,
    number: usize,
    outbox: Outbox,
    version: u8,
    /// Once it is accepted.
    client_id: Option<String>,
    filters: usize,
    pubacks: u32,
    has_hung_up: bool,
    buffer: BytesMut,
}

impl Connection<'_> {
    async fn read_all(&mut self, reader: &mut OwnedReadHalf) -> Result<()> {
        loop {
            while let Some(frame) = wire::next_frame(&mut self.buffer)? {
                if !self.has_hung_up {
                    self.take(&frame)?;
                } else if frame.kind() == 3 {
                    let publish = request::publish(&frame, self.version, self.shared.next_message())?;
                    self.note(Event::Publish(publish, Outcome::Lost))?;
                }
            }
            // A connection that is lost ends like one that is closed.
            if self.read(reader).await.unwrap_or(0) == 0 {
                return Ok(());
            }
        }
    }

    async fn read(&mut self, reader: &mut OwnedReadHalf) -> std::io::Result<usize> {
        let reading = match self.shared.behaviour().reading {
            _ if self.client_id.is_none() => Reading::Freely,
            Reading::Nothing if self.has_hung_up => Reading::Freely,
            reading => reading,
        };
        match reading {
            Reading::Freely => reader.read_buf(&mut self.buffer).await,
            Reading::Nothing => std::future::pending().await,
            Reading::BytesPerSecond(rate) => {
                let some = u64::from((rate / TICKS_PER_SECOND).max(1));
                let read = reader.take(some).read_buf(&mut self.buffer).await?;
                tokio::time::sleep(Duration::from_secs_f64(read as f64 / f64::from(rate))).await;
                Ok(read)
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> Result<()> {
        match (frame.kind(), &self.client_id) {
            (1, None) => self.connect(frame),
            (_, None) => bail!("kind {} before an accepted CONNECT", frame.kind()),
            (3, _) => self.publish(&request::publish(frame, self.version, self.shared.next_message())?),
            (4, _) => self.note(Event::Acknowledge(wire::Parts(frame.body.clone()).number()?)),
            (8, _) => self.subscribe(&request::subscribe(frame, self.version, self.filters)?),
            (10, _) => self.unsubscribe(frame),
            (12, _) => self.ping(),
            (14, _) => self.note(Event::Disconnect(frame.body.first().copied().unwrap_or(0))),
            (kind, _) => bail!("kind {kind} from a client"),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "reads better in the table of kinds")]
    fn note(&self, event: Event) -> Result<()> {
        self.shared.note(self.number, event);
        Ok(())
    }

    fn hang_up(&mut self, how: &Farewell) {
        self.has_hung_up = true;
        self.outbox.end(how.bytes(self.version, self.number));
    }

    fn connect(&mut self, frame: &Frame) -> Result<()> {
        let connect = request::connect(frame, self.number)?;
        let behaviour = self.shared.behaviour();
        self.version = connect.version;
        let answer = (behaviour.connect)(&connect);
        let (client_id, is_accepted) = (connect.client_id.clone(), answer == Answer::Yes);
        self.note(Event::Connect(connect, is_accepted))?;
        match answer {
            Answer::Yes => {}
            Answer::Reason(reason) => {
                self.has_hung_up = true;
                self.outbox.end(behaviour.connack(self.version, reason));
                return Ok(());
            }
            Answer::Nothing | Answer::Swallowed => return Ok(()),
            Answer::HangUp(how) => {
                self.hang_up(&how);
                return Ok(());
            }
        }
        self.shared.enter(&client_id, self.number, self.version, &self.outbox);
        self.client_id = Some(client_id);
        self.outbox.send(behaviour.connack(self.version, 0));
        for (after, bytes) in &behaviour.intrusions {
            self.outbox.send_at(Instant::now() + *after, bytes.clone());
        }
        if let Some((time, end)) = &behaviour.lifetime {
            let (outbox, bytes, time) = (self.outbox.clone(), end.bytes(self.version, self.number), *time);
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                outbox.end(bytes);
            });
        }
        Ok(())
    }

    fn publish(&mut self, publish: &Publish) -> Result<()> {
        let behaviour = self.shared.behaviour();
        let is_within = || behaviour.quota.is_none_or(|quota| self.shared.is_within(quota));
        let outcome = match (behaviour.publish)(publish) {
            Answer::Yes if !is_within() => Outcome::Lost,
            Answer::Yes => {
                self.acknowledge(publish, 0);
                Outcome::Taken
            }
            // "No matching subscribers": it is taken all the same.
            Answer::Reason(reason) => {
                self.acknowledge(publish, reason);
                if reason < 0x80 { Outcome::Taken } else { Outcome::Refused(reason) }
            }
            Answer::Nothing => Outcome::Lost,
            Answer::Swallowed => Outcome::Swallowed,
            Answer::HangUp(how) => {
                self.hang_up(&how);
                Outcome::Fatal
            }
        };
        self.note(Event::Publish(publish.clone(), outcome))
    }

    fn acknowledge(&mut self, publish: &Publish, reason: u8) {
        if publish.qos == 0 {
            return;
        }
        let behaviour = self.shared.behaviour();
        self.pubacks += 1;
        let later = if self.pubacks.is_multiple_of(2) { behaviour.puback_disorder } else { Duration::ZERO };
        let [high, low] = publish.id.to_be_bytes();
        let body = if reason == 0 || self.version < 5 { vec![high, low] } else { vec![high, low, reason] };
        self.outbox.send_at(Instant::now() + behaviour.puback_delay + later, wire::packet(0x40, &body));
    }

    fn subscribe(&mut self, subscribe: &Subscribe) -> Result<()> {
        self.note(Event::Subscribe(subscribe.filters.clone()))?;
        self.filters += subscribe.filters.len();
        let codes = match (self.shared.behaviour().subscribe)(subscribe) {
            Subscribed::Codes(codes) => codes,
            Subscribed::HangUp(how) => {
                self.hang_up(&how);
                return Ok(());
            }
        };
        let granted = subscribe.filters.iter().zip(&codes).filter(|(_, code)| **code < 0x80);
        if let Some(client_id) = &self.client_id {
            self.shared.subscribe(client_id, self.number, granted.map(|(filter, _)| filter.clone()));
        }
        let mut body = subscribe.id.to_be_bytes().to_vec();
        if self.version < 5 {
            body.extend(codes.iter().map(|code| if *code < 0x80 { *code } else { 0x80 }));
        } else {
            body.push(0);
            body.extend(codes);
        }
        self.outbox.send(wire::packet(0x90, &body));
        Ok(())
    }

    fn unsubscribe(&self, frame: &Frame) -> Result<()> {
        let (id, filters) = request::unsubscribe(frame, self.version)?;
        let mut body = id.to_be_bytes().to_vec();
        if self.version >= 5 {
            body.extend(vec![0; 1 + filters.len()]);
        }
        self.outbox.send(wire::packet(0xb0, &body));
        self.note(Event::Unsubscribe(filters))
    }

    fn ping(&self) -> Result<()> {
        if self.shared.behaviour().answers_pings {
            self.outbox.send(wire::packet(0xd0, &[]));
        }
        self.note(Event::Ping)
    }
}
