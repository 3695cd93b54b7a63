//! MQTT 5.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{
        Connect as RawConnect, ConnectProperties, Filter, LastWill, Login as RawLogin, Publish, PublishProperties,
        RetainForwardRule, Subscribe, Unsubscribe,
    },
};
use secrecy::ExposeSecret;

use super::{
    frame::{Frame, Kind},
    reader::{Reader, Value, words},
    reason::Reason,
    received::{Connack, Farewell, Incoming, Received, Unreadable},
    sent::{Connect, Properties, Publication},
};
use crate::domain::{Qos, TopicFilter};

// MQTT 5.0, table 2-4: the properties that are looked at.
const MESSAGE_EXPIRY: u8 = 0x02;
const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const ASSIGNED_CLIENT_ID: u8 = 0x12;
const SERVER_KEEP_ALIVE: u8 = 0x13;
const SERVER_REFERENCE: u8 = 0x1C;
const REASON_STRING: u8 = 0x1F;
const RECEIVE_MAXIMUM: u8 = 0x21;
const TOPIC_ALIAS: u8 = 0x23;
const MAXIMUM_QOS: u8 = 0x24;
const RETAIN_AVAILABLE: u8 = 0x25;
const MAXIMUM_PACKET_SIZE: u8 = 0x27;
const WILDCARDS_AVAILABLE: u8 = 0x28;

/// Reads a packet of the broker.
pub(super) fn read(frame: &Frame<'_>) -> Result<Received, Unreadable> {
    let mut body = frame.body;
    let received = match frame.kind {
        Kind::Publish(flags) => {
            let mut message = body.publish_head(flags)?;
            message_properties(&mut message, body.properties()?)?;
            message.payload = Bytes::copy_from_slice(body.all());
            return Ok(Received::Publish(message));
        }
        Kind::Connack => connack(&mut body)?,
        Kind::Puback => {
            let id = body.id()?;
            let told = told(&mut body)?;
            Received::Puback { id, reason: told.reason, words: told.words }
        }
        Kind::Suback => {
            let (id, reasons) = by_filter(&mut body)?;
            return Ok(Received::Suback { id, reasons: reasons.iter().copied().map(Reason).collect() });
        }
        Kind::Unsuback => return by_filter(&mut body).map(|(id, _)| Received::Unsuback { id }),
        Kind::Pong => Received::Pong,
        Kind::Disconnect => Received::Disconnect(told(&mut body)?),
        Kind::Auth => told(&mut body).map(|_| Received::Auth)?,
    };
    body.end()?;
    Ok(received)
}

/// Reason code and properties, each of which may be left out: nothing means success.
fn told(body: &mut Reader<'_>) -> Result<Farewell, Unreadable> {
    let mut told = Farewell { reason: Reason::SUCCESS, words: None, server_reference: None };
    if body.len() > 0 {
        told.reason = Reason(body.byte()?);
    }
    if body.len() > 0 {
        let mut properties = body.properties()?;
        while let Some((id, value)) = properties.property()? {
            match (id, value) {
                (REASON_STRING, Value::Bytes(bytes)) => told.words = words(bytes),
                (SERVER_REFERENCE, Value::Bytes(bytes)) => told.server_reference = words(bytes),
                _ => {}
            }
        }
    }
    Ok(told)
}

/// The packet id of a SUBACK or an UNSUBACK, and its reason codes: one for each filter.
fn by_filter<'a>(body: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Unreadable> {
    let id = body.id()?;
    let mut properties = body.properties()?;
    while properties.property()?.is_some() {}
    match body.all() {
        [] => Err(body.malformed("has no reason code")),
        reasons => Ok((id, reasons)),
    }
}

/// A broker that does not speak MQTT 5 answers in the form of MQTT 3.1.1, without properties.
fn connack(body: &mut Reader<'_>) -> Result<Received, Unreadable> {
    let session_present = body.byte()? & 1 == 1;
    // A refusal has the form of a DISCONNECT's body behind the flags, and so has what is read of it.
    if body.all().first().is_some_and(|code| *code != 0) {
        let Farewell { reason, words, .. } = told(body)?;
        return Ok(Received::Refused(Reason::of_connack(reason.0), words));
    }
    body.byte()?;
    let mut connack = Connack::silent(true, session_present);
    if body.len() > 0 {
        let mut properties = body.properties()?;
        while let Some(property) = properties.property()? {
            connack_property(&mut connack, property, body)?;
        }
    }
    Ok(Received::Connack(connack))
}

/// Takes over one property. What the standard forbids there (a Receive Maximum or a Maximum Packet Size of 0) is no reason to
/// do without the broker.
fn connack_property(connack: &mut Connack, property: (u8, Value<'_>), packet: &Reader<'_>) -> Result<(), Unreadable> {
    match property {
        (RECEIVE_MAXIMUM, Value::Number(number)) => {
            connack.receive_maximum = u16::try_from(number).unwrap_or(u16::MAX).max(1);
        }
        (MAXIMUM_PACKET_SIZE, Value::Number(number)) => connack.max_packet_bytes = (number > 0).then_some(number),
        (RETAIN_AVAILABLE, Value::Number(number)) => connack.keeps_retained = number != 0,
        (WILDCARDS_AVAILABLE, Value::Number(number)) => connack.has_wildcards = number != 0,
        (MAXIMUM_QOS, Value::Number(number)) => {
            connack.max_qos = if number == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
        }
        (SERVER_KEEP_ALIVE, Value::Number(seconds)) => {
            connack.keep_alive = Some(Duration::from_secs(seconds.into()));
        }
        (ASSIGNED_CLIENT_ID, Value::Bytes(bytes)) => connack.assigned_client_id = Some(packet.text(bytes)?),
        _ => {}
    }
    Ok(())
}

/// Takes over what matters of a PUBLISH's properties.
fn message_properties(message: &mut Incoming, mut properties: Reader<'_>) -> Result<(), Unreadable> {
    while let Some((id, value)) = properties.property()? {
        match (id, value) {
            (MESSAGE_EXPIRY, Value::Number(seconds)) => message.expiry_seconds = Some(seconds),
            (RESPONSE_TOPIC, Value::Bytes(bytes)) => message.response_topic = Some(properties.text(bytes)?),
            (CORRELATION_DATA, Value::Bytes(bytes)) => message.correlation_data = Some(Bytes::copy_from_slice(bytes)),
            (TOPIC_ALIAS, _) => return Err(properties.malformed("has a topic alias, which was not asked for")),
            _ => {}
        }
    }
    Ok(())
}

// The writers tell the size of a packet that is too large.

pub(super) fn connect(out: &mut BytesMut, connect: &Connect<'_>) -> Result<usize, usize> {
    let properties = ConnectProperties {
        // Commands never wait for us at the broker, and the spool remembers what the broker has not acknowledged.
        session_expiry_interval: Some(0),
        max_packet_size: Some(connect.max_incoming_bytes),
        ..ConnectProperties::new()
    };
    let packet = RawConnect {
        keep_alive: connect.keep_alive_seconds(),
        client_id: connect.client_id.to_owned(),
        clean_start: true,
        properties: Some(properties),
    };
    let will = connect.will.map(|will| LastWill {
        topic: Bytes::copy_from_slice(will.topic.as_bytes()),
        message: will.payload.clone(),
        qos: QoS::AtLeastOnce,
        retain: will.is_retained,
        properties: None,
    });
    let login = connect.login.map(|login| RawLogin::new(&login.username, login.password.expose_secret()));
    packet.write(&will, &login, out).map_err(|_| packet.size(&will, &login))
}

pub(super) fn publish(out: &mut BytesMut, id: u16, publication: &Publication<'_>) -> Result<usize, usize> {
    let packet = Publish {
        dup: false,
        qos: match publication.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        },
        retain: publication.is_retained,
        topic: Bytes::copy_from_slice(publication.topic.as_bytes()),
        pkid: id,
        payload: publication.payload.clone(),
        properties: publication.properties.as_ref().map(publish_properties),
    };
    packet.write(out).map_err(|_| packet.size())
}

fn publish_properties(properties: &Properties) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: properties.expiry_seconds,
        content_type: properties.content_type.clone(),
        correlation_data: properties.correlation_data.clone(),
        user_properties: properties.user.clone(),
        ..PublishProperties::default()
    }
}

pub(super) fn subscribe(out: &mut BytesMut, id: u16, filters: &[TopicFilter]) -> Result<usize, usize> {
    // Nothing that the broker had kept, nothing of our own. The retain bit of what is published later stays on, so that it
    // can be refused.
    let filter = |filter: &TopicFilter| Filter {
        path: filter.as_str().to_owned(),
        qos: QoS::AtLeastOnce,
        nolocal: true,
        preserve_retain: true,
        retain_forward_rule: RetainForwardRule::Never,
    };
    let packet = Subscribe { pkid: id, filters: filters.iter().map(filter).collect(), properties: None };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn watch(out: &mut BytesMut, id: u16, filter: &str) -> Result<usize, usize> {
    let packet = Subscribe { pkid: id, filters: vec![Filter::new(filter, QoS::AtLeastOnce)], properties: None };
    packet.write(out).map_err(|_| packet.size())
}

pub(super) fn unsubscribe(out: &mut BytesMut, id: u16, filters: &[TopicFilter]) -> Result<usize, usize> {
    let filters = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
    let packet = Unsubscribe { pkid: id, filters, properties: None };
    packet.write(out).map_err(|_| packet.size())
}
