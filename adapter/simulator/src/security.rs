//! Secure endpoints of the simulated PLC: every policy in both modes, with a certificate of its own.

use std::path::PathBuf;

use opcua::crypto::SecurityPolicy;
use opcua::server::{ServerBuilder, ServerEndpoint, ServerUserToken};
use opcua::types::MessageSecurityMode;

/// How the PLC is secured, besides its endpoint without security.
#[derive(Debug, Clone)]
pub struct PlcSecurity {
    /// Where its certificate is, or is made at the first start: `own/cert.der`, `private/private.pem`; `trusted/` and
    /// `rejected/` hold those of clients.
    pub pki_dir: PathBuf,
    /// Whether a client whose certificate is not in `trusted/` is let in all the same.
    pub trusts_every_client: bool,
    /// The certificate of a user, DER or PEM, who may come besides the others.
    pub user_certificate: Option<PathBuf>,
    /// Whether the endpoint without security is left out.
    pub is_secure_only: bool,
}

impl PlcSecurity {
    /// With certificates in a directory; every client is trusted.
    pub fn new(pki_dir: impl Into<PathBuf>) -> Self {
        Self { pki_dir: pki_dir.into(), trusts_every_client: true, user_certificate: None, is_secure_only: false }
    }
}

/// The user token of a certificate; clients never see the name.
const CERTIFICATE_USER: &str = "certificate";

/// Every policy with security, deprecated ones included, since PLCs have them.
const POLICIES: [SecurityPolicy; 5] = [
    SecurityPolicy::Basic128Rsa15,
    SecurityPolicy::Basic256,
    SecurityPolicy::Basic256Sha256,
    SecurityPolicy::Aes128Sha256RsaOaep,
    SecurityPolicy::Aes256Sha256RsaPss,
];

/// Adds the endpoints; `token` is the user token that the plain endpoint has too.
pub(crate) fn secure(mut builder: ServerBuilder, security: &PlcSecurity, token: &str) -> ServerBuilder {
    let mut tokens = vec![token.to_owned()];
    if let Some(path) = &security.user_certificate {
        builder = builder.add_user_token(CERTIFICATE_USER, ServerUserToken::x509(CERTIFICATE_USER, path));
        tokens.push(CERTIFICATE_USER.to_owned());
    }
    for policy in POLICIES {
        for mode in [MessageSecurityMode::Sign, MessageSecurityMode::SignAndEncrypt] {
            let name = format!("{policy} {mode:?}");
            builder = builder.add_endpoint(name, ServerEndpoint::new("", policy, mode, &tokens));
        }
    }
    builder.pki_dir(&security.pki_dir).create_sample_keypair(true).trust_client_certs(security.trusts_every_client)
}
