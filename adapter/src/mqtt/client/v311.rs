//! MQTT 3.1.1: no properties, no reasons, and a broker that says no by hanging up.

use std::{future::ready, time::Duration};

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event as RawEvent, EventLoop, LastWill, MqttOptions, Packet,
    Publish, QoS, StateError, SubscribeFilter, SubscribeReasonCode, mqttbytes::Error as CodecError,
    v5::mqttbytes::v5::ConnectReturnCode as Refusal,
};
use secrecy::ExposeSecret;

use super::{
    event::{Connack, Event, Incoming, Publication},
    failure::Failure,
    setup::{MAX_IN_FLIGHT, MAX_INCOMING_BYTES, Setup, network_options},
};
use crate::{
    domain::{Qos, TopicFilter},
    mqtt::window::Answer,
};

/// A client that has not yet connected; its channel takes `capacity` requests.
pub(super) fn client(setup: Setup, capacity: usize) -> (AsyncClient, Box<Loop>) {
    let keep_alive = setup.keep_alive;
    let (client, mut inner) = AsyncClient::new(options(setup), capacity);
    inner.set_network_options(network_options());
    (client, Box::new(Loop { inner, keep_alive }))
}

fn options(setup: Setup) -> MqttOptions {
    let (address, port, transport) = setup.endpoint.address();
    let mut options = MqttOptions::new(setup.client_id, address, port);
    let max_incoming = usize::try_from(MAX_INCOMING_BYTES).unwrap_or(usize::MAX);
    options
        .set_transport(transport)
        .set_keep_alive(setup.keep_alive)
        // As with MQTT 5: nothing waits for us at the broker.
        .set_clean_session(true)
        // Our own check of the size comes first and counts what it refuses.
        .set_max_packet_size(max_incoming, usize::MAX)
        .set_inflight(MAX_IN_FLIGHT);
    if let Some(alias) = setup.endpoint.alias() {
        options.set_request_modifier(move |request| ready(alias.put_into(request)));
    }
    if let Some(login) = setup.login {
        options.set_credentials(login.username, login.password.expose_secret());
    }
    if let Some(will) = setup.will {
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true));
    }
    options
}

pub(super) fn publish(client: &AsyncClient, publication: Publication<'_>) -> bool {
    let qos = match publication.qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    };
    client.try_publish(publication.topic, qos, publication.is_retained, publication.payload).is_ok()
}

pub(super) fn filter(filter: &TopicFilter) -> SubscribeFilter {
    SubscribeFilter::new(filter.as_str().to_owned(), QoS::AtLeastOnce)
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

    fn event(&self, event: RawEvent) -> Event {
        match event {
            RawEvent::Incoming(Packet::ConnAck(_)) => Event::Connected(Connack {
                receive_maximum: MAX_IN_FLIGHT,
                max_packet_bytes: None,
                keeps_retained: true,
                max_qos: Qos::AtLeastOnce,
                keep_alive: self.keep_alive,
                has_properties: false,
            }),
            RawEvent::Incoming(packet) => incoming(packet),
            RawEvent::Outgoing(outgoing) => super::halves::outgoing(&outgoing),
        }
    }
}

pub(super) fn incoming(packet: Packet) -> Event {
    match packet {
        Packet::PubAck(puback) => Event::Puback { id: puback.pkid, answer: Answer::Accepted, words: "success" },
        Packet::SubAck(suback) => {
            Event::Suback { id: suback.pkid, refusals: suback.return_codes.into_iter().map(refusal).collect() }
        }
        Packet::UnsubAck(unsuback) => Event::Unsuback { id: unsuback.pkid },
        Packet::Publish(publish) => Event::Publish(message(publish)),
        _ => Event::Other,
    }
}

const fn refusal(code: SubscribeReasonCode) -> Option<&'static str> {
    match code {
        SubscribeReasonCode::Success(_) => None,
        SubscribeReasonCode::Failure => Some("MQTT 3.1.1 gives no reason"),
    }
}

fn message(publish: Publish) -> Incoming {
    Incoming {
        topic: publish.topic,
        payload: publish.payload,
        is_retained: publish.retain,
        is_duplicate: publish.dup,
        response_topic: None,
        correlation_data: None,
        expiry_seconds: None,
    }
}

fn failure(error: ConnectionError) -> Failure {
    match error {
        ConnectionError::NetworkTimeout => Failure::Silence,
        ConnectionError::FlushTimeout => Failure::Stuck,
        ConnectionError::Io(error) => Failure::Io(error),
        ConnectionError::Tls(error) => Failure::of_tls(error),
        ConnectionError::Websocket(error) => Failure::of_websocket(&error),
        ConnectionError::WsConnect(error) => Failure::Client(error.to_string()),
        ConnectionError::InvalidUrl(error) => Failure::Client(error.to_string()),
        ConnectionError::ResponseValidation(error) => Failure::of_upgrade(&error),
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::RefusedProtocolVersion => Failure::Refused(Refusal::RefusedProtocolVersion),
            ConnectReturnCode::BadClientId => Failure::Refused(Refusal::BadClientId),
            ConnectReturnCode::ServiceUnavailable => Failure::Refused(Refusal::ServiceUnavailable),
            ConnectReturnCode::BadUserNamePassword => Failure::Refused(Refusal::BadUserNamePassword),
            ConnectReturnCode::NotAuthorized => Failure::Refused(Refusal::NotAuthorized),
            // Not a refusal at all, so it cannot come here.
            ConnectReturnCode::Success => Failure::NoConnack,
        },
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
        StateError::Deserialization(CodecError::Io(error)) => Failure::Io(error),
        StateError::Deserialization(CodecError::PayloadSizeLimitExceeded(bytes)) => Failure::TooLarge(bytes),
        StateError::Deserialization(error) => Failure::Malformed(error.to_string()),
        error => Failure::Client(error.to_string()),
    }
}
