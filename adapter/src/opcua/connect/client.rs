//! The library's client: its settings, and one attempt to get a session from it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use opcua::{
    client::{Client, ClientBuilder, ClientConfig, IdentityToken, Session, SessionBuilder, SessionEventLoop},
    types::{EndpointDescription, Error, StatusCode},
};
use tokio::time;
use tokio_util::task::AbortOnDropHandle;
use tracing::subscriber::NoSubscriber;

use crate::config::effective::OpcUaConfig;
use crate::opcua::{
    connect::connector::PlcConnector,
    connect::endpoint,
    connect::secure::Certificates,
    connect::wire::{Wire, panic_of},
    pki::expiry::ExpiryWatch,
    pki::library::LibraryFiles,
    problem::{Problem, Step},
    value::structure::type_loaders,
};

/// Bounds on what a server can make us hold. The library's own (1,000 elements, 320 KB) are smaller than one Publish
/// response of a busy server.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const MAX_CHUNKS: usize = MAX_MESSAGE_BYTES / 8192;
const MAX_ARRAY_LENGTH: usize = 1_000_000;
const MAX_STRING_BYTES: usize = 16 * 1024 * 1024;
/// The library renews the channel's token by the difference of two machines' clocks; over an hour, minutes of skew
/// neither let it expire nor renew it with every request.
const CHANNEL_LIFETIME: Duration = Duration::from_hours(1);
/// The library's words for how often it may try again.
const ENDLESS: i32 = -1;
const ONE_ATTEMPT: i32 = 0;

/// Sets up sessions. What it makes is thrown away whole when anything goes wrong with it.
pub(in crate::opcua) struct SessionFactory {
    /// Knows no certificates: it sets up sessions without security.
    plain: Client,
    /// Asks for endpoints. The library makes attempts of its own there, which for a session are ours to make.
    discovery: Arc<Client>,
    config: OpcUaConfig,
    adapter_id: String,
    certificates: Certificates,
}

/// A session and what drives its connection.
pub(in crate::opcua) struct OpenSession {
    pub(in crate::opcua) session: Arc<Session>,
    pub(in crate::opcua) wire: Wire,
}

/// What a client with security needs.
struct Secured {
    /// The application's URI, as in its certificate.
    uri: String,
    files: LibraryFiles,
}

impl SessionFactory {
    /// Settles the client's settings; connects to nothing.
    pub(in crate::opcua) fn new(config: OpcUaConfig, adapter_id: &str) -> Self {
        let plain = client(&config, adapter_id, ENDLESS, None);
        let discovery = Arc::new(client(&config, adapter_id, ONE_ATTEMPT, None));
        let certificates = Certificates::new(&config, adapter_id);
        Self { plain, discovery, config, adapter_id: adapter_id.to_owned(), certificates }
    }

    /// Tells of the certificates in use.
    pub(in crate::opcua) fn watched_by(self, watch: Arc<ExpiryWatch>) -> Self {
        Self { certificates: self.certificates.watched_by(watch), ..self }
    }

    /// Asks for endpoints, chooses one, and sets up a session on it; with security only after both certificates are
    /// there and the server's is trusted.
    pub(in crate::opcua) async fn open(&self) -> Result<OpenSession, Problem> {
        let Some(security) = self.config.security else {
            let endpoint = endpoint::choose(self.discover().await?, &self.config)?;
            let wants_encryption = endpoint::encrypts_password(&endpoint);
            return self.connect(&self.plain, endpoint).await.map_err(|problem| match problem {
                // A server may promise a certificate in its endpoints and give none to the session; the library then
                // has nothing to encrypt with, and does not expect that.
                Problem::Panic { .. } if wants_encryption => Problem::NoKeyForPassword,
                problem => problem,
            });
        };
        // Before anything else, so that its thumbprint is known while the server cannot yet be reached.
        let own = self.certificates.own().await?;
        let mut endpoint = endpoint::choose(self.discover().await?, &self.config)?;
        let files = self.certificates.judge(&own, &mut endpoint, security).await?;
        let secured = Secured { uri: own.certificate.application_uri().unwrap_or_default().to_owned(), files };
        let client = client(&self.config, &self.adapter_id, ENDLESS, Some(&secured));
        let connected = self.connect(&client, endpoint).await;
        connected.map_err(|problem| problem.about_certificate(&own.certificate.thumbprint))
    }

    async fn discover(&self) -> Result<Vec<EndpointDescription>, Problem> {
        let connector = self.connector(&self.config.uri)?;
        let (client, discovery) = (Arc::clone(&self.discovery), connector.clone());
        // In a task of its own, since the library decodes what a stranger sends and may panic at it.
        let task = AbortOnDropHandle::new(tokio::spawn(async move { client.get_endpoints(discovery, &[], &[]).await }));
        let limit = self.patience();
        match time::timeout(limit, task).await {
            Err(_) => Err(Problem::Timeout { step: Step::Discover, limit }),
            Ok(Err(error)) => Err(panic_of(error)),
            Ok(Ok(Err(error))) => Err(self.failure(&connector, Step::Discover, error.status())),
            Ok(Ok(Ok(endpoints))) => Ok(endpoints),
        }
    }

    async fn connect(&self, client: &Client, endpoint: EndpointDescription) -> Result<OpenSession, Problem> {
        let connector = self.connector(endpoint.endpoint_url.as_ref())?;
        let identity = endpoint::identity(&self.config.auth)?;
        let (session, event_loop) = build(client, endpoint, identity, connector.clone())
            .map_err(|error| self.failure(&connector, Step::Connect, error.status()))?;
        *session.encoding_context().write().loaders_mut() = type_loaders();
        let connection = &self.config.connection;
        let failures_allowed = connection.keep_alive_failures_allowed;
        let mut wire = Wire::new(event_loop, connector, connection.request_timeout, failures_allowed);
        wire.connect().await?;
        Ok(OpenSession { session, wire })
    }

    fn connector(&self, url: &str) -> Result<PlcConnector, Problem> {
        PlcConnector::new(url, self.config.connection.request_timeout)
    }

    /// Several requests follow one another in each step.
    fn patience(&self) -> Duration {
        2 * self.config.connection.request_timeout
    }

    /// The TCP connection knows better than the StatusCode why there is none.
    fn failure(&self, connector: &PlcConnector, step: Step, status: StatusCode) -> Problem {
        connector
            .take_failure()
            .unwrap_or_else(|| Problem::of_status(step, status, self.config.connection.request_timeout))
    }
}

fn build(
    client: &Client,
    endpoint: EndpointDescription,
    identity: IdentityToken,
    connector: PlcConnector,
) -> Result<(Arc<Session>, SessionEventLoop<PlcConnector>), Error> {
    let builder: SessionBuilder<'_> = client.session_builder();
    builder
        .connect_to_endpoint_directly(endpoint)?
        .user_identity_token(identity)
        .with_connector(connector)
        .build(Arc::clone(client.certificate_store()))
}

/// The library's client, with certificates or without. It complains about missing ones, where none are needed.
fn client(config: &OpcUaConfig, adapter_id: &str, retry_limit: i32, secured: Option<&Secured>) -> Client {
    let settings = settings(config, adapter_id, retry_limit, secured);
    tracing::subscriber::with_default(NoSubscriber::default(), || Client::new(settings))
}

fn settings(config: &OpcUaConfig, adapter_id: &str, retry_limit: i32, secured: Option<&Secured>) -> ClientConfig {
    let connection = &config.connection;
    let milliseconds = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    let builder = ClientBuilder::new();
    let builder = match secured {
        None => {
            // Without security there are no certificates, and the library would make directories for them: below a
            // file it cannot, and it gets by without.
            let file = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/dev/null"));
            builder.application_uri(format!("urn:tagwise:{adapter_id}")).pki_dir(file.join("no-pki"))
        }
        // Judged already: its own checks of names refuse what we take.
        Some(Secured { uri, files }) => builder
            .application_uri(uri)
            .pki_dir(&files.directory)
            .certificate_path(&files.certificate)
            .private_key_path(&files.key)
            .verify_server_certs(false),
    };
    let builder = builder
        .application_name("Tagwise")
        .product_uri("urn:tagwise")
        .session_name(format!("tagwise-{adapter_id}"))
        .create_sample_keypair(false)
        .recreate_subscriptions(false)
        // Every attempt to connect is made when the link says so, and not by the library's clock.
        .session_retry_limit(retry_limit)
        .session_retry_initial(Duration::ZERO)
        .session_retry_max(Duration::ZERO)
        .session_timeout(milliseconds(connection.session_timeout))
        .request_timeout(connection.request_timeout)
        .keep_alive_interval(connection.keep_alive_interval)
        // The library would close the session, and with it all that the server has queued.
        .max_failed_keep_alive_count(0)
        .channel_lifetime(milliseconds(CHANNEL_LIFETIME))
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_chunk_count(MAX_CHUNKS)
        .max_array_length(MAX_ARRAY_LENGTH)
        .max_string_length(MAX_STRING_BYTES)
        .max_byte_string_length(MAX_STRING_BYTES);
    builder.into_config()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support;

    #[test]
    fn the_library_leaves_no_directory_behind() {
        let factory = SessionFactory::new(test_support::config("opc.tcp://plc"), "a");
        let store = factory.plain.certificate_store().read();
        assert!(!store.rejected_certs_dir().exists());
        assert!(!std::path::Path::new("pki").exists());
    }
}
