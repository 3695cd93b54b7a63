//! Credentials and certificates.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tagwise::{
    config::effective::{BrokerAuth, BrokerConfig, TlsConfig},
    supervisor::Connection,
};
use tempfile::TempDir;

use crate::{
    mosquitto::Mosquitto,
    rig::{Rig, plain, route},
};

/// Writes a CA and a certificate that it signed for `name`; returns the lines that mosquitto needs.
fn certificates(directory: &Path, name: &str) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let write = |file: &str, content: String| {
        let path = directory.join(file);
        std::fs::write(&path, content).unwrap();
        path
    };
    write("ca.pem", ca.pem());
    let certificate = write("server.pem", certificate.pem());
    let key = write("server.key", key.serialize_pem());
    format!("certfile {}\nkeyfile {}", certificate.display(), key.display())
}

struct Secure {
    broker: Mosquitto,
    files: TempDir,
}

impl Secure {
    async fn start(name: &str) -> Option<Self> {
        let files = tempfile::tempdir().unwrap();
        let lines = certificates(files.path(), name);
        let broker = Mosquitto::with(|_| lines).await?;
        Some(Self { broker, files })
    }

    fn config(&self, ca_file: PathBuf) -> BrokerConfig {
        BrokerConfig {
            host: "localhost".into(),
            tls: Some(TlsConfig { ca_file: Some(ca_file) }),
            ..plain(self.broker.port)
        }
    }

    fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
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
    let other = tempfile::tempdir().unwrap();
    certificates(other.path(), "localhost");
    let other_ca = other.path().join("ca.pem");
    check_refused(secure.config(other_ca), "set `tls.ca_file` to the CA that signed it").await;
    check_refused(secure.config("/nowhere/ca.pem".into()), "cannot read `tls.ca_file` /nowhere/ca.pem").await;
    let Some(stranger) = Secure::start("elsewhere").await else { return };
    check_refused(stranger.config(stranger.ca()), "is not for `localhost`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_to_a_port_without_it_says_so() {
    let Some(plain_broker) = Mosquitto::plain().await else { return };
    let broker = BrokerConfig { tls: Some(TlsConfig { ca_file: None }), ..plain(plain_broker.port) };
    let rig = Rig::start(broker, &[]);
    let connection = rig.until_broker(|connection| connection.reason().is_some()).await;
    let reason = connection.reason().unwrap();
    assert!(reason.contains("TLS") || reason.contains("root certificates"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_an_error_that_names_the_user() {
    let passwords = |directory: &Path| {
        // Nobody has a password here.
        let file = directory.join("passwords");
        std::fs::write(&file, "").unwrap();
        format!("password_file {}", file.display())
    };
    let Some(broker) = Mosquitto::with(passwords).await else { return };
    let auth = BrokerAuth { username: "joe".into(), password: "wrong".to_owned().into() };
    check_refused(BrokerConfig { auth: Some(auth), ..plain(broker.port) }, "user `joe`").await;
}
