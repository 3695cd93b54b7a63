//! Whom we take for the broker, and whom not; against servers that show all kinds of certificates.

use std::sync::Arc;

use async_tungstenite::{
    tokio::accept_hdr_async,
    tungstenite::handshake::server::{Request, Response},
};
use rustls::SignatureScheme;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{
    explain::explain,
    failure::Failure,
    open::open,
    test_certificates::{
        ED448, P521, Pair, RSA_1024, SHA1_AUTHORITY, SHA1_LEAF, authority, expired, not_valid_yet, of_pem, self_signed,
        signed, usual, version_1,
    },
    test_server::{Manner, Shows, TLS_1_2, TLS_1_3, acceptor, visit},
    tls::client_config,
};
use crate::{
    config::{
        Proxy,
        effective::{BrokerConfig, ClientCertificate, TlsConfig},
    },
    mqtt::{access::Opened, trouble::Moment},
};

/// Files of a test, and TLS that trusts one of them.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> std::path::PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn trusting(&self, certificates: &str) -> TlsConfig {
        let ca_file = Some(self.write("ca.pem", certificates));
        TlsConfig { ca_file, server_name: Some("localhost".into()), ..TlsConfig::default() }
    }
}

fn said(failure: &Failure, tls: &TlsConfig) -> String {
    let broker = BrokerConfig { tls: Some(tls.clone()), ..BrokerConfig::plain("edge", "localhost", 8883) };
    explain(failure, &broker, Moment::Connecting).sentence
}

async fn check_accepted(what: &str, pair: &Pair, trusted: &str) {
    let files = Files::new();
    for manner in [TLS_1_2, TLS_1_3] {
        let visited = visit(Shows::pair(pair), manner, &files.trusting(trusted)).await;
        assert!(visited.is_ok(), "{what}: {visited:?}");
    }
}

async fn check_refused(shows: impl Fn() -> Shows, trusted: &str, expected: &str) {
    check_refused_by(&[TLS_1_2, TLS_1_3], shows, trusted, expected).await;
}

async fn check_refused_by(manners: &[Manner], shows: impl Fn() -> Shows, trusted: &str, expected: &str) {
    let files = Files::new();
    let tls = files.trusting(trusted);
    for &manner in manners {
        let failure = visit(shows(), manner, &tls).await.unwrap_err();
        let said = said(&failure, &tls);
        assert!(said.contains(expected), "{said} does not say `{expected}` ({failure:?})");
        assert!(said.contains("openssl s_client -connect localhost:8883"), "{said}");
    }
}

#[tokio::test]
async fn what_a_trusted_authority_has_signed_for_the_name_is_accepted() {
    let authority = authority();
    check_accepted("signed", &signed(&authority, "x", &["localhost"]), &authority.pem()).await;
}

#[tokio::test]
async fn what_lies_in_the_file_itself_is_accepted_as_what_it_is() {
    for (what, pair) in [
        ("version 1", version_1()),
        ("usual", usual()),
        ("name in the subject only", self_signed(&[], |_| {})),
        ("other name", self_signed(&["other.example"], |_| {})),
        ("good", self_signed(&["localhost"], |_| {})),
    ] {
        check_accepted(what, &pair, &pair.pem()).await;
        // Among others.
        check_accepted(what, &pair, &format!("{}{}", usual().pem(), pair.pem())).await;
    }
}

#[tokio::test]
async fn what_does_not_lie_in_the_file_says_what_is_wrong_with_it() {
    let trusted = authority();
    let other = trusted.pem();
    let (version_1, usual, stranger) = (version_1(), usual(), self_signed(&["localhost"], |_| {}));
    check_refused(|| Shows::pair(&version_1), &other, "it is of X.509 version 1").await;
    check_refused(|| Shows::pair(&usual), &other, "it is that of an authority (CA:TRUE)").await;
    check_refused(|| Shows::pair(&stranger), &other, "is not signed by the certificates in").await;
    let nameless = signed(&trusted, "plc", &[]);
    check_refused(|| Shows::pair(&nameless), &other, "it names `plc` as its subject only (CN)").await;
    let elsewhere = signed(&trusted, "x", &["other.example"]);
    check_refused(|| Shows::pair(&elsewhere), &other, "is for `other.example`, and not for `localhost`").await;
}

#[tokio::test]
async fn what_lies_in_the_file_expires_all_the_same() {
    let (expired, early) = (expired(), not_valid_yet());
    check_refused(|| Shows::pair(&expired), &expired.pem(), "has expired").await;
    check_refused(|| Shows::pair(&early), &early.pem(), "is not valid yet").await;
}

#[tokio::test]
async fn who_shows_what_lies_in_the_file_has_to_have_its_key() {
    for pair in [version_1(), usual()] {
        let thief = self_signed(&["localhost"], |_| {});
        let shows = || Shows::chain(&pair.certificate, &thief);
        check_refused(shows, &pair.pem(), "the handshake is not signed with its key").await;
    }
}

#[tokio::test]
async fn what_nothing_here_can_verify_is_named() {
    use SignatureScheme as Scheme;
    for (pem, scheme, expected) in [
        (P521, Scheme::ECDSA_NISTP521_SHA512, "a key on the curve P-521"),
        (RSA_1024, Scheme::RSA_PSS_SHA256, "an RSA key of 1024 bits"),
    ] {
        check_refused(|| Shows::nonsense(of_pem(pem), scheme), pem, expected).await;
    }
    // The test's server has no way to show it by TLS 1.2.
    let shows = || Shows::nonsense(of_pem(ED448), Scheme::ED448);
    check_refused_by(&[TLS_1_3], shows, ED448, "a key of the kind Ed448").await;
    let leaf = || Shows::nonsense(of_pem(SHA1_LEAF), Scheme::ECDSA_NISTP256_SHA256);
    check_refused(leaf, SHA1_AUTHORITY, "it is signed by ECDSA with SHA-1").await;
}

#[tokio::test]
async fn the_server_is_asked_for_by_its_name_or_checked_by_its_address() {
    let (files, authority) = (Files::new(), authority());
    let pair = signed(&authority, "x", &["localhost", "127.0.0.1", "::1"]);
    let seen = visit(Shows::pair(&pair), TLS_1_3, &files.trusting(&authority.pem())).await.unwrap();
    assert_eq!(seen.server_name.as_deref(), Some("localhost"));
    for name in [None, Some("::1".to_owned())] {
        let tls = TlsConfig { server_name: name, ..files.trusting(&authority.pem()) };
        let seen = visit(Shows::pair(&pair), TLS_1_3, &tls).await.unwrap();
        assert_eq!(seen.server_name, None);
    }
    let tls = TlsConfig { server_name: Some("10.0.0.9".into()), ..files.trusting(&authority.pem()) };
    let failure = visit(Shows::pair(&pair), TLS_1_3, &tls).await.unwrap_err();
    assert!(said(&failure, &tls).contains("and not for `10.0.0.9`"), "{failure:?}");
}

#[tokio::test]
async fn application_protocols_are_offered_and_may_be_refused() {
    let (files, pair) = (Files::new(), usual());
    let tls = TlsConfig { alpn: vec!["x-amzn-mqtt-ca".into(), "mqtt".into()], ..files.trusting(&pair.pem()) };
    let seen = visit(Shows::pair(&pair), TLS_1_3, &tls).await.unwrap();
    assert_eq!(seen.alpn, ["x-amzn-mqtt-ca", "mqtt"]);
    let picky = Manner { alpn: &["http/1.1"], ..TLS_1_3 };
    let failure = visit(Shows::pair(&pair), picky, &tls).await.unwrap_err();
    assert!(said(&failure, &tls).contains("none of the application protocols in `tls.alpn`"), "{failure:?}");
    assert_eq!(visit(Shows::pair(&pair), TLS_1_3, &files.trusting(&pair.pem())).await.unwrap().alpn, [""; 0]);
}

#[tokio::test]
async fn our_certificate_is_shown_whatever_its_version() {
    let (files, server) = (Files::new(), usual());
    for ours in [version_1(), usual(), self_signed(&["us"], |_| {})] {
        let cert_file = files.write("us.pem", &ours.pem());
        let key_file = files.write("us.key", &ours.key.serialize_pem());
        let client = Some(ClientCertificate { cert_file, key_file });
        let tls = TlsConfig { client, ..files.trusting(&server.pem()) };
        client_config(&tls).unwrap();
        for manner in [TLS_1_2, TLS_1_3] {
            let seen = visit(Shows::pair(&server), Manner { demands_certificate: true, ..manner }, &tls).await;
            assert_eq!(seen.unwrap().certificate, Some(ours.certificate.clone()));
        }
    }
    let demanding = Manner { demands_certificate: true, ..TLS_1_3 };
    let tls = files.trusting(&server.pem());
    let failure = visit(Shows::pair(&server), demanding, &tls).await.unwrap_err();
    assert!(said(&failure, &tls).contains("demands a client certificate"), "{failure:?}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_told() {
    let (files, listener) = (Files::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let tls = files.trusting(&usual().pem());
    let port = listener.local_addr().unwrap().port();
    let broker = BrokerConfig { tls: Some(tls.clone()), ..BrokerConfig::plain("edge", "127.0.0.1", port) };
    let opened = Opened { tls: client_config(&tls).ok(), ..Opened::default() };
    for (answer, expected) in
        [(b"\x20\x02\x00\x01\x00".as_slice(), "does not speak TLS"), (b"", "does this port speak")]
    {
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(stream.read(&mut [0; 4096]).await);
            stream.write_all(answer).await.unwrap();
        };
        let (failure, ()) = tokio::join!(open(&broker, &opened), server);
        let said = said(&failure.unwrap_err(), &tls);
        assert!(said.contains(expected), "{said}");
    }
}

/// Leads where it is asked to, once.
async fn proxy(listener: TcpListener) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(client.read_u8().await.unwrap());
    }
    let asked = String::from_utf8(asked).unwrap();
    let target = asked.split(' ').nth(1).unwrap();
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    drop(copy_bidirectional(&mut client, &mut server).await);
    asked
}

#[tokio::test]
async fn a_websocket_behind_tls_behind_a_proxy_is_reached() {
    let (files, pair) = (Files::new(), usual());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let before = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, proxy_port) = (listener.local_addr().unwrap().port(), before.local_addr().unwrap().port());
    let tls = TlsConfig { server_name: Some("broker.example".into()), ..files.trusting(&pair.pem()) };
    let broker = BrokerConfig {
        tls: Some(tls.clone()),
        websocket_path: Some("/mqtt".into()),
        ..BrokerConfig::plain("edge", "127.0.0.1", port)
    };
    let opened = Opened {
        tls: client_config(&tls).ok(),
        proxy: Proxy::parse(&format!("http://joe:s3cret@127.0.0.1:{proxy_port}")).ok(),
        ..Opened::default()
    };
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor(&Arc::new(Shows::pair(&pair)), TLS_1_3).accept(stream).await.unwrap();
        let check = |request: &Request, mut response: Response| {
            assert_eq!(request.headers()["Host"], format!("broker.example:{port}"));
            response.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
            Ok(response)
        };
        accept_hdr_async(stream, check).await.unwrap().close(None).await.unwrap();
    };
    let client = async {
        let mut stream = open(&broker, &opened).await.unwrap();
        stream.quick_ack();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    };
    let (asked, (), ()) = tokio::join!(proxy(before), server, client);
    assert!(asked.contains("Proxy-Authorization: Basic am9lOnMzY3JldA==\r\n"), "{asked}");
}
