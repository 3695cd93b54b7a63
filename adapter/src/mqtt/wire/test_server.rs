//! A server behind TLS that shows what a test gives it.

use std::sync::{Arc, Mutex};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureAlgorithm, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::{
        ClientHello, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, Signer, SigningKey},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{failure::Failure, open::open, test_certificates::Pair, tls::client_config};
use crate::{
    config::effective::{BrokerConfig, TlsConfig},
    mqtt::access::Opened,
};

/// What a client has told of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) server_name: Option<String>,
    pub(super) alpn: Vec<String>,
    pub(super) certificate: Option<CertificateDer<'static>>,
}

/// What the server shows.
#[derive(Debug)]
pub(super) struct Shows {
    key: CertifiedKey,
    seen: Mutex<Seen>,
}

impl Shows {
    pub(super) fn pair(pair: &Pair) -> Self {
        Self::chain(&pair.certificate, pair)
    }

    /// A certificate with the key of another one.
    pub(super) fn chain(certificate: &CertificateDer<'static>, pair: &Pair) -> Self {
        let key = rustls::crypto::ring::sign::any_supported_type(&pair.private_key()).unwrap();
        Self { key: CertifiedKey::new(vec![certificate.clone()], key), seen: Mutex::default() }
    }

    /// A certificate with a key that signs nonsense of a kind.
    pub(super) fn nonsense(certificate: CertificateDer<'static>, scheme: SignatureScheme) -> Self {
        Self { key: CertifiedKey::new(vec![certificate], Arc::new(Nonsense(scheme))), seen: Mutex::default() }
    }
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut seen = self.seen.lock().unwrap();
        seen.server_name = hello.server_name().map(str::to_owned);
        let alpn = hello.alpn().into_iter().flatten();
        seen.alpn = alpn.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        Some(Arc::new(self.key.clone()))
    }
}

#[derive(Debug)]
struct Nonsense(SignatureScheme);

impl SigningKey for Nonsense {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.0).then(|| Box::new(Self(self.0)) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        if self.0 == SignatureScheme::RSA_PSS_SHA256 { SignatureAlgorithm::RSA } else { SignatureAlgorithm::ECDSA }
    }
}

impl Signer for Nonsense {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(vec![0; 64])
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}

/// Takes any certificate of a client, or none where it need not have one.
#[derive(Debug)]
struct Any {
    is_mandatory: bool,
}

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// How the server goes about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) version: &'static rustls::SupportedProtocolVersion,
    pub(super) alpn: &'static [&'static str],
    pub(super) demands_certificate: bool,
}

pub(super) const TLS_1_2: Manner = Manner { version: &rustls::version::TLS12, alpn: &[], demands_certificate: false };
pub(super) const TLS_1_3: Manner = Manner { version: &rustls::version::TLS13, alpn: &[], demands_certificate: false };

pub(super) fn acceptor(shows: &Arc<Shows>, manner: Manner) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[manner.version])
        .unwrap()
        .with_client_cert_verifier(Arc::new(Any { is_mandatory: manner.demands_certificate }))
        .with_cert_resolver(Arc::clone(shows) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = manner.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Opens a connection to a server that shows something, and reads a byte of it.
pub(super) async fn visit(shows: Shows, manner: Manner, tls: &TlsConfig) -> Result<Seen, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shows = Arc::new(shows);
    let server = async {
        let (stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor(&shows, manner).accept(stream).await else { return };
        let chain = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        shows.seen.lock().unwrap().certificate = chain.map(|one| one.clone().into_owned());
        stream.write_all(b"!").await.unwrap();
        // Until the client is gone.
        drop(stream.read(&mut [0]).await);
    };
    let broker = BrokerConfig { tls: Some(tls.clone()), ..BrokerConfig::plain("edge", "127.0.0.1", port) };
    let client = async {
        let opened = Opened { tls: client_config(tls).ok(), ..Opened::default() };
        let mut stream = open(&broker, &opened).await?;
        stream.quick_ack();
        stream.read_u8().await?;
        Ok::<_, Failure>(())
    };
    let ((), visited) = tokio::join!(server, client);
    visited.map(|()| shows.seen.lock().unwrap().clone())
}
