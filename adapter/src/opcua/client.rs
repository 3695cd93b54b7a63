//! The library's client: its settings, and one attempt to get a session from it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use opcua::{
    client::{Client, ClientBuilder, Session, SessionBuilder},
    sync::RwLock,
    types::{EndpointDescription, Error, StatusCode},
};
use tokio::{task::JoinError, time};
use tokio_util::task::AbortOnDropHandle;
use tracing::subscriber::NoSubscriber;

use super::{
    connector::PlcConnector,
    endpoint,
    problem::{Problem, Step},
};
use crate::config::effective::OpcUaConfig;

/// Bounds on what a server can make us hold. The library's own (1,000 elements, 320 KB) are smaller than one Publish
/// response of a busy server.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const MAX_CHUNKS: usize = MAX_MESSAGE_BYTES / 8192;
const MAX_ARRAY_LENGTH: usize = 1_000_000;
const MAX_STRING_BYTES: usize = 16 * 1024 * 1024;
/// The library renews the channel's token by the difference of two machines' clocks; over an hour, minutes of skew
/// neither let it expire nor renew it with every request.
const CHANNEL_LIFETIME: Duration = Duration::from_hours(1);

/// Sets up sessions. What it makes is thrown away whole when anything goes wrong with it.
pub(super) struct SessionFactory {
    client: Arc<Client>,
    config: OpcUaConfig,
}

/// A session and the task that drives it. The session is dead when the task ends.
pub(super) struct OpenSession {
    pub(super) session: Arc<Session>,
    pub(super) event_loop: AbortOnDropHandle<StatusCode>,
}

impl SessionFactory {
    /// Settles the client's settings; connects to nothing.
    pub(super) fn new(config: OpcUaConfig, adapter_id: &str) -> Self {
        let client = tracing::subscriber::with_default(NoSubscriber::default(), || client(&config, adapter_id));
        Self { client: Arc::new(client), config }
    }

    /// Asks for endpoints, chooses one, and sets up a session on it.
    pub(super) async fn open(&self) -> Result<OpenSession, Problem> {
        let offered = self.discover().await?;
        let endpoint = endpoint::choose(offered, &self.config)?;
        self.connect(endpoint).await
    }

    async fn discover(&self) -> Result<Vec<EndpointDescription>, Problem> {
        let connector = self.connector(&self.config.uri)?;
        let (client, discovery) = (Arc::clone(&self.client), connector.clone());
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

    async fn connect(&self, endpoint: EndpointDescription) -> Result<OpenSession, Problem> {
        let connector = self.connector(endpoint.endpoint_url.as_ref())?;
        let (session, event_loop) = self
            .build(endpoint, connector.clone())
            .map_err(|error| self.failure(&connector, Step::Connect, error.status()))?;
        // Its own reconnection brings sessions back to life in which no data flows.
        session.disable_reconnects();
        let mut event_loop = AbortOnDropHandle::new(tokio::spawn(event_loop.run()));
        let limit = self.patience();
        tokio::select! {
            ended = &mut event_loop => Err(match ended {
                Err(error) => panic_of(error),
                Ok(status) => self.failure(&connector, Step::Connect, status),
            }),
            _ = session.wait_for_connection() => Ok(OpenSession { session, event_loop }),
            () = time::sleep(limit) => Err(Problem::Timeout { step: Step::Connect, limit }),
        }
    }

    fn build(
        &self,
        endpoint: EndpointDescription,
        connector: PlcConnector,
    ) -> Result<(Arc<Session>, opcua::client::SessionEventLoop<PlcConnector>), Error> {
        let builder: SessionBuilder<'_> = self.client.session_builder();
        let store: &Arc<RwLock<_>> = self.client.certificate_store();
        builder
            .connect_to_endpoint_directly(endpoint)?
            .user_identity_token(endpoint::identity(&self.config.auth))
            .with_connector(connector)
            .build(Arc::clone(store))
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
            .unwrap_or_else(|| Problem::service(step, status, self.config.connection.request_timeout))
    }
}

/// The end of the library's task as a problem.
pub(super) fn end_of(ended: Result<StatusCode, JoinError>) -> Problem {
    match ended {
        Err(error) => panic_of(error),
        Ok(status) if status.is_good() => {
            Problem::Lost { status: super::status::from_library(StatusCode::BadConnectionClosed) }
        }
        Ok(status) => Problem::Lost { status: super::status::from_library(status) },
    }
}

fn panic_of(error: JoinError) -> Problem {
    let reason = match error.try_into_panic() {
        Err(error) => error.to_string(),
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned()),
    };
    Problem::Panic { reason }
}

fn client(config: &OpcUaConfig, adapter_id: &str) -> Client {
    let connection = &config.connection;
    let milliseconds = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    // Without security there are no certificates, and the library would make directories for them: below a file it
    // cannot, and it gets by without.
    let file = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/dev/null"));
    let no_directory = file.join("no-pki");
    let builder = ClientBuilder::new()
        .application_name("Tagwise")
        .application_uri(format!("urn:tagwise:{adapter_id}"))
        .product_uri("urn:tagwise")
        .session_name(format!("tagwise-{adapter_id}"))
        .pki_dir(no_directory)
        .create_sample_keypair(false)
        .recreate_subscriptions(false)
        .session_retry_limit(0)
        .session_timeout(milliseconds(connection.session_timeout))
        .request_timeout(connection.request_timeout)
        .keep_alive_interval(connection.keep_alive_interval)
        .max_failed_keep_alive_count(u64::from(connection.keep_alive_failures_allowed) + 1)
        .channel_lifetime(milliseconds(CHANNEL_LIFETIME))
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_chunk_count(MAX_CHUNKS)
        .max_array_length(MAX_ARRAY_LENGTH)
        .max_string_length(MAX_STRING_BYTES)
        .max_byte_string_length(MAX_STRING_BYTES);
    Client::new(builder.into_config())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::test_support;

    #[test]
    fn the_library_leaves_no_directory_behind() {
        let factory = SessionFactory::new(test_support::config("opc.tcp://plc"), "a");
        let store = factory.client.certificate_store().read();
        assert!(!store.rejected_certs_dir().exists());
        assert!(!std::path::Path::new("pki").exists());
    }

    #[tokio::test]
    async fn a_panic_keeps_its_words() {
        let error = tokio::spawn(async { panic!("at the {}th byte", 7) }).await.map(|()| StatusCode::Good).unwrap_err();
        assert_eq!(end_of(Err(error)), Problem::Panic { reason: "at the 7th byte".into() });
    }
}
