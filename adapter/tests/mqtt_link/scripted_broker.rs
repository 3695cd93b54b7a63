//! A broker that does what a test tells it: answers late, out of order, with refusals, or not at all.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::{
    Error, QoS,
    v5::{
        ConnAck, ConnAckProperties, ConnectReturnCode, Filter, Packet, PingResp, PubAck, PubAckReason, Publish, SubAck,
        Subscribe, SubscribeReasonCode,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

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

type Script = Box<dyn FnMut(&Publish) -> Reply + Send>;

pub(crate) struct ScriptedBroker {
    pub(crate) port: u16,
    /// Every PUBLISH of the spool, in order of arrival.
    pub(crate) seen: Arc<Mutex<Vec<Publish>>>,
    _task: JoinSet<()>,
}

impl ScriptedBroker {
    /// `script` decides about each PUBLISH that is not a status.
    pub(crate) async fn start(receive_maximum: u16, script: impl FnMut(&Publish) -> Reply + Send + 'static) -> Self {
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
                drop(serve(&mut socket, receive_maximum, &mut script, &record).await);
            }
        });
        Self { port, seen, _task: task }
    }
}

async fn serve(
    socket: &mut TcpStream,
    receive_maximum: u16,
    script: &mut Script,
    seen: &Mutex<Vec<Publish>>,
) -> std::io::Result<()> {
    let mut input = BytesMut::new();
    let mut late: Option<PubAck> = None;
    loop {
        let mut output = BytesMut::new();
        loop {
            let packet = match Packet::read(&mut input, None) {
                Ok(packet) => packet,
                Err(Error::InsufficientBytes(_)) => break,
                Err(error) => panic!("the link sent nonsense: {error}"),
            };
            let answer = match packet {
                Packet::Connect(..) => vec![Packet::ConnAck(connack(receive_maximum))],
                Packet::PingReq(_) => vec![Packet::PingResp(PingResp)],
                Packet::Publish(publish) if publish.topic.starts_with(b"tagwise/") => {
                    vec![Packet::PubAck(PubAck::new(publish.pkid, None))]
                }
                Packet::Publish(publish) => {
                    let reply = script(&publish);
                    let mut answer = PubAck::new(publish.pkid, None);
                    seen.lock().unwrap().push(publish);
                    match reply {
                        Reply::HangUp => return socket.write_all(&output).await,
                        Reply::Ignore => Vec::new(),
                        Reply::Acknowledge => late.take().into_iter().chain([answer]).map(Packet::PubAck).collect(),
                        Reply::Refuse(reason) => {
                            answer.reason = reason;
                            late.take().into_iter().chain([answer]).map(Packet::PubAck).collect()
                        }
                        Reply::AcknowledgeEarly => {
                            let before = late.replace(answer);
                            before.into_iter().map(Packet::PubAck).collect()
                        }
                    }
                }
                Packet::Subscribe(subscribe) => vec![Packet::SubAck(suback(&subscribe))],
                Packet::Disconnect(_) => return Ok(()),
                other => panic!("unexpected {other:?}"),
            };
            for packet in answer {
                packet.write(&mut output, None).unwrap();
            }
        }
        socket.write_all(&output).await?;
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Filters that begin with `forbidden` are refused.
fn suback(subscribe: &Subscribe) -> SubAck {
    let code = |filter: &Filter| {
        let is_forbidden = filter.path.starts_with("forbidden");
        if is_forbidden { SubscribeReasonCode::NotAuthorized } else { SubscribeReasonCode::Success(QoS::AtLeastOnce) }
    };
    SubAck { pkid: subscribe.pkid, return_codes: subscribe.filters.iter().map(code).collect(), properties: None }
}

fn connack(receive_maximum: u16) -> ConnAck {
    let properties = ConnAckProperties {
        session_expiry_interval: None,
        receive_max: Some(receive_maximum),
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: Some(properties) }
}
