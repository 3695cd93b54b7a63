//! The broker against a client of another hand.

use std::time::Duration;

use rumqttc::{
    Event as Event4, MqttOptions as Options4,
    v5::{
        AsyncClient, Event as Event5, EventLoop, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{LastWill, Packet, PubAckReason, SubscribeReasonCode},
        },
    },
};

use super::*;
use crate::PATIENCE;

fn client(broker: &OddBroker, id: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", broker.port());
    options.set_last_will(LastWill::new("will", "bye", QoS::AtLeastOnce, true, None));
    AsyncClient::new(options, 10)
}

async fn packet(events: &mut EventLoop) -> Packet {
    loop {
        let event = tokio::time::timeout(PATIENCE, events.poll()).await.unwrap();
        if let Event5::Incoming(packet) = event.unwrap() {
            return packet;
        }
    }
}

/// What ends the connection.
async fn end(events: &mut EventLoop) -> String {
    loop {
        match tokio::time::timeout(PATIENCE, events.poll()).await.unwrap() {
            Ok(_) => {}
            Err(error) => return format!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn all_that_a_client_asks_is_answered_and_recorded() {
    let behaviour = Behaviour {
        granted: Granted { receive_maximum: Some(7), retain_available: Some(false), ..Granted::default() },
        ..Behaviour::default()
    };
    let behaviour = behaviour
        .on_filter(|filter| if filter == "no" { 0x87 } else { 1 })
        .where_published(|publish| publish.topic == "bad", Answer::Reason(0x87));
    let broker = OddBroker::start(behaviour).unwrap();
    let (client, mut events) = client(&broker, "one");
    let Packet::ConnAck(connack) = packet(&mut events).await else { panic!("no CONNACK") };
    let properties = connack.properties.unwrap();
    assert_eq!((properties.receive_max, properties.retain_available), (Some(7), Some(0)));
    for filter in ["yes/+", "no"] {
        client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    }
    let mut codes = Vec::new();
    while codes.len() < 2 {
        if let Packet::SubAck(suback) = packet(&mut events).await {
            codes.extend(suback.return_codes);
        }
    }
    assert_eq!(codes, [SubscribeReasonCode::Success(QoS::AtLeastOnce), SubscribeReasonCode::NotAuthorized]);
    assert_eq!((broker.publish("yes/1", b"hello"), broker.publish("no", b"hello")), (1, 0));
    assert!(matches!(packet(&mut events).await, Packet::Publish(publish) if publish.payload == "hello"));
    for topic in ["good", "bad"] {
        client.publish(topic, QoS::AtLeastOnce, true, "x").await.unwrap();
    }
    let mut reasons = Vec::new();
    while reasons.len() < 2 {
        if let Packet::PubAck(puback) = packet(&mut events).await {
            reasons.push(puback.reason);
        }
    }
    assert_eq!(reasons, [PubAckReason::Success, PubAckReason::NotAuthorized]);
    let (connect, is_accepted) = broker.connects().remove(0);
    let will = Will { topic: "will".to_owned(), payload: "bye".into(), qos: 1, is_retained: true };
    assert_eq!((connect.client_id.as_str(), connect.will, is_accepted), ("one", Some(will), true));
    assert_eq!(broker.subscribes(), [["yes/+"], ["no"]]);
    assert_eq!(broker.taken().len(), 1);
    let outcomes: Vec<Outcome> = broker.published("").into_iter().map(|(_, _, outcome)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Taken, Outcome::Refused(0x87)]);
}

#[tokio::test]
async fn it_hangs_up_with_a_reason_and_takes_over_sessions() {
    let behaviour = Behaviour::default()
        .where_published(|publish| publish.size > 100, Answer::HangUp(Farewell::Words(0x95, "large")));
    let broker = OddBroker::start(behaviour).unwrap();
    let (first, mut events) = client(&broker, "one");
    packet(&mut events).await;
    first.publish("a", QoS::AtLeastOnce, false, vec![0; 200]).await.unwrap();
    let last = end(&mut events).await;
    assert!(last.contains("PacketTooLarge") && last.contains("large"), "{last}");
    let (_second, mut events) = client(&broker, "two");
    packet(&mut events).await;
    let (_third, mut others) = client(&broker, "two");
    packet(&mut others).await;
    // rumqttc loses a DISCONNECT that has no properties, but not the end.
    end(&mut events).await;
    assert_eq!(broker.connects().len(), 3);
}

#[tokio::test]
async fn a_client_of_the_old_version_is_refused_by_number_and_hung_up_on_without_a_word() {
    let behaviour = Behaviour::default()
        .on_connect(|connect| if connect.client_id == "no" { Answer::Reason(0x87) } else { Answer::Yes })
        .living(Duration::from_millis(50), Farewell::Reason(0x8b));
    let broker = OddBroker::start(behaviour).unwrap();
    let poll = async |id: &str| {
        let (client, mut events) = rumqttc::AsyncClient::new(Options4::new(id, "127.0.0.1", broker.port()), 10);
        let first = events.poll().await;
        let second = if first.is_ok() { Some(events.poll().await) } else { None };
        drop(client);
        (first, second)
    };
    let (refused, _) = poll("no").await;
    assert!(format!("{refused:?}").contains("NotAuthorized"), "{refused:?}");
    let (accepted, ended) = poll("yes").await;
    assert!(matches!(accepted, Ok(Event4::Incoming(_))), "{accepted:?}");
    assert!(ended.unwrap().is_err());
}

#[tokio::test]
async fn a_quota_leaves_what_is_beyond_it_without_an_answer() {
    let broker = OddBroker::start(Behaviour { quota: Some(3), ..Behaviour::default() }).unwrap();
    let (client, mut events) = client(&broker, "one");
    packet(&mut events).await;
    for _ in 0..5 {
        client.publish("a", QoS::AtLeastOnce, false, "x").await.unwrap();
    }
    let poll = async {
        while broker.published("a").len() < 5 {
            events.poll().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap_or_default();
    let lost = broker.published("a").iter().filter(|(_, _, outcome)| *outcome == Outcome::Lost).count();
    assert_eq!(lost, 2);
}

#[tokio::test]
async fn a_slow_reader_takes_what_its_rate_allows_and_answers() {
    let behaviour = Behaviour { reading: Reading::BytesPerSecond(100_000), ..Behaviour::default() };
    let broker = OddBroker::start(behaviour).unwrap();
    let (client, mut events) = client(&broker, "one");
    packet(&mut events).await;
    let began = std::time::Instant::now();
    client.publish("a", QoS::AtLeastOnce, false, vec![0; 200_000]).await.unwrap();
    assert!(matches!(packet(&mut events).await, Packet::PubAck(_)));
    let took = began.elapsed().as_secs_f64();
    assert!((1.8..20.0).contains(&took), "200 KB at 100 KB/s took {took} s");
}

#[test]
fn a_farewell_has_every_legal_length() {
    let bytes: Vec<Vec<u8>> = (0..3).map(|number| Farewell::Reason(0x95).bytes(5, number)).collect();
    assert_eq!(bytes[..2], [vec![0xe0, 1, 0x95], vec![0xe0, 2, 0x95, 0]]);
    assert_eq!(bytes[2][..4], [0xe0, 23, 0x95, 21]);
    assert_eq!(bytes[2].len(), 25);
    assert!(Farewell::Reason(0x95).bytes(4, 0).is_empty());
}
