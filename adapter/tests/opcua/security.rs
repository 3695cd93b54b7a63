//! Every policy and mode; certificates that are unknown, trusted while the link runs, replaced, and refused by the PLC.

use std::{fs, path::Path};

use tagwise::{
    config::effective::{MessageSecurityMode, OpcUaAuth, OpcUaConfig, Security, SecurityPolicy},
    domain::TagId,
    opcua::pki::{
        OwnCertificate, Store,
        own::{self, Identity},
        store::Folder,
    },
};
use tagwise_simulator::{Plc, PlcOptions, PlcSecurity};
use tempfile::TempDir;

use crate::{
    proxy::Proxy,
    rig::{Rig, config, load_tag, plc, plc_at, user},
};

const NOW: i64 = 1_790_000_000;

/// The directories of a PLC and a client.
struct Pki {
    folder: TempDir,
}

impl Pki {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("the test sets it up") }
    }

    fn of_server(&self) -> Store {
        Store::new(self.folder.path().join("server"))
    }

    fn of_client(&self) -> Store {
        Store::new(self.folder.path().join("client"))
    }

    fn options(&self) -> PlcOptions {
        let security = PlcSecurity::new(self.of_server().directory());
        PlcOptions { load_tags: 5, load_rate_hz: 20.0, security: Some(security), ..PlcOptions::default() }
    }

    fn secured(&self, uri: &str) -> OpcUaConfig {
        OpcUaConfig {
            security: Some(BEST),
            pki_dir: self.of_client().directory().to_owned(),
            work_dir: self.folder.path().join("work"),
            ..config(uri)
        }
    }

    /// Trusts the PLC's certificate before anything was rejected.
    fn trust_server(&self) {
        let file = self.of_server().directory().join("own/cert.der");
        self.of_client().trust(file.to_str().expect("the test sets it up")).expect("the test sets it up");
    }

    /// The files of a user's certificate and key.
    fn user(&self, name: &str) -> OwnCertificate {
        let store = Store::new(self.folder.path().join(name));
        OwnCertificate::generate(&store, &own::identity(None, name, NOW), false).expect("the test sets it up")
    }
}

const BEST: Security = Security { policy: SecurityPolicy::Basic256Sha256, mode: MessageSecurityMode::SignAndEncrypt };

async fn reason(rig: &Rig, words: &[&str]) -> String {
    let says = |reason: &str| words.iter().all(|word| reason.contains(word));
    let shown = rig.wait_for(&format!("{words:?}"), |snapshot| snapshot.opcua.reason().is_some_and(says)).await;
    shown.opcua.reason().expect("the test sets it up").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_flow_with_every_policy_in_both_modes() {
    let pki = Pki::new();
    let options = PlcOptions { user: Some(("edge".into(), "right".into())), ..pki.options() };
    let server = plc(options).await;
    pki.trust_server();
    for (name, policy) in SecurityPolicy::ALL {
        for mode in [MessageSecurityMode::Sign, MessageSecurityMode::SignAndEncrypt] {
            let security = Some(Security { policy, mode });
            let auth = user("edge", "right");
            let config = OpcUaConfig { security, auth, ..pki.secured(&server.endpoint_url()) };
            let mut rig = Rig::start(config, &[&load_tag(1)]);
            rig.value(TagId(0)).await;
            println!("{name} {mode:?}: values flow");
            rig.stop().await;
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_server_is_named_and_trusted_while_the_link_runs() {
    let pki = Pki::new();
    let server = plc(pki.options()).await;
    let mut rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    let sentence = reason(&rig, &["not trusted", "tagwise certs trust"]).await;
    let command = sentence.split("tagwise certs trust ").nth(1).unwrap();
    let (fingerprint, directory) = command.split_once(" --pki-dir ").unwrap();
    assert_eq!(Path::new(directory), pki.of_client().directory());
    assert_eq!(rig.metrics.opcua_connected.get(), 0);
    assert_eq!(rig.board.snapshot().opcua.as_str(), "ERROR");

    Store::new(directory).trust(fingerprint).unwrap();
    rig.value(TagId(0)).await;
    let own = OwnCertificate::load(&pki.of_client()).unwrap().unwrap().certificate;
    let metrics = rig.metrics.encode().unwrap();
    for name in ["own", "server"] {
        let line = format!("tagwise_certificate_expiry_timestamp_seconds{{certificate=\"{name}\",adapter=\"test\"}}");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert!(own.application_uri().unwrap().ends_with(":tagwise:test"), "{own:?}");
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_certificate_is_refused_as_another_one_until_it_is_trusted() {
    let (pki, later) = (Pki::new(), Pki::new());
    let server = plc(pki.options()).await;
    pki.trust_server();
    let address = server.local_addr();
    let mut rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    drop(server);

    let server = plc_at(address, later.options()).await;
    let before = pki.of_client().list(Folder::Trusted).unwrap().entries.remove(0).certificate.thumbprint;
    reason(&rig, &["another certificate", &before, "tagwise certs trust"]).await;
    let entry = pki.of_client().list(Folder::Rejected).unwrap().entries.remove(0);
    pki.of_client().trust(&entry.certificate.sha256).unwrap();
    rig.update(TagId(0), |update| update.flags.is_initial).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_withdrawn_is_not_taken_when_a_session_is_resumed() {
    let pki = Pki::new();
    let server = plc(pki.options()).await;
    pki.trust_server();
    let proxy = Proxy::start(server.local_addr()).await;
    let mut rig = Rig::start(pki.secured(&proxy.url()), &[&load_tag(1)]);
    rig.wait_for_all_active().await;
    rig.value(TagId(0)).await;
    let trusted = pki.of_client().list(Folder::Trusted).unwrap().entries.remove(0).certificate;
    pki.of_client().reject(&trusted.thumbprint).unwrap();
    proxy.reset();
    reason(&rig, &["not trusted", &trusted.thumbprint]).await;
    assert_eq!(rig.metrics.opcua_connected.get(), 0);
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plc_that_does_not_trust_us_is_told_which_certificate_to_trust() {
    let pki = Pki::new();
    let mut options = pki.options();
    options.security.as_mut().unwrap().trusts_every_client = false;
    let server = plc(options).await;
    pki.trust_server();
    let mut rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    let sentence = reason(&rig, &["does not trust this client's certificate"]).await;
    let own = OwnCertificate::load(&pki.of_client()).unwrap().unwrap().certificate;
    assert!(sentence.contains(&own.thumbprint), "{sentence}");

    // What a person does on the PLC: out of the rejected ones, into the trusted, under the name it has there.
    let rejected = pki.of_server().folder(Folder::Rejected);
    for file in fs::read_dir(rejected).unwrap() {
        let file = file.unwrap();
        fs::rename(file.path(), pki.of_server().folder(Folder::Trusted).join(file.file_name())).unwrap();
    }
    rig.value(TagId(0)).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secure_wish_is_never_met_with_less() {
    let pki = Pki::new();
    let server = plc(PlcOptions { security: None, ..pki.options() }).await;
    let rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    reason(&rig, &["no endpoint with Basic256Sha256 SignAndEncrypt", "it has None"]).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_certificate_gets_in_and_a_stranger_does_not() {
    let pki = Pki::new();
    let (known, stranger) = (pki.user("known"), pki.user("stranger"));
    let mut options = PlcOptions { user: Some(("edge".into(), "right".into())), ..pki.options() };
    options.security.as_mut().unwrap().user_certificate = Some(known.path.clone());
    let server = plc(options).await;
    pki.trust_server();
    let with = |user: &OwnCertificate| {
        let auth = OpcUaAuth::X509 { certificate: user.path.clone(), private_key: user.key_path.clone() };
        OpcUaConfig { auth, ..pki.secured(&server.endpoint_url()) }
    };
    let mut rig = Rig::start(with(&known), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    rig.stop().await;
    let rig = Rig::start(with(&stranger), &[&load_tag(1)]);
    reason(&rig, &["refuses", "opcua.auth"]).await;
    rig.stop().await;

    let wrong = OpcUaConfig { auth: user("edge", "pa55word"), ..pki.secured(&server.endpoint_url()) };
    let rig = Rig::start(wrong, &[&load_tag(1)]);
    let sentence = reason(&rig, &["user name or password"]).await;
    assert!(!sentence.contains("pa55word"), "{sentence}");
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_port_is_as_secure() {
    let pki = Pki::new();
    let server = plc(pki.options()).await;
    pki.trust_server();
    let proxy = Proxy::start(server.local_addr()).await;
    let forwarded = proxy.url().replace("127.0.0.1", "localhost");
    let mut rig = Rig::start(pki.secured(&forwarded), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_certificate_that_expires_soon_is_a_warning() {
    let pki = Pki::new();
    let server: Plc = plc(pki.options()).await;
    pki.trust_server();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let identity = Identity { days: 10, ..own::identity(None, "test", i64::try_from(now).unwrap()) };
    let own = OwnCertificate::generate(&pki.of_client(), &identity, false).unwrap();
    let mut rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    let shown = rig.wait_for("a warning", |snapshot| !snapshot.warnings.is_empty()).await;
    assert!(shown.warnings[0].1.contains(&own.certificate.thumbprint), "{shown:?}");
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_is_said_and_found_once_it_is_there() {
    let pki = Pki::new();
    let server = plc(pki.options()).await;
    pki.trust_server();
    let own = OwnCertificate::generate(&pki.of_client(), &own::identity(None, "test", NOW), false).unwrap();
    let aside = pki.folder.path().join("key");
    fs::rename(&own.key_path, &aside).unwrap();
    let mut rig = Rig::start(pki.secured(&server.endpoint_url()), &[&load_tag(1)]);
    reason(&rig, &["no private key", "private"]).await;
    fs::rename(&aside, &own.key_path).unwrap();
    rig.value(TagId(0)).await;
    rig.stop().await;
    server.stop().await;
}
