//! Servers whose certificate only an authority vouches for: a client of another machine is none of them.

use std::{fs, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tagwise::{
    config::effective::{MessageSecurityMode, OpcUaConfig, Security, SecurityPolicy},
    domain::TagId,
    opcua::pki::{OwnCertificate, Store, own, store::Folder},
};
use tagwise_simulator::{PlcOptions, PlcSecurity};
use tempfile::TempDir;

use crate::rig::{Rig, config, load_tag, plc, plc_at, user};

const NOW: i64 = 1_790_000_000;
/// What the simulated PLC says it is, in its endpoint descriptions.
const APPLICATION: &str = "urn:SIMATIC.S7-1500.OPC-UA.Application:Simulated";

/// An authority that the client trusts, and the directories of all.
struct Stand {
    folder: TempDir,
    authority: CertificateParams,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the test sets it up");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let stand = Self { folder, authority };
        let made = stand.authority.self_signed(&stand.key("authority")).expect("the test sets it up");
        let file = stand.folder.path().join("authority.der");
        fs::write(&file, made.der()).expect("the test sets it up");
        stand.client().trust(file.to_str().expect("the test sets it up")).expect("the test sets it up");
        stand
    }

    fn client(&self) -> Store {
        Store::new(self.folder.path().join("client"))
    }

    /// The key in a directory of certificates, made at the first time.
    fn key(&self, name: &str) -> KeyPair {
        let directory = self.folder.path().join(name);
        let identity = own::identity(None, name, NOW);
        OwnCertificate::generate(&Store::new(&directory), &identity, false).ok();
        let pem = fs::read_to_string(directory.join("private/private.pem")).expect("the test sets it up");
        KeyPair::from_pem(&pem).expect("the test sets it up")
    }

    /// A PLC with a certificate that the authority has signed.
    fn server(&self, name: &str, host: &str, purpose: ExtendedKeyUsagePurpose) -> PlcOptions {
        let (key, authority) = (self.key(name), self.key("authority"));
        let host = host
            .parse()
            .map_or_else(|_| SanType::DnsName(host.try_into().expect("the test sets it up")), SanType::IpAddress);
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(APPLICATION.try_into().expect("the test sets it up")), host];
        params.extended_key_usages = vec![purpose];
        let made = params.signed_by(&key, &Issuer::from_params(&self.authority, &authority));
        let directory = self.folder.path().join(name);
        fs::write(directory.join("own/cert.der"), made.expect("the test sets it up").der())
            .expect("the test sets it up");
        let security = Some(PlcSecurity::new(&directory));
        let user = Some(("edge".into(), "right".into()));
        PlcOptions { load_tags: 5, load_rate_hz: 20.0, security, user, ..PlcOptions::default() }
    }

    fn config(&self, uri: &str) -> OpcUaConfig {
        let (policy, mode) = (SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt);
        OpcUaConfig {
            security: Some(Security { policy, mode }),
            pki_dir: self.client().directory().to_owned(),
            work_dir: self.folder.path().join("work"),
            auth: user("edge", "right"),
            ..config(uri)
        }
    }

    /// How often an application is remembered.
    fn remembered(&self) -> usize {
        let directory = self.folder.path().join("work/servers");
        let is_there = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains(APPLICATION));
        let Ok(entries) = fs::read_dir(directory) else { return 0 };
        entries.filter(|entry| entry.as_ref().is_ok_and(|entry| is_there(&entry.path()))).count()
    }
}

async fn refused(rig: &Rig, words: &[&str]) {
    let says = |reason: &str| words.iter().all(|word| reason.contains(word));
    rig.wait_for(&format!("{words:?}"), |snapshot| snapshot.opcua.reason().is_some_and(says)).await;
    assert_eq!(rig.metrics.opcua_connected.get(), 0);
}

async fn values_flow(config: OpcUaConfig) {
    let mut rig = Rig::start(config, &[&load_tag(1)]);
    rig.value(TagId(0)).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_authority_has_signed_is_no_server() {
    let stand = Stand::new();
    let server = plc(stand.server("engineering", "127.0.0.1", ExtendedKeyUsagePurpose::ClientAuth)).await;
    let rig = Rig::start(stand.config(&server.endpoint_url()), &[&load_tag(1)]);
    refused(&rig, &["clientAuth", "serverAuth", "tagwise certs trust"]).await;
    rig.stop().await;
    let rejected = stand.client().list(Folder::Rejected).unwrap().entries.remove(0).certificate;
    stand.client().trust(&rejected.thumbprint).unwrap();
    values_flow(stand.config(&server.endpoint_url())).await;
    assert_eq!(stand.remembered(), 0, "a person's word for one certificate says nothing of others");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_machine_is_refused_until_its_application_is_configured() {
    let stand = Stand::new();
    let server = plc(stand.server("another", "elsewhere", ExtendedKeyUsagePurpose::ServerAuth)).await;
    let config = stand.config(&server.endpoint_url());
    let rig = Rig::start(config.clone(), &[&load_tag(1)]);
    refused(&rig, &["elsewhere", APPLICATION, "application_uri_of_server"]).await;
    rig.stop().await;
    let with = |uri: &str| OpcUaConfig { application_uri_of_server: Some(uri.to_owned()), ..config.clone() };
    let rig = Rig::start(with("urn:wanted"), &[&load_tag(1)]);
    refused(&rig, &["urn:wanted", APPLICATION]).await;
    rig.stop().await;
    values_flow(with(APPLICATION)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_is_remembered_where_the_host_fits() {
    let stand = Stand::new();
    let server = plc(stand.server("server", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth)).await;
    let address = server.local_addr();
    values_flow(stand.config(&server.endpoint_url())).await;
    assert_eq!(stand.remembered(), 1);
    server.stop().await;

    let later = plc_at(address, stand.server("later", "elsewhere", ExtendedKeyUsagePurpose::ServerAuth)).await;
    values_flow(stand.config(&later.endpoint_url())).await;
    later.stop().await;
}
