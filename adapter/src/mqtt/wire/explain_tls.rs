//! What went wrong with TLS, in a plain sentence with the way out.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::{
    certificate::{Flaw, signature_name},
    explain_proxy::unused_proxy,
    failure::is_end,
    open::{address, server_name},
};
use crate::{
    config::{Proxy, effective::BrokerConfig},
    mqtt::trouble::{Address, Trouble},
};

/// The way out that is always there.
const ITSELF: &str = "put this certificate itself into `tls.ca_file`, where it is accepted as it is";

/// Brokers hang up on a TLS handshake that they do not expect.
pub(super) fn explain_handshake(error: &io::Error, broker: &BrokerConfig) -> Trouble {
    let (address, look, proxy) = (Address(broker), look(broker), unused_proxy(broker));
    Trouble::passing(match error.kind() {
        kind if is_end(kind) => format!(
            "{address} closed the connection during the TLS handshake; does this port speak TLS, and does the broker \
             know the name `{}` (`tls.server_name`)?{proxy} {look}",
            server_name(broker)
        ),
        io::ErrorKind::TimedOut => format!(
            "{address} took the connection and did not answer the TLS handshake in time; does this port speak TLS?{proxy} \
             {look}"
        ),
        _ => format!("the TLS handshake with {address} failed: {error}. {look}"),
    })
}

/// Puts what TLS says into words.
pub(super) fn explain_tls(error: &Error, broker: &BrokerConfig) -> Trouble {
    let (address, look) = (Address(broker), look(broker));
    match error {
        Error::InvalidCertificate(error) => {
            Trouble::lasting(format!("the certificate of {address} {}. {look}", certificate(error, broker)))
        }
        Error::InvalidMessage(_) => Trouble::lasting(format!(
            "{address} does not speak TLS on this port; use `{}://` or the broker's TLS port. {look}",
            if broker.websocket_path.is_some() { "ws" } else { "mqtt" }
        )),
        Error::AlertReceived(alert) => explain_alert(*alert, broker),
        Error::PeerIncompatible(reason) => Trouble::lasting(format!(
            "{address} has no version or cipher of TLS in common with us ({reason:?}); enable TLS 1.2 or 1.3 there. {look}"
        )),
        error => Trouble::passing(format!("TLS with {address} failed: {error}. {look}")),
    }
}

/// What is wrong with the broker's certificate and what to do, as the rest of a sentence.
fn certificate(error: &CertificateError, broker: &BrokerConfig) -> String {
    let file = broker.tls.as_ref().and_then(|tls| tls.ca_file.as_ref());
    let trusted = match file {
        Some(file) => format!("the certificates in {}", file.display()),
        None => "the system's root certificates".to_owned(),
    };
    let name = server_name(broker);
    match error {
        // A CA that was made anew under its old name shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("is not signed by {trusted}; set `tls.ca_file` to that of the CA that signed it, or {ITSELF}")
        }
        CertificateError::NotValidForName => {
            format!("is not for `{name}`; set `tls.server_name` to a name that it has, or {ITSELF}")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.iter().take(5).map(|name| shown_name(name)).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            format!("is for {names}, and not for `{name}`; set `tls.server_name` to a name that it has, or {ITSELF}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired; renew it, or check the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; check the clocks of this machine and of the broker".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("is not for servers (extended key usage serverAuth); renew it for one, or {ITSELF}")
        }
        CertificateError::UnhandledCriticalExtension => {
            format!("has a critical extension that is not known here; renew it without, or {ITSELF}")
        }
        CertificateError::BadEncoding => "cannot be read as one of X.509; renew it".to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id: id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { signature_algorithm_id: id, .. } => {
            flaw(&Flaw::Signature(signature_name(id)), ITSELF)
        }
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<Flaw>() {
            Some(found) => flaw(found, ITSELF),
            None => format!("cannot be trusted: {inner}; renew it, or {ITSELF}"),
        },
        error => format!("cannot be trusted: {error}; renew it, or {ITSELF}"),
    }
}

fn flaw(flaw: &Flaw, itself: &str) -> String {
    match flaw {
        Flaw::Key(_) => {
            format!("cannot be used: {flaw}; have the broker use a certificate with RSA from 2048 bits or ECDSA P-256")
        }
        Flaw::Signature(_) => {
            format!("cannot be trusted: {flaw}; have it signed by RSA or ECDSA P-256 with SHA-256, or {itself}")
        }
        Flaw::Version1 | Flaw::Authority | Flaw::CommonNameOnly(_) => {
            format!("is not one for this server: {flaw}; {itself}, or renew it with a subjectAltName and CA:FALSE")
        }
        Flaw::Handshake => format!("is not that of who shows it: {flaw}; look who answers there"),
    }
}

/// A name as `rustls` tells it (`DnsName("a.example")`), as people write it.
fn shown_name(told: &str) -> String {
    let inner = told.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(told);
    format!("`{}`", inner.trim_matches('"').chars().filter(|c| !c.is_control()).take(100).collect::<String>())
}

/// A broker that asks for client certificates says no by an alert, with TLS 1.3 only after the handshake.
fn explain_alert(alert: AlertDescription, broker: &BrokerConfig) -> Trouble {
    use AlertDescription as Alert;
    let (address, look) = (Address(broker), look(broker));
    let client = broker.tls.as_ref().and_then(|tls| tls.client.as_ref());
    let is_of_certificate = matches!(
        alert,
        Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
    );
    Trouble::lasting(match (alert, client) {
        (Alert::ProtocolVersion, _) => {
            format!("{address} speaks neither TLS 1.2 nor 1.3; enable one of them there. {look}")
        }
        (Alert::UnrecognisedName, _) => format!(
            "{address} does not know the name `{}`; set `tls.server_name` to the one that it has. {look}",
            server_name(broker)
        ),
        (Alert::NoApplicationProtocol, _) => format!(
            "{address} takes none of the application protocols in `tls.alpn` ({}); correct them. {look}",
            broker.tls.as_ref().map(|tls| tls.alpn.join(", ")).unwrap_or_default()
        ),
        (_, None) if is_of_certificate => format!(
            "{address} demands a client certificate ({alert:?}); set `tls.cert_file` and `tls.key_file` to one that it \
             takes. {look}"
        ),
        (_, Some(client)) if is_of_certificate || alert == Alert::DecryptError => format!(
            "{address} does not take the client certificate in {} ({alert:?}); is it signed by the authority that the \
             broker trusts, and still valid? {look}",
            client.cert_file.display()
        ),
        // By TLS 1.2 there is no other word for a client certificate that is missing.
        (Alert::HandshakeFailure, None) => format!(
            "{address} refused the TLS handshake ({alert:?}): it has no version, cipher or kind of key in common with us, \
             or, by TLS 1.2, it demands a client certificate (`tls.cert_file`). {look}"
        ),
        _ => format!("{address} refused the TLS handshake ({alert:?}); look at the broker's log. {look}"),
    })
}

/// The line that shows the broker's certificate.
fn look(broker: &BrokerConfig) -> String {
    let proxy = broker.proxy.as_ref().and_then(|text| Proxy::parse(text.loaded()).ok());
    let proxy = proxy.map(|proxy| format!(" -proxy {}", proxy.address())).unwrap_or_default();
    let name = broker.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let name = name.map(|name| format!(" -servername {name}")).unwrap_or_default();
    let host = address(&broker.host, broker.port);
    format!(
        "To see it: openssl s_client -connect {host}{name}{proxy} -showcerts </dev/null | openssl x509 -noout -text"
    )
}
