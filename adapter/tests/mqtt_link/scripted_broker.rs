//! A broker that does what a test tells it: answers late, out of order, with refusals, or not at all.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::scripted_wire::{Answer, Greeting, Heard, Packet, SUCCESS};

/// What the broker does with a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Acknowledge,
    /// With this reason code.
    Refuse(u8),
    /// The same, and the end of the connection behind it, as mosquitto 2.0.11 does.
    RefuseAndHangUp(u8),
    /// Answers it before the one that came before it.
    AcknowledgeEarly,
    Ignore,
    HangUp,
    /// Hangs up with a DISCONNECT that has this reason code.
    Disconnect(u8),
}

type Script = Box<dyn FnMut(&Heard) -> Reply + Send>;

pub(crate) struct ScriptedBroker {
    pub(crate) port: u16,
    /// Every PUBLISH of the spool, in order of arrival.
    pub(crate) seen: Arc<Mutex<Vec<Heard>>>,
    /// The packet ids of all PUBACKs.
    pub(crate) acknowledged: Arc<Mutex<Vec<u16>>>,
    _task: JoinSet<()>,
}

impl ScriptedBroker {
    /// `script` decides about each PUBLISH that is not a status.
    pub(crate) async fn start(greeting: Greeting, script: impl FnMut(&Heard) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let mut serving = Serving {
            greeting,
            script: Box::new(script),
            seen: Arc::clone(&seen),
            acknowledged: Arc::clone(&acknowledged),
        };
        task.spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                // A client that has gone away ends its connection only.
                drop(serving.serve(&mut socket).await);
            }
        });
        Self { port, seen, acknowledged, _task: task }
    }
}

struct Serving {
    greeting: Greeting,
    script: Script,
    seen: Arc<Mutex<Vec<Heard>>>,
    acknowledged: Arc<Mutex<Vec<u16>>>,
}

impl Serving {
    async fn serve(&mut self, socket: &mut TcpStream) -> std::io::Result<()> {
        let mut input = BytesMut::new();
        let mut late: Option<Answer> = None;
        loop {
            let mut output = BytesMut::new();
            while let Some(packet) = self.greeting.read(&mut input) {
                let (answers, is_over) = self.answer(packet, &mut late);
                for answer in answers {
                    self.greeting.write(answer, &mut output);
                }
                if is_over {
                    return socket.write_all(&output).await;
                }
            }
            socket.write_all(&output).await?;
            // All that is there at once: of answers in many small segments the kernel keeps some back for its congestion
            // window, and forgets them when the connection ends.
            input.reserve(64 << 10);
            if socket.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
    }

    /// The answers to a packet, and whether the connection ends behind them.
    fn answer(&mut self, packet: Packet, late: &mut Option<Answer>) -> (Vec<Answer>, bool) {
        let answers = match packet {
            Packet::Connect => vec![Answer::Connack],
            Packet::Ping => vec![Answer::Pong],
            Packet::Publish(heard) if heard.topic.starts_with("tagwise/") => vec![Answer::Puback(heard.id, SUCCESS)],
            Packet::Publish(heard) => return self.answer_message(heard, late),
            Packet::Puback(id) => {
                self.acknowledged.lock().unwrap().push(id);
                Vec::new()
            }
            Packet::Subscribe(id, filters) => {
                // Filters that begin with `forbidden` are refused.
                let granted = filters.iter().map(|filter| !filter.starts_with("forbidden")).collect();
                let command = self.greeting.command.zip(filters.into_iter().next());
                let command = command.map(|(id, topic)| Answer::Publish(id, topic));
                std::iter::once(Answer::Suback(id, granted)).chain(command).collect()
            }
            Packet::Disconnect => return (Vec::new(), true),
        };
        (answers, false)
    }

    fn answer_message(&mut self, heard: Heard, late: &mut Option<Answer>) -> (Vec<Answer>, bool) {
        let reply = (self.script)(&heard);
        let puback = |reason| Answer::Puback(heard.id, reason);
        let answers = match reply {
            Reply::HangUp | Reply::Ignore => Vec::new(),
            Reply::Disconnect(reason) => vec![Answer::Disconnect(reason)],
            Reply::Acknowledge => late.take().into_iter().chain([puback(SUCCESS)]).collect(),
            Reply::Refuse(reason) | Reply::RefuseAndHangUp(reason) => {
                late.take().into_iter().chain([puback(reason)]).collect()
            }
            Reply::AcknowledgeEarly => late.replace(puback(SUCCESS)).into_iter().collect(),
        };
        self.seen.lock().unwrap().push(heard);
        (answers, matches!(reply, Reply::HangUp | Reply::RefuseAndHangUp(_) | Reply::Disconnect(_)))
    }
}
