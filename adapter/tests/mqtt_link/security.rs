//! Credentials and certificates.

use std::path::{Path, PathBuf};

use tagwise::{
    config::effective::{BrokerAuth, BrokerConfig, ClientCertificate, ProtocolVersion, TlsConfig},
    supervisor::Connection,
};

use crate::{
    certificates::Authority,
    mosquitto::Mosquitto,
    rig::{Rig, plain, route, spoken},
    versions::in_both_versions,
};

in_both_versions!(
    a_client_certificate_is_shown_where_the_broker_asks_for_one,
    a_wrong_password_is_an_error_that_names_the_user
);

struct Secure {
    broker: Mosquitto,
    authority: Authority,
}

impl Secure {
    async fn start(name: &str) -> Option<Self> {
        let authority = Authority::new();
        let broker = Mosquitto::with(|_| authority.issue(name).lines()).await?;
        Some(Self { broker, authority })
    }

    fn config(&self, ca_file: PathBuf) -> BrokerConfig {
        BrokerConfig {
            host: "localhost".into(),
            tls: Some(TlsConfig { ca_file: Some(ca_file), ..TlsConfig::default() }),
            ..plain(self.broker.port)
        }
    }

    fn ca(&self) -> PathBuf {
        self.authority.file()
    }
}

async fn check_refused(broker: BrokerConfig, expected: &str) {
    let rig = Rig::start(broker, &[]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    assert!(matches!(connection, Connection::Error { .. }), "{connection:?}");
    let reason = connection.reason().unwrap();
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_with_a_certificate_of_our_ca_is_trusted() {
    let Some(secure) = Secure::start("localhost").await else { return };
    let rig = Rig::start(secure.config(secure.ca()), &[]);
    rig.append(&route("machine/a"), 1..=1_000);
    rig.until_delivered().await;
    rig.check_published("acknowledged", 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_trusted_says_what_to_do() {
    let Some(secure) = Secure::start("localhost").await else { return };
    let other = Authority::new();
    check_refused(secure.config(other.file()), "set `tls.ca_file` to that of the CA that signed it").await;
    check_refused(secure.config("/nowhere/ca.pem".into()), "cannot read `tls.ca_file` /nowhere/ca.pem").await;
    let Some(stranger) = Secure::start("elsewhere").await else { return };
    check_refused(stranger.config(stranger.ca()), "is for `elsewhere`, and not for `localhost`; set `tls.server_name`")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_to_a_port_without_it_says_so() {
    let Some(plain_broker) = Mosquitto::plain().await else { return };
    let broker = BrokerConfig { tls: Some(TlsConfig::default()), ..plain(plain_broker.port) };
    let rig = Rig::start(broker, &[]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    let reason = connection.reason().unwrap();
    assert!(reason.contains("TLS") || reason.contains("root certificates"), "{reason}");
}

async fn a_wrong_password_is_an_error_that_names_the_user(version: ProtocolVersion) {
    let passwords = |directory: &Path| {
        // Nobody has a password here.
        let file = directory.join("passwords");
        std::fs::write(&file, "").unwrap();
        format!("password_file {}", file.display())
    };
    let Some(broker) = Mosquitto::with(passwords).await else { return };
    let auth = BrokerAuth { username: "joe".into(), password: "wrong".into() };
    check_refused(BrokerConfig { auth: Some(auth), ..spoken(version, broker.port) }, "user `joe`").await;
}

/// A broker that takes only who shows a certificate of `clients`.
async fn demanding(server: &Authority, clients: &Authority) -> Option<Mosquitto> {
    let own = server.issue("localhost").lines();
    let lines = format!("{own}\ncafile {}\nrequire_certificate true", clients.file().display());
    Mosquitto::with(|_| lines).await
}

fn showing(client: Option<ClientCertificate>, server: &Authority, broker: BrokerConfig) -> BrokerConfig {
    let tls = Some(TlsConfig { ca_file: Some(server.file()), client, ..TlsConfig::default() });
    BrokerConfig { host: "localhost".into(), tls, ..broker }
}

async fn a_client_certificate_is_shown_where_the_broker_asks_for_one(version: ProtocolVersion) {
    let (server, clients) = (Authority::new(), Authority::new());
    let Some(broker) = demanding(&server, &clients).await else { return };
    let ours = clients.issue("line1").client();
    let rig = Rig::start(showing(Some(ours), &server, spoken(version, broker.port)), &[]);
    rig.append(&route("machine/a"), 1..=1_000);
    rig.until_delivered().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_certificate_that_is_missing_or_wrong_is_said_to_be() {
    let (server, clients) = (Authority::new(), Authority::new());
    let Some(broker) = demanding(&server, &clients).await else { return };
    let check = async |client, expected| {
        let rig = Rig::start(showing(client, &server, plain(broker.port)), &[]);
        // The alert may be lost with the connection, so that it takes more than one attempt to hear it.
        let heard = rig.until_broker(|connection| connection.reason().is_some_and(|reason| reason.contains(expected)));
        heard.await;
    };
    check(None, "demands a client certificate (CertificateRequired); set `tls.cert_file` and `tls.key_file`").await;
    let stranger = Authority::new();
    check(Some(stranger.issue("line1").client()), "does not take the client certificate in").await;
    let (one, other) = (clients.issue("one").client(), clients.issue("other").client());
    let mixed = ClientCertificate { cert_file: one.cert_file, key_file: other.key_file };
    check(Some(mixed), "is not that of the certificate in `tls.cert_file`").await;
}
