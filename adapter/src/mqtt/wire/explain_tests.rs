//! Each failure has its sentence, and each sentence a way out.

use std::{io, sync::Arc};

use rustls::{AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible};

use super::{
    certificate::Flaw,
    explain::explain,
    failure::{Failure, Peer},
};
use crate::{
    config::effective::{BrokerAuth, BrokerConfig, ClientCertificate, ProtocolVersion, TlsConfig},
    mqtt::{
        packet::{Farewell, Reason},
        trouble::Moment,
    },
};

fn broker() -> BrokerConfig {
    BrokerConfig {
        tls: Some(TlsConfig { ca_file: Some("ca.pem".into()), ..TlsConfig::default() }),
        auth: Some(BrokerAuth { username: "joe".into(), password: "s3cret".into() }),
        client_id: "press4-edge".into(),
        ..BrokerConfig::plain("edge", "hivemq", 8883)
    }
}

fn plain() -> BrokerConfig {
    BrokerConfig { client_id: "press4-edge".into(), ..BrokerConfig::plain("edge", "hivemq", 1883) }
}

#[track_caller]
fn check(failure: &Failure, expected: &str, needs_person: bool) {
    check_at(failure, &broker(), Moment::Connecting, expected, needs_person);
}

#[track_caller]
fn check_at(failure: &Failure, broker: &BrokerConfig, moment: Moment, expected: &str, needs_person: bool) {
    let trouble = explain(failure, broker, moment);
    assert!(trouble.sentence.contains(expected), "{} does not say `{expected}`", trouble.sentence);
    assert_eq!(trouble.needs_person, needs_person, "{}", trouble.sentence);
    assert!(!trouble.sentence.contains("s3cret"), "{}", trouble.sentence);
    for useless in ["Other(", "adapter.id"] {
        assert!(!trouble.sentence.contains(useless), "{}", trouble.sentence);
    }
}

/// The broker ends the connection without a word.
fn hang_up() -> Failure {
    Failure::Io(io::ErrorKind::UnexpectedEof.into())
}

#[test]
fn each_failure_to_reach_the_broker_has_its_sentence() {
    let unreached = |kind: io::ErrorKind| Failure::Unreached(Peer::Broker, kind.into());
    check(&unreached(io::ErrorKind::ConnectionRefused), "nothing listens at mqtts://hivemq:8883", false);
    check(&unreached(io::ErrorKind::NetworkUnreachable), "no route to mqtts://hivemq:8883", false);
    check(&unreached(io::ErrorKind::TimedOut), "mqtts://hivemq:8883 does not answer", false);
    check(&unreached(io::ErrorKind::PermissionDenied), "cannot reach mqtts://hivemq:8883", false);
    let unknown = io::Error::other("failed to lookup address information: Name or service not known");
    check(&Failure::UnknownHost(Peer::Broker, unknown), "no host `hivemq` for mqtts://hivemq:8883 (Name or", false);
    check(&Failure::UnknownHost(Peer::Broker, io::ErrorKind::TimedOut.into()), "look-up took too long", false);
    check(&Failure::Silence, "did not answer in time", false);
    check(&Failure::ServerName, "`tls.server_name`", true);
    check(&Failure::Internal("x".into()), "failed: x", false);
    let ipv6 = BrokerConfig::plain("edge", "::1", 1883);
    check_at(&Failure::Silence, &ipv6, Moment::Connecting, "mqtt://[::1]:1883", false);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let proxy = || Peer::Proxy("proxy:3128".into());
    let refused = Failure::Unreached(proxy(), io::ErrorKind::ConnectionRefused.into());
    check(&refused, "nothing listens at the proxy proxy:3128; is the proxy running", false);
    check(&Failure::UnknownHost(proxy(), io::Error::other("x")), "no host for the proxy proxy:3128", false);
}

fn tls(error: rustls::Error) -> Failure {
    // The shape in which a failed handshake arrives.
    io::Error::new(io::ErrorKind::InvalidData, error).into()
}

fn certificate(error: CertificateError) -> Failure {
    tls(error.into())
}

fn flaw(flaw: Flaw) -> Failure {
    certificate(CertificateError::Other(OtherError(Arc::new(flaw))))
}

const LINE: &str = "openssl s_client -connect hivemq:8883 -showcerts </dev/null | openssl x509 -noout -text";

#[test]
fn each_failure_of_trust_says_what_is_wrong_and_shows_the_certificate() {
    let name = || "other".try_into().unwrap();
    let wrong_name =
        CertificateError::NotValidForNameContext { expected: name(), presented: vec!["DnsName(\"a.example\")".into()] };
    for (failure, expected) in [
        (certificate(CertificateError::UnknownIssuer), "not signed by the certificates in ca.pem"),
        (certificate(CertificateError::BadSignature), "not signed by the certificates in ca.pem"),
        (certificate(CertificateError::NotValidForName), "is not for `hivemq`"),
        (certificate(wrong_name), "is for `a.example`, and not for `hivemq`"),
        (certificate(CertificateError::Expired), "has expired"),
        (certificate(CertificateError::NotValidYet), "check the clocks"),
        (certificate(CertificateError::InvalidPurpose), "is not for servers"),
        (certificate(CertificateError::UnhandledCriticalExtension), "critical extension"),
        (certificate(CertificateError::BadEncoding), "cannot be read"),
        (certificate(CertificateError::Other(OtherError(Arc::new(io::Error::other("why"))))), "trusted: why;"),
        (flaw(Flaw::Version1), "X.509 version 1, which has no room for a host name; put this certificate itself into"),
        (flaw(Flaw::Authority), "(CA:TRUE), and not one for a server; put this certificate itself into"),
        (flaw(Flaw::CommonNameOnly("plc".into())), "names `plc` as its subject only (CN)"),
        (flaw(Flaw::Key("a key on the curve P-521".into())), "it has a key on the curve P-521, with which nothing"),
        (flaw(Flaw::Signature("RSA with SHA-1".into())), "it is signed by RSA with SHA-1"),
        (flaw(Flaw::Handshake), "the handshake is not signed with its key"),
        (tls(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), "does not speak TLS"),
        (tls(PeerIncompatible::ServerDoesNotSupportTls12Or13.into()), "enable TLS 1.2 or 1.3"),
    ] {
        check(&failure, expected, true);
        check(&failure, LINE, true);
    }
    check(&Failure::Handshake(io::ErrorKind::ConnectionReset.into()), "does this port speak TLS", false);
    check(&Failure::Handshake(io::ErrorKind::TimedOut.into()), LINE, false);
    check(&tls(rustls::Error::General("x".into())), LINE, false);
    let named = TlsConfig { server_name: Some("b.local".into()), ..TlsConfig::default() };
    let broker = BrokerConfig { tls: Some(named), proxy: Some("http://a:s3cret@p:1".into()), ..broker() };
    let failure = certificate(CertificateError::UnknownIssuer);
    let line = "-connect hivemq:8883 -servername b.local -proxy p:1 -showcerts";
    check_at(&failure, &broker, Moment::Connecting, line, true);
}

fn alert(alert: AlertDescription) -> Failure {
    tls(rustls::Error::AlertReceived(alert))
}

#[test]
fn a_client_certificate_is_asked_for_only_where_an_alert_does() {
    for kind in [AlertDescription::CertificateRequired, AlertDescription::BadCertificate] {
        check(&alert(kind), "demands a client certificate", true);
    }
    check(&alert(AlertDescription::HandshakeFailure), "no version, cipher or kind of key in common", true);
    check(&alert(AlertDescription::ProtocolVersion), "neither TLS 1.2 nor 1.3", true);
    check(&alert(AlertDescription::UnrecognisedName), "does not know the name `hivemq`", true);
    check(&alert(AlertDescription::InternalError), "refused the TLS handshake (InternalError)", true);
    for failure in [hang_up(), alert(AlertDescription::InternalError)] {
        let said = explain(&failure, &broker(), Moment::Connecting).sentence;
        assert!(!said.contains("client certificate"), "{said}");
    }
    let alpn = TlsConfig { alpn: vec!["mqtt".into()], ..TlsConfig::default() };
    let asking = BrokerConfig { tls: Some(alpn), ..broker() };
    let refused = alert(AlertDescription::NoApplicationProtocol);
    check_at(&refused, &asking, Moment::Connecting, "none of the application protocols in `tls.alpn` (mqtt)", true);
    let client = ClientCertificate { cert_file: "me.pem".into(), key_file: "me.key".into() };
    let showing = BrokerConfig { tls: Some(TlsConfig { client: Some(client), ..TlsConfig::default() }), ..broker() };
    let refused = alert(AlertDescription::UnknownCA);
    check_at(&refused, &showing, Moment::Connecting, "does not take the client certificate in me.pem", true);
}

#[test]
fn each_refusal_says_who_was_refused_and_what_to_correct() {
    for (reason, expected, needs_person) in [
        (Reason::BAD_USER_NAME_OR_PASSWORD, "with user `joe`: wrong user name or password", true),
        (Reason::NOT_AUTHORIZED, "not authorized", true),
        (Reason::CLIENT_ID_NOT_VALID, "set `broker.client_id` to the one that it knows", true),
        (Reason::BANNED, "has banned client id `press4-edge`", true),
        (Reason::UNSUPPORTED_PROTOCOL_VERSION, "set `protocol_version: \"3.1.1\"`", true),
        (Reason::QOS_NOT_SUPPORTED, "does not allow QoS 1", true),
        (Reason::RETAIN_NOT_SUPPORTED, "keeps no retained messages", true),
        (Reason::TOPIC_NAME_INVALID, "`adapter.status_topic`", true),
        (Reason::SERVER_MOVED, "correct `url`", true),
        (Reason::SERVER_BUSY, "no more clients at the moment: server busy (0x89)", false),
        (Reason(0xC3), "reason 0xC3", false),
    ] {
        let refused = Failure::Refused(reason, Some("go\naway".into()));
        for expected in [expected, "client id `press4-edge`", "(goaway)"] {
            if !(reason == Reason::CLIENT_ID_NOT_VALID && expected.starts_with("client id")) {
                check(&refused, expected, needs_person);
            }
        }
        check(&refused, "press4-edge", needs_person);
    }
    let refused = Failure::Refused(Reason::CLIENT_ID_NOT_VALID, None);
    check_at(&refused, &plain(), Moment::Connecting, "client id `press4-edge` without user name", true);
}

#[test]
fn the_version_that_is_spoken_is_the_one_that_is_named() {
    check_at(&hang_up(), &plain(), Moment::Connecting, "set `protocol_version: \"3.1.1\"`", false);
    let old = BrokerConfig { protocol_version: ProtocolVersion::V311, ..plain() };
    check_at(&Failure::Malformed("x".into()), &old, Moment::Connected, "no MQTT 3.1.1: x", false);
    check_at(&Failure::NoConnack, &old, Moment::Connecting, "is it an MQTT 3.1.1 broker?", true);
    let refused = Failure::Refused(Reason::UNSUPPORTED_PROTOCOL_VERSION, None);
    check_at(&refused, &old, Moment::Connecting, "set `protocol_version: \"5\"`", true);
}

#[test]
fn who_hangs_up_on_the_first_packet_may_want_something_else() {
    check(&hang_up(), "`tls.alpn`) or a WebSocket (`wss://`)", false);
    check(&hang_up(), "client id `press4-edge`", false);
    let said = explain(&hang_up(), &broker(), Moment::Connecting).sentence;
    assert!(!said.contains("3.1.1"), "{said}");
    let bare = BrokerConfig { tls: None, ..broker() };
    check_at(&hang_up(), &bare, Moment::Connecting, "port 8883 usually wants `mqtts://`", false);
    check_at(&Failure::Io(io::ErrorKind::ConnectionReset.into()), &plain(), Moment::Connecting, "3.1.1", false);
}

#[test]
fn a_websocket_that_is_none_says_where_to_look() {
    let broker = BrokerConfig { websocket_path: Some("/ws".into()), ..BrokerConfig::plain("edge", "hivemq", 80) };
    let check = |failure, expected| check_at(&failure, &broker, Moment::Connecting, expected, true);
    check(
        Failure::UpgradeRefused("404 Not Found".into()),
        "with HTTP 404 Not Found; check the path in `url` (now `/ws`)",
    );
    check(Failure::NoMqttWebSocket("no subprotocol".into()), "ws://hivemq:80 does not speak MQTT over WebSockets");
}

#[test]
fn a_lost_session_says_why() {
    let lost = |reason, server: Option<&str>| {
        let (words, server_reference) = (Some("bye".to_owned()), server.map(str::to_owned));
        Failure::Disconnected(Farewell { reason, words, server_reference })
    };
    let check = |failure: &Failure, expected: &str, needs_person| {
        check_at(failure, &broker(), Moment::Connected, expected, needs_person);
    };
    check(&lost(Reason::SESSION_TAKEN_OVER, None), "another client with the client id `press4-edge`", false);
    check(&lost(Reason::SESSION_TAKEN_OVER, None), "`broker.client_id`", false);
    check(&lost(Reason::SERVER_SHUTTING_DOWN, None), "is shutting down (bye)", false);
    check(&lost(Reason::BANNED, None), "has banned the client id `press4-edge` (bye)", true);
    check(&lost(Reason::MESSAGE_RATE_TOO_HIGH, None), "`broker.max_rate`", false);
    check(&lost(Reason::SERVER_MOVED, Some("b.example")), "to `b.example` (bye); correct `url`", true);
    check(&lost(Reason::USE_ANOTHER_SERVER, None), "to another server (bye)", true);
    check(&lost(Reason::PACKET_TOO_LARGE, None), "closed the connection: packet too large (0x95) (bye)", false);
    check(&Failure::Dead, "the connection is dead", false);
    check(&hang_up(), "closed the connection", false);
    check(&Failure::TooLarge(2_000_000), "a packet of 2000000 bytes", false);
    check(&Failure::Io(io::ErrorKind::TimedOut.into()), "is no longer reached", false);
    check(&Failure::Io(io::Error::other("x")), "failed: x", false);
}
