//! From the mapping to a session that is activated: endpoints are asked for, one is chosen, its certificate is judged,
//! and only then anything of ours is shown.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use opcua::types::{EndpointDescription, NodeId};
use tokio::time;
use tracing::debug;

use super::{
    handshake::{self, Identity, Terms},
    services::Services,
};
use crate::{
    config::effective::{OpcUaAuth, OpcUaConfig, Security},
    opcua::{
        codec::session::CreatedSession,
        connect::{channel::Channel, dial, discover::discover, endpoint, secure::Certificates},
        pki::{OwnCertificate, expiry::ExpiryWatch, keys},
        problem::Problem,
    },
};

/// A server that has taken the connection says hello at once, or is not there any more; waiting longer would only delay
/// the next attempt.
const HELLO_TIME: Duration = Duration::from_secs(5);
/// What a server may grant that counts.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);

/// Sets up sessions. What it makes is thrown away whole when anything goes wrong with it.
pub(in crate::opcua) struct SessionFactory {
    config: OpcUaConfig,
    adapter_id: String,
    certificates: Arc<Certificates>,
}

impl SessionFactory {
    /// Settles the settings; connects to nothing.
    pub(in crate::opcua) fn new(config: OpcUaConfig, adapter_id: &str) -> Self {
        let certificates = Arc::new(Certificates::new(&config, adapter_id));
        Self { config, adapter_id: adapter_id.to_owned(), certificates }
    }

    /// Tells of the certificates in use.
    pub(in crate::opcua) fn watched_by(self, watch: Arc<ExpiryWatch>) -> Self {
        let certificates = Certificates::new(&self.config, &self.adapter_id).watched_by(watch);
        Self { certificates: Arc::new(certificates), ..self }
    }

    /// A session; with security only after both certificates are there and the server's is trusted.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::opcua) async fn open(&self) -> Result<OpenSession, Problem> {
        contained(Box::pin(self.open_uncontained())).await
    }

    async fn open_uncontained(&self) -> Result<OpenSession, Problem> {
        let Some(security) = self.config.security else {
            let endpoint = endpoint::choose(self.discover().await?, &self.config)?;
            let uri = format!("urn:tagwise:{}", self.adapter_id);
            // Without security nobody vouches for it, and a password that is encrypted for it is still better kept.
            let server = handshake::leaf(endpoint.server_certificate.as_ref());
            return OpenSession::set_up(Terms { server, ..self.terms(endpoint, uri)? }, None).await;
        };
        // Before anything else, so that its thumbprint is known while the server cannot yet be reached.
        let own = self.certificates.own().await?;
        let mut endpoint = endpoint::choose(self.discover().await?, &self.config)?;
        let judged = Judged { certificates: Arc::clone(&self.certificates), endpoint: endpoint.clone(), security };
        self.certificates.judge(&mut endpoint, security).await?;
        let about_own = |problem: Problem| problem.about_certificate(&own.certificate.thumbprint);
        let secured = endpoint::secured(&own, &endpoint, security)?;
        let uri = own.certificate.application_uri().unwrap_or_default().to_owned();
        let server = Ok((secured.server_certificate.clone(), secured.server_key.clone()));
        let terms = Terms { security: Some(secured), server, ..self.terms(endpoint, uri)? };
        OpenSession::set_up(terms, Some(judged)).await.map_err(about_own)
    }

    async fn discover(&self) -> Result<Vec<EndpointDescription>, Problem> {
        discover(&self.config.uri, self.config.connection.request_timeout).await
    }

    fn terms(&self, endpoint: EndpointDescription, application_uri: String) -> Result<Terms, Problem> {
        Ok(Terms {
            url: endpoint.endpoint_url.as_ref().to_owned(),
            is_advertised: !self.config.keeps_own_address,
            security: None,
            server: Err("there is none".to_owned()),
            identity: identity(&self.config.auth)?,
            token: endpoint.user_identity_tokens.into_iter().flatten().next().unwrap_or_default(),
            application_uri,
            session_name: format!("tagwise-{}", self.adapter_id),
            session_timeout: self.config.connection.session_timeout,
            request_timeout: self.config.connection.request_timeout,
        })
    }
}

/// Reads the files of a user with a certificate.
fn identity(auth: &OpcUaAuth) -> Result<Identity, Problem> {
    Ok(match auth {
        OpcUaAuth::Anonymous => Identity::Anonymous,
        OpcUaAuth::Basic { username, password } => {
            Identity::UserName { name: username.clone(), password: password.clone() }
        }
        OpcUaAuth::X509 { certificate, private_key } => {
            let user = OwnCertificate::load_files(certificate, private_key)?;
            Identity::Certificate {
                certificate: user.certificate.der().to_vec(),
                key: Box::new(keys::private_key(&user)?),
            }
        }
    })
}

/// Makes a panic in the library's cryptography a problem of this connection alone: what was begun is dropped with it.
async fn contained<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(Problem::Panic { reason: message_of(&*panic) }))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// What a new connection is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Resumed {
    /// The session of before lives on in it.
    SameSession,
    /// The server knows nothing of the session of before; there is a new one.
    NewSession,
}

/// What a server's certificate was judged by, kept so that it can be judged again: it may have been withdrawn, or have
/// expired.
struct Judged {
    certificates: Arc<Certificates>,
    /// As the server described it, issuers included.
    endpoint: EndpointDescription,
    security: Security,
}

impl Judged {
    async fn again(&self) -> Result<(), Problem> {
        self.certificates.judge(&mut self.endpoint.clone(), self.security).await
    }
}

/// A session that is activated, on a connection that may be made anew below it.
pub(in crate::opcua) struct OpenSession {
    pub(in crate::opcua) services: Services,
    /// How long the server keeps it without a word, as it has granted.
    pub(in crate::opcua) timeout: Duration,
    terms: Terms,
    /// Without security there is nothing to judge.
    judged: Option<Judged>,
    /// The server's nonce, which the next activation has to sign.
    nonce: Vec<u8>,
}

impl OpenSession {
    async fn set_up(terms: Terms, judged: Option<Judged>) -> Result<Self, Problem> {
        let channel = connect(&terms).await?;
        let (created, nonce) = begin(&channel, &terms).await?;
        channel.trust();
        let timeout = granted(created.revised_session_timeout, terms.session_timeout);
        debug!(session = %created.session_id, ?timeout, "a session was made");
        let services =
            Services::new(Arc::new(ArcSwap::from(channel)), created.authentication_token, terms.request_timeout);
        Ok(Self { services, timeout, terms, judged, nonce })
    }

    /// Waits until the connection is lost, and says why.
    pub(in crate::opcua) async fn lost(&self) -> Problem {
        self.services.channel().ended().await
    }

    /// Cuts the connection without a word to the server, which keeps the session and what it has queued.
    pub(in crate::opcua) fn cut(&self) {
        self.services.channel().cut();
    }

    /// Judges the server's certificate again and opens a new secure channel, of which the session knows nothing yet: it
    /// can be tried again and again without asking anything of the session.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::opcua) async fn reconnect(&self) -> Result<Arc<Channel>, Problem> {
        contained(Box::pin(async {
            self.cut();
            if let Some(judged) = &self.judged {
                judged.again().await?;
            }
            connect(&self.terms).await
        }))
        .await
    }

    /// Activates the session on a new channel; where the server has forgotten it, a new one.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::opcua) async fn resume(&mut self, channel: Arc<Channel>) -> Result<Resumed, Problem> {
        contained(Box::pin(self.resume_uncontained(channel))).await
    }

    async fn resume_uncontained(&mut self, channel: Arc<Channel>) -> Result<Resumed, Problem> {
        let token = self.services.authentication_token();
        match handshake::activate(&channel, &self.terms, &token, &self.nonce).await {
            Ok(nonce) => {
                self.nonce = nonce;
                channel.trust();
                self.services.renew(channel, None);
                Ok(Resumed::SameSession)
            }
            Err(Problem::Service { status, .. }) if is_forgotten(status) => {
                let (created, nonce) = begin(&channel, &self.terms).await?;
                self.nonce = nonce;
                self.timeout = granted(created.revised_session_timeout, self.terms.session_timeout);
                channel.trust();
                self.services.renew(channel, Some(created.authentication_token));
                Ok(Resumed::NewSession)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Takes leave of the server, which would otherwise keep the session until its timeout.
    pub(in crate::opcua) async fn close(&self, limit: Duration) {
        let channel = self.services.channel();
        if channel.has_ended() {
            return;
        }
        let token = self.services.authentication_token();
        let orderly = async {
            if let Err(error) = handshake::close(&channel, &token, limit).await {
                debug!(%error, "the session was not closed in good order");
            }
            channel.close().await;
        };
        if time::timeout(limit, orderly).await.is_err() {
            debug!("the server did not answer the end of the session");
        }
    }
}

async fn connect(terms: &Terms) -> Result<Arc<Channel>, Problem> {
    let dialled = dial::dial(&terms.url, terms.request_timeout).await;
    let dialled = if terms.is_advertised { dialled.map_err(Problem::about_advertised) } else { dialled };
    let stream = dialled?;
    let (security, limit) = (terms.security.clone(), terms.request_timeout);
    Channel::open(stream, &terms.url, security, HELLO_TIME.min(limit), limit).await
}

/// Makes and activates a session, once the server has proved who it is. One that does not come so far is closed: a small
/// PLC has ten.
async fn begin(channel: &Channel, terms: &Terms) -> Result<(CreatedSession, Vec<u8>), Problem> {
    let (created, nonce) = handshake::create(channel, terms).await?;
    let activated = match handshake::prove(terms, &created, &nonce) {
        Ok(()) => handshake::activate(channel, terms, &created.authentication_token, &created.server_nonce).await,
        Err(problem) => Err(problem),
    };
    match activated {
        Ok(nonce) => Ok((created, nonce)),
        Err(problem) => {
            let leave = leave(channel, &created.authentication_token);
            time::timeout(HELLO_TIME.min(terms.request_timeout), leave).await.ok();
            Err(problem)
        }
    }
}

async fn leave(channel: &Channel, token: &NodeId) {
    if let Err(error) = handshake::close(channel, token, HELLO_TIME).await {
        debug!(%error, "a session that was not activated was not closed");
    }
    channel.close().await;
}

/// Whether the session of before is gone, and not only out of reach.
fn is_forgotten(status: crate::domain::StatusCode) -> bool {
    use opcua::types::StatusCode as Code;
    matches!(
        Code::from(status.without_info_bits().0),
        Code::BadSessionIdInvalid
            | Code::BadSessionClosed
            | Code::BadSessionNotActivated
            | Code::BadSecurityChecksFailed
            | Code::BadApplicationSignatureInvalid
            | Code::BadNonceInvalid
    )
}

/// What the server says it grants, where that is a time.
fn granted(milliseconds: f64, asked: Duration) -> Duration {
    let granted = Duration::try_from_secs_f64(milliseconds / 1_000.0).unwrap_or(asked);
    if granted.is_zero() { asked } else { granted.clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_of_this_connection() {
        let zero = std::hint::black_box(0_u32);
        let panicked = contained(async { Ok(1 / zero) }).await;
        let said = |word: &str| matches!(&panicked, Err(Problem::Panic { reason }) if reason.contains(word));
        assert!(said("divide by zero"), "{panicked:?}");
        assert_eq!(contained(async { Ok(7) }).await, Ok(7));
    }

    #[test]
    fn only_a_time_is_granted() {
        let asked = Duration::from_mins(2);
        let check = |milliseconds, expected| assert_eq!(granted(milliseconds, asked), expected, "{milliseconds}");
        check(10_000.0, Duration::from_secs(10));
        check(4.0, SHORTEST_TIMEOUT);
        check(1e21, asked.max(LONGEST_TIMEOUT));
        for nonsense in [f64::NAN, -1.0, 0.0, f64::NEG_INFINITY] {
            check(nonsense, asked);
        }
        check(f64::INFINITY, asked);
    }
}
