//! Whom we believe to be the broker: who shows a certificate that an authority has signed for the name, or one that lies
//! in `ca_file` itself.
//!
//! The usual lines of openssl make certificates that strict libraries refuse: of X.509 version 1, of an authority, with a
//! name in the subject only. Whoever puts such a one into `ca_file` byte for byte means just this one, so that name and
//! purpose say nothing more. It still expires, and the handshake has to be signed with its key.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::certificate::{Flaw, Shown, signature_name};

/// Whom we believe to be the broker.
#[derive(Debug)]
pub(super) struct Trust {
    /// `None` when no authority is trusted, but only certificates as they are.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that are accepted as they are.
    pins: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    /// Trusts authorities for any name, and certificates as they are.
    pub(super) fn new(
        authorities: RootCertStore,
        pins: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        // It fails only without authorities, since there are no revocation lists.
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(provider)).build().ok();
        Self { authorities, pins, algorithms }
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pins.iter().any(|pin| pin.as_ref() == certificate.as_ref())
    }

    /// Verifies with the key of a pinned certificate, which the library's own way may not be able to read.
    fn verify_pinned(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        is_first_only: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let shown = Shown::read(certificate).ok_or(CertificateError::BadEncoding)?;
        let kind = shown.key_algorithm().ok_or(CertificateError::BadEncoding)?;
        let candidates = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let candidates = candidates.map_or(&[][..], |(_, candidates)| candidates);
        let candidates = if is_first_only { candidates.get(..1).unwrap_or_default() } else { candidates };
        candidates
            .iter()
            .filter(|candidate| candidate.public_key_alg_id().as_ref() == kind)
            .find(|candidate| candidate.verify_signature(shown.key(), message, signed.signature()).is_ok())
            .map(|_| HandshakeSignatureValid::assertion())
            .ok_or_else(|| flaw(Flaw::Handshake))
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Shown::read(end_entity);
        if let Some(key) = shown.as_ref().and_then(Shown::unverifiable_key) {
            return Err(flaw(Flaw::Key(key)));
        }
        if self.is_pinned(end_entity) {
            return check_validity(&shown.ok_or(CertificateError::BadEncoding)?, now);
        }
        let Some(authorities) = &self.authorities else { return Err(CertificateError::UnknownIssuer.into()) };
        authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| in_other_words(error, shown.as_ref()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_pinned(certificate) {
            return self.verify_pinned(message, certificate, signed, false);
        }
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_pinned(certificate) {
            return self.verify_pinned(message, certificate, signed, true);
        }
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        // Not that these were verified: without them the server would hang up before it has shown a certificate whose
        // key we could name.
        schemes.extend([SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448]);
        schemes
    }
}

fn check_validity(shown: &Shown, now: UnixTime) -> Result<ServerCertVerified, Error> {
    let (from, until) = shown.validity();
    let instant = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    if now.as_secs() < from {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: instant(from) }.into());
    }
    if now.as_secs() > until {
        return Err(CertificateError::ExpiredContext { time: now, not_after: instant(until) }.into());
    }
    Ok(ServerCertVerified::assertion())
}

fn flaw(flaw: Flaw) -> Error {
    CertificateError::Other(OtherError(Arc::new(flaw))).into()
}

/// Says what it is that the library only calls something else.
fn in_other_words(error: Error, shown: Option<&Shown>) -> Error {
    let (Error::InvalidCertificate(kind), Some(shown)) = (&error, shown) else { return error };
    let found = match kind {
        _ if shown.is_version_1() => Some(Flaw::Version1),
        CertificateError::Other(_) if shown.is_authority() => Some(Flaw::Authority),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            shown.only_common_name().map(Flaw::CommonNameOnly)
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id: id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { signature_algorithm_id: id, .. } => {
            Some(Flaw::Signature(signature_name(id)))
        }
        _ => None,
    };
    found.map_or(error, flaw)
}
