//! What the scripted broker hears and says, in the bytes of both versions.

use bytes::{Bytes, BytesMut};
use rumqttc::{
    mqttbytes::{self, v4},
    v5::mqttbytes::{Error as Error5, QoS as QoS5, v5},
};
use tagwise::config::effective::ProtocolVersion;

// Reason codes of MQTT 5, table 2-6; 0xC3 is none of them.
pub(crate) const SUCCESS: u8 = 0x00;
pub(crate) const NOT_AUTHORIZED: u8 = 0x87;
pub(crate) const QUOTA_EXCEEDED: u8 = 0x97;
pub(crate) const PAYLOAD_FORMAT_INVALID: u8 = 0x99;
pub(crate) const UNKNOWN: u8 = 0xC3;

/// What the broker says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) version: ProtocolVersion,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) max_qos: Option<u8>,
    pub(crate) server_keep_alive: Option<u16>,
    pub(crate) retain_available: Option<u8>,
    /// The packet id of a message of QoS 1 that comes after each SUBACK, on the first of its filters.
    pub(crate) command: Option<u16>,
}

impl Greeting {
    pub(crate) fn of(version: ProtocolVersion) -> Self {
        Self {
            version,
            receive_maximum: None,
            max_qos: None,
            server_keep_alive: None,
            retain_available: None,
            command: None,
        }
    }
}

/// A PUBLISH.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) id: u16,
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) is_retained: bool,
    pub(crate) content_type: Option<String>,
}

/// A packet of the client.
pub(crate) enum Packet {
    Connect,
    Ping,
    Publish(Heard),
    Puback(u16),
    Subscribe(u16, Vec<String>),
    Disconnect,
}

/// A packet for the client.
pub(crate) enum Answer {
    Connack,
    Pong,
    /// MQTT 3.1.1 has no reasons.
    Puback(u16, u8),
    /// By filter: whether it is granted.
    Suback(u16, Vec<bool>),
    /// A message of QoS 1 on this topic.
    Publish(u16, String),
    /// With MQTT 5 only.
    Disconnect(u8),
}

impl Greeting {
    /// The next packet; `None` when it has not arrived as a whole.
    pub(crate) fn read(&self, input: &mut BytesMut) -> Option<Packet> {
        match self.version {
            ProtocolVersion::V5 => match v5::Packet::read(input, None) {
                Ok(packet) => Some(packet_of_5(packet)),
                Err(Error5::InsufficientBytes(_)) => None,
                Err(error) => panic!("the link sent nonsense: {error}"),
            },
            ProtocolVersion::V311 => match v4::Packet::read(input, usize::MAX) {
                Ok(packet) => Some(packet_of_4(packet)),
                Err(mqttbytes::Error::InsufficientBytes(_)) => None,
                Err(error) => panic!("the link sent nonsense: {error}"),
            },
        }
    }

    pub(crate) fn write(&self, answer: Answer, output: &mut BytesMut) {
        match self.version {
            ProtocolVersion::V5 => self.write_in_5(answer, output),
            ProtocolVersion::V311 => drop(answer_in_4(answer).write(output, usize::MAX).unwrap()),
        }
    }

    fn write_in_5(&self, answer: Answer, output: &mut BytesMut) {
        let packet = match answer {
            Answer::Connack => v5::Packet::ConnAck(self.connack()),
            Answer::Pong => v5::Packet::PingResp(v5::PingResp),
            // In bytes, since rumqttc has no reasons but those of the standard.
            Answer::Puback(id, reason) => {
                let [high, low] = id.to_be_bytes();
                return output.extend_from_slice(&[0x40, 3, high, low, reason]);
            }
            Answer::Disconnect(reason) => return output.extend_from_slice(&[0xE0, 1, reason]),
            Answer::Publish(pkid, topic) => {
                v5::Packet::Publish(v5::Publish { pkid, ..v5::Publish::new(topic, QoS5::AtLeastOnce, "1", None) })
            }
            Answer::Suback(pkid, granted) => {
                let code = |is_granted: bool| {
                    if is_granted {
                        v5::SubscribeReasonCode::Success(QoS5::AtLeastOnce)
                    } else {
                        v5::SubscribeReasonCode::NotAuthorized
                    }
                };
                let return_codes = granted.into_iter().map(code).collect();
                v5::Packet::SubAck(v5::SubAck { pkid, return_codes, properties: None })
            }
        };
        packet.write(output, None).unwrap();
    }

    fn connack(&self) -> v5::ConnAck {
        let properties = v5::ConnAckProperties {
            session_expiry_interval: None,
            receive_max: self.receive_maximum,
            max_qos: self.max_qos,
            retain_available: self.retain_available,
            max_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: None,
            server_keep_alive: self.server_keep_alive,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        v5::ConnAck { session_present: false, code: v5::ConnectReturnCode::Success, properties: Some(properties) }
    }
}

fn packet_of_5(packet: v5::Packet) -> Packet {
    match packet {
        v5::Packet::Connect(..) => Packet::Connect,
        v5::Packet::PingReq(_) => Packet::Ping,
        v5::Packet::Publish(publish) => Packet::Publish(Heard {
            id: publish.pkid,
            topic: String::from_utf8(publish.topic.to_vec()).unwrap(),
            payload: publish.payload,
            is_retained: publish.retain,
            content_type: publish.properties.and_then(|properties| properties.content_type),
        }),
        v5::Packet::PubAck(puback) => Packet::Puback(puback.pkid),
        v5::Packet::Subscribe(subscribe) => {
            Packet::Subscribe(subscribe.pkid, subscribe.filters.into_iter().map(|filter| filter.path).collect())
        }
        v5::Packet::Disconnect(_) => Packet::Disconnect,
        other => panic!("unexpected {other:?}"),
    }
}

fn packet_of_4(packet: v4::Packet) -> Packet {
    match packet {
        v4::Packet::Connect(connect) => {
            assert!(connect.clean_session, "nothing may wait for us at the broker");
            Packet::Connect
        }
        v4::Packet::PingReq => Packet::Ping,
        v4::Packet::Publish(publish) => Packet::Publish(Heard {
            id: publish.pkid,
            topic: publish.topic,
            payload: publish.payload,
            is_retained: publish.retain,
            content_type: None,
        }),
        v4::Packet::PubAck(puback) => Packet::Puback(puback.pkid),
        v4::Packet::Subscribe(subscribe) => {
            Packet::Subscribe(subscribe.pkid, subscribe.filters.into_iter().map(|filter| filter.path).collect())
        }
        v4::Packet::Disconnect => Packet::Disconnect,
        other => panic!("unexpected {other:?}"),
    }
}

fn answer_in_4(answer: Answer) -> v4::Packet {
    match answer {
        Answer::Connack => v4::Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, false)),
        Answer::Pong => v4::Packet::PingResp,
        Answer::Puback(id, _) => v4::Packet::PubAck(v4::PubAck::new(id)),
        Answer::Publish(pkid, topic) => {
            v4::Packet::Publish(v4::Publish { pkid, ..v4::Publish::new(topic, mqttbytes::QoS::AtLeastOnce, "1") })
        }
        Answer::Disconnect(_) => panic!("a broker of MQTT 3.1.1 sends no DISCONNECT"),
        Answer::Suback(id, granted) => {
            let code = |is_granted: bool| {
                if is_granted {
                    v4::SubscribeReasonCode::Success(mqttbytes::QoS::AtLeastOnce)
                } else {
                    v4::SubscribeReasonCode::Failure
                }
            };
            v4::Packet::SubAck(v4::SubAck::new(id, granted.into_iter().map(code).collect()))
        }
    }
}
