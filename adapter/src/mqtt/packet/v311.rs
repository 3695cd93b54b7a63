//! MQTT 3.1.1: no properties, no reasons, and a broker that says no by hanging up.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{
    Protocol, QoS,
    v4::{Connect as RawConnect, LastWill, Login as RawLogin, Publish, Subscribe, SubscribeFilter, Unsubscribe},
};
use secrecy::ExposeSecret;

use super::{
    frame::{Frame, Kind},
    reason::Reason,
    received::{Connack, Farewell, Received, Unreadable},
    sent::{Connect, Publication},
};
use crate::domain::{Qos, TopicFilter};

/// Reads a packet of the broker.
pub(super) fn read(frame: &Frame<'_>) -> Result<Received, Unreadable> {
    let mut body = frame.body;
    let received = match frame.kind {
        Kind::Publish(flags) => {
            let mut message = body.publish_head(flags)?;
            message.payload = Bytes::copy_from_slice(body.all());
            return Ok(Received::Publish(message));
        }
        Kind::Connack => {
            let session_present = body.byte()? & 1 == 1;
            match body.byte()? {
                0 => Received::Connack(Connack::silent(false, session_present)),
                // A broker of MQTT 5 alone says so in the form of MQTT 5, with properties.
                code => return Ok(Received::Refused(Reason::of_connack(code), None)),
            }
        }
        Kind::Puback => Received::Puback { id: body.id()?, reason: Reason::SUCCESS, words: None },
        Kind::Suback => {
            let id = body.id()?;
            return match body.all() {
                [] => Err(body.malformed("has no return code")),
                codes => Ok(Received::Suback { id, reasons: codes.iter().copied().map(Reason).collect() }),
            };
        }
        Kind::Unsuback => Received::Unsuback { id: body.id()? },
        Kind::Pong => Received::Pong,
        // Not a broker's to send, but its meaning is plain.
        Kind::Disconnect => {
            Received::Disconnect(Farewell { reason: Reason::SUCCESS, words: None, server_reference: None })
        }
        Kind::Auth => return Err(body.malformed("came, which MQTT 3.1.1 does not have")),
    };
    body.end()?;
    Ok(received)
}

// The writers tell the size of a packet that is too large.

pub(super) fn connect(out: &mut BytesMut, connect: &Connect<'_>) -> Result<usize, usize> {
    let packet = RawConnect {
        protocol: Protocol::V4,
        keep_alive: connect.keep_alive_seconds(),
        client_id: connect.client_id.to_owned(),
        // As with MQTT 5: nothing waits for us at the broker.
        clean_session: true,
        last_will: connect.will.map(|will| LastWill {
            topic: will.topic.clone(),
            message: will.payload.clone(),
            qos: QoS::AtLeastOnce,
            retain: will.is_retained,
        }),
        login: connect.login.map(|login| RawLogin::new(&login.username, login.password.expose_secret())),
    };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn publish(out: &mut BytesMut, id: u16, publication: &Publication<'_>) -> Result<usize, usize> {
    let packet = Publish {
        dup: false,
        qos: match publication.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        },
        retain: publication.is_retained,
        topic: publication.topic.to_owned(),
        pkid: id,
        payload: publication.payload.clone(),
    };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn subscribe(out: &mut BytesMut, id: u16, filters: &[TopicFilter]) -> Result<usize, usize> {
    let filter = |filter: &TopicFilter| SubscribeFilter::new(filter.as_str().to_owned(), QoS::AtLeastOnce);
    let packet = Subscribe { pkid: id, filters: filters.iter().map(filter).collect() };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn watch(out: &mut BytesMut, id: u16, filter: &str) -> Result<usize, usize> {
    let packet = Subscribe { pkid: id, filters: vec![SubscribeFilter::new(filter.to_owned(), QoS::AtLeastOnce)] };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn unsubscribe(out: &mut BytesMut, id: u16, filters: &[TopicFilter]) -> Result<usize, usize> {
    let topics = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
    let packet = Unsubscribe { pkid: id, topics };
    packet.write(out).map_err(|_| packet.size())
}
