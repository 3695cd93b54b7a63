//! A broker that does what a test tells it: answers late, out of order, with refusals, or not at all.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::scripted_wire::{Answer, Greeting, Heard, Packet};

/// What the broker does with a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Acknowledge,
    Refuse(PubAckReason),
    /// Answers it before the one that came before it.
    AcknowledgeEarly,
    Ignore,
    HangUp,
}

type Script = Box<dyn FnMut(&Heard) -> Reply + Send>;

pub(crate) struct ScriptedBroker {
    pub(crate) port: u16,
    /// Every PUBLISH of the spool, in order of arrival.
    pub(crate) seen: Arc<Mutex<Vec<Heard>>>,
    _task: JoinSet<()>,
}

impl ScriptedBroker {
    /// `script` decides about each PUBLISH that is not a status.
    pub(crate) async fn start(greeting: Greeting, script: impl FnMut(&Heard) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let record = Arc::clone(&seen);
        let mut script: Script = Box::new(script);
        task.spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                // A client that has gone away ends its connection only.
                drop(serve(&mut socket, &greeting, &mut script, &record).await);
            }
        });
        Self { port, seen, _task: task }
    }
}

async fn serve(
    socket: &mut TcpStream,
    greeting: &Greeting,
    script: &mut Script,
    seen: &Mutex<Vec<Heard>>,
) -> std::io::Result<()> {
    let mut input = BytesMut::new();
    let mut late: Option<Answer> = None;
    loop {
        let mut output = BytesMut::new();
        while let Some(packet) = greeting.read(&mut input) {
            let answers = match packet {
                Packet::Connect => vec![Answer::Connack],
                Packet::Ping => vec![Answer::Pong],
                Packet::Publish(heard) if heard.topic.starts_with("tagwise/") => {
                    vec![Answer::Puback(heard.id, PubAckReason::Success)]
                }
                Packet::Publish(heard) => {
                    let reply = script(&heard);
                    let answer = |reason| Answer::Puback(heard.id, reason);
                    let answers = match reply {
                        Reply::HangUp => {
                            seen.lock().unwrap().push(heard);
                            return socket.write_all(&output).await;
                        }
                        Reply::Ignore => Vec::new(),
                        Reply::Acknowledge => late.take().into_iter().chain([answer(PubAckReason::Success)]).collect(),
                        Reply::Refuse(reason) => late.take().into_iter().chain([answer(reason)]).collect(),
                        Reply::AcknowledgeEarly => late.replace(answer(PubAckReason::Success)).into_iter().collect(),
                    };
                    seen.lock().unwrap().push(heard);
                    answers
                }
                Packet::Subscribe(id, filters) => {
                    // Filters that begin with `forbidden` are refused.
                    vec![Answer::Suback(id, filters.iter().map(|filter| !filter.starts_with("forbidden")).collect())]
                }
                Packet::Disconnect => return Ok(()),
            };
            for answer in answers {
                greeting.write(answer, &mut output);
            }
        }
        socket.write_all(&output).await?;
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}
