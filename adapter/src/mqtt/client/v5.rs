//! MQTT 5.

use std::{future::ready, time::Duration};

use rumqttc::v5::{
    AsyncClient, ConnectionError, Event as RawEvent, EventLoop, MqttOptions, StateError,
    mqttbytes::{
        Error as CodecError, QoS,
        v5::{ConnAck, Filter, LastWill, Packet, Publish, PublishProperties, RetainForwardRule},
    },
};
use secrecy::ExposeSecret;

use super::{
    event::{Connack, Event, Incoming, Properties, Publication},
    failure::Failure,
    reason,
    setup::{CONNECT_TIMEOUT, MAX_IN_FLIGHT, MAX_INCOMING_BYTES, Setup, network_options},
};
use crate::domain::{Qos, TopicFilter};

/// A client that has not yet connected; its channel takes `capacity` requests.
pub(super) fn client(setup: Setup, capacity: usize) -> (AsyncClient, Box<Loop>) {
    let keep_alive = setup.keep_alive;
    let (client, inner) = AsyncClient::new(options(setup), capacity);
    (client, Box::new(Loop { inner, keep_alive }))
}

fn options(setup: Setup) -> MqttOptions {
    let (address, port, transport) = setup.endpoint.address();
    let mut options = MqttOptions::new(setup.client_id, address, port);
    options
        .set_transport(transport)
        .set_keep_alive(setup.keep_alive)
        .set_connection_timeout(CONNECT_TIMEOUT.as_secs())
        // Commands never wait for us at the broker, and the spool remembers what the broker has not acknowledged.
        .set_clean_start(true)
        .set_session_expiry_interval(Some(0))
        .set_max_packet_size(Some(MAX_INCOMING_BYTES))
        .set_outgoing_inflight_upper_limit(MAX_IN_FLIGHT)
        .set_network_options(network_options());
    if let Some(alias) = setup.endpoint.alias() {
        options.set_request_modifier(move |request| ready(alias.put_into(request)));
    }
    if let Some(login) = setup.login {
        options.set_credentials(login.username, login.password.expose_secret());
    }
    if let Some(will) = setup.will {
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true, None));
    }
    options
}

pub(super) fn publish(client: &AsyncClient, publication: Publication<'_>) -> bool {
    let Publication { topic, qos, is_retained, payload, properties } = publication;
    let qos = match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    };
    match properties.map(publish_properties) {
        None => client.try_publish(topic, qos, is_retained, payload).is_ok(),
        Some(properties) => client.try_publish_with_properties(topic, qos, is_retained, payload, properties).is_ok(),
    }
}

pub(in crate::mqtt) fn publish_properties(properties: Properties) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: properties.expiry_seconds,
        content_type: properties.content_type,
        correlation_data: properties.correlation_data,
        user_properties: properties.user,
        ..PublishProperties::default()
    }
}

/// Only fresh commands of others: nothing that the broker had kept (Retain Handling 2), nothing of our own. The retain
/// bit of what is published later stays on, so that it can be refused.
pub(super) fn filter(filter: &TopicFilter) -> Filter {
    Filter {
        path: filter.as_str().to_owned(),
        qos: QoS::AtLeastOnce,
        nolocal: true,
        preserve_retain: true,
        retain_forward_rule: RetainForwardRule::Never,
    }
}

/// The half that does the work.
pub(super) struct Loop {
    inner: EventLoop,
    keep_alive: Duration,
}

impl Loop {
    pub(super) async fn next(&mut self) -> Result<Event, Failure> {
        match self.inner.poll().await {
            Ok(event) => Ok(self.event(event)),
            Err(error) => Err(failure(error)),
        }
    }

    pub(super) fn take_buffered(&mut self) -> Option<Event> {
        self.inner.state.events.pop_front().map(|event| self.event(event))
    }

    fn event(&mut self, event: RawEvent) -> Event {
        match event {
            RawEvent::Incoming(Packet::ConnAck(connack)) => Event::Connected(self.connack(&connack)),
            RawEvent::Incoming(packet) => incoming(packet),
            RawEvent::Outgoing(outgoing) => super::halves::outgoing(&outgoing),
        }
    }

    fn connack(&mut self, connack: &ConnAck) -> Connack {
        if self.inner.options.keep_alive().is_zero() {
            // "0" of the broker means that it does not watch us; rumqttc would ping without a pause.
            self.inner.options.set_keep_alive(self.keep_alive);
        }
        let properties = connack.properties.as_ref();
        let receive_maximum = properties.and_then(|properties| properties.receive_max).unwrap_or(u16::MAX);
        Connack {
            receive_maximum: receive_maximum.clamp(1, MAX_IN_FLIGHT),
            max_packet_bytes: properties.and_then(|properties| properties.max_packet_size),
            keeps_retained: properties.and_then(|properties| properties.retain_available) != Some(0),
            max_qos: match properties.and_then(|properties| properties.max_qos) {
                Some(0) => Qos::AtMostOnce,
                _ => Qos::AtLeastOnce,
            },
            keep_alive: self.inner.options.keep_alive(),
            has_properties: true,
        }
    }
}

pub(super) fn incoming(packet: Packet) -> Event {
    match packet {
        Packet::PubAck(puback) => Event::Puback {
            id: puback.pkid,
            answer: reason::answer(puback.reason),
            words: reason::publish_words(puback.reason),
        },
        Packet::SubAck(suback) => Event::Suback {
            id: suback.pkid,
            refusals: suback.return_codes.into_iter().map(reason::subscribe_refusal).collect(),
        },
        Packet::UnsubAck(unsuback) => Event::Unsuback { id: unsuback.pkid },
        Packet::Publish(publish) => Event::Publish(message(publish)),
        _ => Event::Other,
    }
}

/// Takes over what matters of a PUBLISH. User properties are not among it, so nothing such as `hmq-bridge-hop-count`
/// can ever be copied on.
fn message(publish: Publish) -> Incoming {
    let properties = publish.properties.unwrap_or_default();
    Incoming {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload,
        is_retained: publish.retain,
        is_duplicate: publish.dup,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
        expiry_seconds: properties.message_expiry_interval,
    }
}

fn failure(error: ConnectionError) -> Failure {
    match error {
        ConnectionError::Timeout(_) => Failure::Silence,
        ConnectionError::Io(error) => Failure::Io(error),
        ConnectionError::Tls(error) => Failure::of_tls(error),
        ConnectionError::Websocket(error) => Failure::of_websocket(&error),
        ConnectionError::WsConnect(error) => Failure::Client(error.to_string()),
        ConnectionError::InvalidUrl(error) => Failure::Client(error.to_string()),
        ConnectionError::ResponseValidation(error) => Failure::of_upgrade(&error),
        ConnectionError::ConnectionRefused(code) => Failure::Refused(code),
        ConnectionError::NotConnAck(_) => Failure::NoConnack,
        ConnectionError::RequestsDone => Failure::Client("the client has ended".to_owned()),
        ConnectionError::MqttState(error) => state_failure(error),
    }
}

fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::Io(error) => Failure::Io(error),
        StateError::ConnectionAborted => Failure::Closed,
        StateError::AwaitPingResp => Failure::NoPing,
        StateError::ConnFail { reason } => Failure::Refused(reason),
        StateError::ServerDisconnect { reason_code, reason_string } => {
            Failure::Disconnected(reason_code, reason_string)
        }
        StateError::IncomingPacketTooLarge { pkt_size, .. } => Failure::TooLarge(pkt_size),
        StateError::Deserialization(CodecError::Io(error)) => Failure::Io(error),
        StateError::Deserialization(CodecError::PayloadSizeLimitExceeded { pkt_size, .. }) => {
            Failure::TooLarge(pkt_size)
        }
        StateError::Deserialization(error) => Failure::Malformed(error.to_string()),
        error => Failure::Client(error.to_string()),
    }
}
