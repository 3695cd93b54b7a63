//! The certificates of a secure connection: ours is there, and the server's is trusted, before it is set up.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use opcua::types::EndpointDescription;
use tokio::task;
use tracing::{info, warn};

use crate::opcua::{
    connect::dial,
    connect::endpoint,
    pki::expiry::{ExpiryWatch, Whose},
    pki::{
        self, Certificate, OwnCertificate, PkiError, Store, chain,
        remembered::RememberedServer,
        trust::{self, Distrust, Question},
    },
    problem::Problem,
};
use crate::{
    config::effective::{OpcUaConfig, Security},
    domain::Timestamp,
};

/// Our certificate, and the decision about the server's. All files are read anew at each attempt, so that what a person
/// changes counts without a restart.
pub(in crate::opcua) struct Certificates {
    store: Store,
    work_dir: PathBuf,
    uri: String,
    application_uri: Option<String>,
    application_uri_of_server: Option<String>,
    adapter_id: String,
    watch: Option<Arc<ExpiryWatch>>,
    said: Mutex<Said>,
}

/// What the log has said already.
#[derive(Debug, Default)]
struct Said {
    own: String,
    oddities: Vec<String>,
}

impl Certificates {
    pub(in crate::opcua) fn new(config: &OpcUaConfig, adapter_id: &str) -> Self {
        Self {
            store: Store::new(&config.pki_dir),
            work_dir: config.work_dir.clone(),
            uri: config.uri.clone(),
            application_uri: config.application_uri.clone(),
            application_uri_of_server: config.application_uri_of_server.clone(),
            adapter_id: adapter_id.to_owned(),
            watch: None,
            said: Mutex::default(),
        }
    }

    pub(in crate::opcua) fn watched_by(self, watch: Arc<ExpiryWatch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Our certificate; a new one where there is none.
    pub(in crate::opcua) async fn own(&self) -> Result<OwnCertificate, Problem> {
        let identity = pki::own::identity(self.application_uri.as_deref(), &self.adapter_id, now());
        let store = self.store.clone();
        let (own, is_new) = in_background(move || {
            Ok(match OwnCertificate::load(&store)? {
                Some(own) => (own, false),
                None => (OwnCertificate::generate(&store, &identity, false)?, true),
            })
        })
        .await?;
        let found = own.certificate.application_uri().unwrap_or_default();
        if let Some(wanted) = self.application_uri.as_deref().filter(|wanted| *wanted != found) {
            let reason = format!(
                "this client's certificate is for the application {found:?}, and `opcua.application_uri` is {wanted:?}; remove that key, or make a new certificate with `tagwise certs generate --renew --application-uri {wanted}`"
            );
            return Err(Problem::Pki { reason });
        }
        self.tell_own(&own, is_new);
        Ok(own)
    }

    fn tell_own(&self, own: &OwnCertificate, is_new: bool) {
        let Certificate { thumbprint, .. } = &own.certificate;
        let mut said = self.lock();
        if said.own != *thumbprint {
            thumbprint.clone_into(&mut said.own);
            let file = own.path.display();
            if is_new {
                info!(%file, thumbprint, "made a certificate for this client; the server has to trust it: import the file there, or trust it after the first attempt to connect, when it waits among the rejected ones");
            } else {
                info!(%file, thumbprint, "this client's certificate");
            }
        }
        if let Some(watch) = &self.watch {
            watch.saw(Whose::Own, &own.certificate);
        }
    }

    /// Decides about the certificate of an endpoint. What is left in the endpoint is what was judged: the
    /// leaf as it came.
    pub(in crate::opcua) async fn judge(
        &self,
        endpoint: &mut EndpointDescription,
        security: Security,
    ) -> Result<(), Problem> {
        let shown = endpoint.server_certificate.as_ref();
        let (server, issuers) = chain::split(shown).map_err(|reason| Problem::ServerCertificate { reason })?;
        endpoint.server_certificate = server.der().into();
        let store = self.store.clone();
        let application_uri = endpoint.server.application_uri.as_ref().to_owned();
        let configured_uri = self.application_uri_of_server.clone();
        let (host, port) = dial::host_and_port(&self.uri).unwrap_or_default();
        let known = RememberedServer::new(&self.work_dir, &host, port);
        let certificate = server.clone();
        let judgement = in_background(move || {
            let remembered_uri = known.application_uri()?;
            let question = Question {
                certificate: &certificate,
                issuers: &issuers,
                application_uri: &application_uri,
                configured_uri: configured_uri.as_deref(),
                remembered_uri: remembered_uri.as_deref(),
                host: &host,
                key_bits: endpoint::key_bits(security.policy),
                now: now(),
            };
            match trust::judge(&question, &store.trusted()?, store.directory()) {
                Ok(trust) => Ok(Ok(known.keep(trust))),
                Err(distrust) => Ok(Err(keep(&store, &certificate, distrust))),
            }
        })
        .await?;
        let oddities = judgement?;
        self.tell_oddities(oddities);
        if let Some(watch) = &self.watch {
            watch.saw(Whose::Server, &server);
        }
        Ok(())
    }

    fn tell_oddities(&self, oddities: Vec<String>) {
        let mut said = self.lock();
        if said.oddities != oddities {
            for oddity in &oddities {
                warn!("{oddity}; it is trusted all the same");
            }
            said.oddities = oddities;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what can be trusted where the command that trusts it looks for it.
fn keep(store: &Store, certificate: &Certificate, distrust: Distrust) -> Problem {
    match store.add_rejected(certificate) {
        Err(error) if distrust.can_be_trusted() => {
            Problem::Pki { reason: format!("{distrust}; but first: the certificate could not be kept: {error}") }
        }
        _ => Problem::Distrust(distrust),
    }
}

/// Files and keys take their time, and no worker is to wait for them.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PkiError> + Send + 'static,
) -> Result<T, Problem> {
    match task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(Problem::Panic { reason: error.to_string() }),
    }
}

impl From<PkiError> for Problem {
    fn from(error: PkiError) -> Self {
        Self::Pki { reason: error.to_string() }
    }
}

fn now() -> i64 {
    Timestamp::now().unix_millis() / 1_000
}
