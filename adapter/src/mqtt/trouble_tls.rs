//! What went wrong with TLS, in a plain sentence with the way out.

use std::io;

use rustls::{AlertDescription, CertificateError};

use super::trouble::{Address, Moment, Trouble, explain_io};
use crate::config::effective::BrokerConfig;

/// Brokers hang up on a TLS handshake that they do not expect.
pub(super) fn explain_handshake(error: &io::Error, broker: &BrokerConfig) -> Trouble {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Trouble::passing(format!(
            "{} closed the connection during the TLS handshake; does this port speak TLS?",
            Address(broker)
        )),
        _ => explain_io(error, broker, Moment::Connecting),
    }
}

pub(super) fn explain_tls(error: &rustls::Error, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let trusted = match broker.tls.as_ref().and_then(|tls| tls.ca_file.as_ref()) {
        Some(file) => format!("the certificates in {}", file.display()),
        None => "the system's root certificates".to_owned(),
    };
    match error {
        // A CA that was made anew under its old name shows as a bad signature.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Trouble::lasting(format!(
                "the certificate of {address} is not signed by {trusted}; set `tls.ca_file` to the CA that signed it"
            ))
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Trouble::lasting(format!(
            "the certificate of {address} is not for `{}`; use the name that the certificate has, or set \
             `tls.server_name` to it",
            broker.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(&broker.host)
        )),
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Trouble::lasting(format!(
                "the certificate of {address} has expired; renew it, or check the clock of this machine"
            ))
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => Trouble::lasting(format!(
            "the certificate of {address} is not valid yet; check the clocks of this machine and of the broker"
        )),
        rustls::Error::InvalidCertificate(reason) => {
            Trouble::lasting(format!("the certificate of {address} cannot be trusted: {reason}"))
        }
        rustls::Error::InvalidMessage(_) => Trouble::lasting(format!(
            "{address} does not speak TLS on this port; use `{}://` or the broker's TLS port",
            if broker.websocket_path.is_some() { "ws" } else { "mqtt" }
        )),
        rustls::Error::AlertReceived(alert) => explain_alert(*alert, broker),
        error => Trouble::passing(format!("TLS with {address} failed: {error}")),
    }
}

/// A broker that asks for client certificates says no by an alert, with TLS 1.3 only after the handshake.
fn explain_alert(alert: AlertDescription, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let certificate = broker.tls.as_ref().and_then(|tls| tls.client.as_ref());
    Trouble::lasting(match (alert, certificate) {
        (AlertDescription::CertificateRequired, None) => format!(
            "{address} demands a client certificate; set `tls.cert_file` and `tls.key_file` to one that it takes"
        ),
        (_, None) => format!("{address} refused the TLS handshake ({alert:?}); does it want a client certificate?"),
        (_, Some(client)) => format!(
            "{address} does not take the client certificate in {} ({alert:?}); is it signed by the authority that the \
             broker trusts, and still valid?",
            client.cert_file.display()
        ),
    })
}
