//! What can go wrong with a session, each in a plain sentence with the way out.

use std::{borrow::Cow, io, time::Duration};

use thiserror::Error;

use crate::opcua::{
    pki::certificate::harmless, pki::trust::Distrust, refusal, service_error::ServiceError, status::status_symbol,
};
use crate::{domain::StatusCode, supervisor::board::Connection};

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::opcua) enum Step {
    Hello,
    Discover,
    OpenSecureChannel,
    CreateSession,
    ActivateSession,
    ReadServer,
    ResolvePaths,
    CreateSubscription,
    CreateItems,
    Publish,
    Poll,
    KeepAlive,
}

impl Step {
    /// Whether it is done before there is a session.
    const fn is_of_the_setup(self) -> bool {
        matches!(
            self,
            Self::Hello | Self::Discover | Self::OpenSecureChannel | Self::CreateSession | Self::ActivateSession
        )
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "the hello",
            Self::Discover => "GetEndpoints",
            Self::OpenSecureChannel => "OpenSecureChannel",
            Self::CreateSession => "CreateSession",
            Self::ActivateSession => "ActivateSession",
            Self::ReadServer => "Read of its NamespaceArray",
            Self::ResolvePaths => "TranslateBrowsePathsToNodeIds",
            Self::CreateSubscription => "CreateSubscription",
            Self::CreateItems => "CreateMonitoredItems",
            Self::Publish => "Publish",
            Self::Poll => "Read of polled tags",
            Self::KeepAlive => "Read of its state",
        }
    }
}

/// Why there is no session, or no longer one. The texts are for `/readyz`, the status message and the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::opcua) enum Problem {
    #[error("`{uri}` is no address of an OPC UA server; write `opcua.uri` as opc.tcp://host:port")]
    Address { uri: String },
    #[error("the host name `{host}` is not known; check `opcua.uri` and the name service")]
    UnknownHost { host: String },
    #[error(
        "the server says that its endpoint is at `{uri}`, which is no address of an OPC UA server; correct it on the server, or set `opcua.override_uri: true`"
    )]
    AdvertisedAddress { uri: String },
    #[error(
        "the server says that its endpoint is on `{host}`, a host name that is not known here; correct it on the server, check the name service, or set `opcua.override_uri: true`"
    )]
    AdvertisedHost { host: String },
    #[error(
        "{address} refuses the connection: no OPC UA server listens there; start it, or correct host and port in `opcua.uri`"
    )]
    Refused { address: String },
    #[error("{address} does not answer; check that it is switched on, the network and the firewall")]
    Unreachable { address: String },
    #[error("no connection to {address}: {reason}; check the network and `opcua.uri`")]
    Io { address: String, reason: String },
    #[error("the server did not answer {} within {} s; raise `opcua.connection_options.request_timeout` if it is only slow", step.as_str(), limit.as_secs_f64())]
    Timeout { step: Step, limit: Duration },
    #[error("the server has no endpoint without security (it has {offered}); enable the security policy None on it")]
    NoPlainEndpoint { offered: String },
    #[error(
        "the server takes no anonymous clients (it takes {offered}); set `opcua.auth.basic`, or allow anonymous clients on the server"
    )]
    NoAnonymous { offered: String },
    #[error(
        "the server takes no user names without security (it takes {offered}); enable them there, or leave `opcua.auth` out"
    )]
    NoUserName { offered: String },
    #[error(
        "the server has no endpoint with {wanted} (it has {offered}); enable it on the server, or choose one of those in `opcua.security`; another is never taken instead"
    )]
    NoSecureEndpoint { wanted: String, offered: String },
    #[error(
        "the server takes no users with certificates here (it takes {offered}); enable them there, or set `opcua.auth.basic`"
    )]
    NoCertificateUser { offered: String },
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("the server's endpoint has no usable certificate: {reason}; renew it on the server")]
    ServerCertificate { reason: String },
    #[error("{reason}")]
    Pki { reason: String },
    #[error("{}", refusal::sentence(*status, thumbprint))]
    CertificateRefused { status: StatusCode, thumbprint: String },
    #[error(
        "the server closed the connection while the secure channel was being set up ({reason}); it probably does not trust this client's certificate: trust the one with thumbprint {thumbprint} on the server"
    )]
    ClosedBeforeSession { thumbprint: String, reason: String },
    #[error(
        "the server wants the password encrypted, and its endpoint gives no certificate that can be used for that: \
         {reason}; renew it on the server, write `security: {{ policy: basic256sha256 }}`, or let it take passwords in \
         clear text there"
    )]
    NoKeyForPassword { reason: String },
    #[error(
        "a user with a certificate signs what the server's endpoint shows as its certificate, and that cannot be used: \
         {reason}; renew it on the server, or write `security: {{ policy: basic256sha256 }}`"
    )]
    NoKeyForUser { reason: String },
    #[error("{}", not_sent_sentence(*step, *status))]
    NotSent { step: Step, status: StatusCode },
    #[error("{}", service_sentence(*step, *status))]
    Service { step: Step, status: StatusCode },
    #[error("the connection was lost ({reason}); it is being set up anew")]
    Lost { reason: String },
    #[error(
        "the server does not keep to what was agreed: {reason}; the connection is being set up anew, and if this comes again, see to the server or to what stands between"
    )]
    Disagreed { reason: String },
    #[error(
        "what listens at `opcua.uri` does not speak OPC UA as it should: {reason}; correct host and port, or see to the server"
    )]
    Greeting { reason: String },
    #[error(
        "what listens at `opcua.uri` ends the connection before it says anything ({reason}); where a router or container forwards the port, see that the server behind it runs, else correct host and port"
    )]
    NoGreeting { reason: String },
    #[error("the server has taken the connection and says nothing, for {} s now; it may be starting, or overloaded", limit.as_secs_f64())]
    Mute { limit: Duration },
    #[error(
        "the server names no endpoint at all, neither at `opcua.uri` nor at its `/discovery`; see to its endpoints"
    )]
    NoEndpoints,
    #[error("the server's answer to {} cannot be read ({reason}); report this with the kind of server", step.as_str())]
    Unreadable { step: Step, reason: String },
    #[error("subscription {subscription} was silent for {} s, neither values nor keep-alives, while the server answers; it is being created anew", silence.as_secs_f64())]
    Silent { subscription: u32, silence: Duration },
    #[error("the server has been silent for {} s and answers nothing; its connection is being set up anew", silence.as_secs_f64())]
    Unanswered { silence: Duration },
    #[error("the server ended subscription {subscription} ({}); it is being created anew", status_symbol(*status))]
    SubscriptionEnded { subscription: u32, status: StatusCode },
    #[error(
        "a change of the items of subscription {subscription} was not answered, and nobody knows which of them exist; it is being created anew"
    )]
    ItemsUnknown { subscription: u32 },
    #[error(
        "the server takes no more than {items} items in a subscription; the session is being set up anew with more \
         subscriptions"
    )]
    FullSubscription { items: usize },
    #[error("the OPC UA library failed ({reason}); the session is being set up anew, please report this")]
    Panic { reason: String },
}

impl Problem {
    /// The same where the address was not the mapping's, but what the server says of its endpoint.
    pub(in crate::opcua) fn about_advertised(self) -> Self {
        match self {
            Self::Address { uri } => Self::AdvertisedAddress { uri: harmless(&uri) },
            Self::UnknownHost { host } => Self::AdvertisedHost { host: harmless(&host) },
            other => other,
        }
    }

    /// Whether it stays until a person does something about it.
    pub(in crate::opcua) fn needs_a_person(&self) -> bool {
        match self {
            Self::Address { .. }
            | Self::AdvertisedAddress { .. }
            | Self::NoPlainEndpoint { .. }
            | Self::NoAnonymous { .. }
            | Self::NoUserName { .. }
            | Self::NoKeyForPassword { .. }
            | Self::NoKeyForUser { .. }
            | Self::NoEndpoints
            | Self::NoSecureEndpoint { .. }
            | Self::NoCertificateUser { .. }
            | Self::Distrust(_)
            | Self::ServerCertificate { .. }
            | Self::Pki { .. }
            | Self::CertificateRefused { .. } => true,
            // Later, the same codes speak of what a service may do, and not of who we are.
            Self::Service { step, status } => step.is_of_the_setup() && is_refusal(*status),
            _ => false,
        }
    }

    /// Whether a message was larger than one side takes.
    pub(in crate::opcua) fn is_of_size(&self) -> bool {
        use opcua::types::StatusCode as Code;
        match self {
            Self::Service { step: Step::Publish, status } => matches!(
                Code::from(status.without_info_bits().0),
                Code::BadEncodingLimitsExceeded | Code::BadResponseTooLarge | Code::BadTcpMessageTooLarge
            ),
            _ => false,
        }
    }

    /// Whether only the connection is known to be lost, so that the server may still have the session and what it has
    /// queued for it.
    pub(in crate::opcua) fn is_of_the_connection(&self) -> bool {
        matches!(
            self,
            Self::UnknownHost { .. }
                | Self::AdvertisedHost { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::Io { .. }
                | Self::Lost { .. }
                | Self::Disagreed { .. }
                | Self::Mute { .. }
                | Self::NoGreeting { .. }
                | Self::Unanswered { .. }
        )
    }

    /// How the board shows it.
    pub(in crate::opcua) fn connection(&self) -> Connection {
        if self.needs_a_person() {
            Connection::Error { reason: self.to_string() }
        } else {
            Connection::Connecting { reason: Some(self.to_string()) }
        }
    }

    /// The connection has ended.
    pub(in crate::opcua) fn lost(reason: &str) -> Self {
        Self::Lost { reason: reason.to_owned() }
    }

    /// What the server sends is not as OPC UA or the secure channel wants it.
    pub(in crate::opcua) fn disagreed(reason: &str) -> Self {
        Self::Disagreed { reason: reason.to_owned() }
    }

    /// The stream has failed, or what came on it is no frame.
    pub(in crate::opcua) fn of_stream(error: &io::Error) -> Self {
        let reason = error.to_string();
        if error.kind() == io::ErrorKind::InvalidData { Self::Disagreed { reason } } else { Self::Lost { reason } }
    }

    /// The other side is no OPC UA server, or none that can be talked to.
    pub(in crate::opcua) fn greeting(reason: &str) -> Self {
        Self::Greeting { reason: reason.to_owned() }
    }

    /// The stream has failed before the server's first word, or what came on it is no frame.
    pub(in crate::opcua) fn of_greeting(error: &io::Error) -> Self {
        let reason = error.to_string();
        if error.kind() == io::ErrorKind::InvalidData { Self::Greeting { reason } } else { Self::NoGreeting { reason } }
    }

    /// The server has ended a connection whose secure channel was open, and has said why: whatever it was, it was not
    /// our certificate, which it had taken.
    pub(in crate::opcua) fn closed_by_server(status: opcua::types::StatusCode, reason: &str) -> Self {
        let symbol = status_symbol(super::status::from_library(status));
        let reason = if reason.is_empty() { symbol.into_owned() } else { format!("{symbol}: {reason}") };
        Self::Lost { reason: format!("the server ended it with {reason}") }
    }

    /// What a service's failure says.
    pub(in crate::opcua) fn service(step: Step, error: &ServiceError, limit: Duration) -> Self {
        match error {
            ServiceError::Refused(status) => Self::of_status(step, *status, limit),
            ServiceError::NotSent(status) => Self::NotSent { step, status: super::status::from_library(*status) },
            ServiceError::Timeout => Self::Timeout { step, limit },
            ServiceError::NotConnected | ServiceError::Lost => Self::lost("before an answer came"),
            ServiceError::Unreadable(reason) => Self::Unreadable { step, reason: reason.clone() },
        }
    }

    /// As `service`, by the StatusCode of the answer. One that speaks of time is a matter of time, whatever was asked.
    pub(in crate::opcua) fn of_status(step: Step, status: opcua::types::StatusCode, limit: Duration) -> Self {
        use opcua::types::StatusCode as Code;
        match Code::from(status.bits() & 0xFFFF_0000) {
            Code::BadTimeout | Code::BadRequestTimeout => Self::Timeout { step, limit },
            Code::BadConnectionClosed | Code::BadCommunicationError | Code::BadNotConnected => {
                Self::lost(&status_symbol(super::status::from_library(status)))
            }
            _ => Self::Service { step, status: super::status::from_library(status) },
        }
    }

    /// The same where our certificate with this thumbprint was shown: whatever is said of certificates is said of it,
    /// and servers that refuse it often just hang up.
    pub(in crate::opcua) fn about_certificate(self, thumbprint: &str) -> Self {
        let thumbprint = thumbprint.to_owned();
        match self {
            Self::Service { status, .. } if is_certificate_trouble(status) => {
                Self::CertificateRefused { status, thumbprint }
            }
            Self::Lost { reason } => Self::ClosedBeforeSession { thumbprint, reason },
            other => other,
        }
    }
}

fn is_refusal(status: StatusCode) -> bool {
    use opcua::types::StatusCode as Code;
    is_certificate_trouble(status)
        || matches!(
            Code::from(status.without_info_bits().0),
            Code::BadIdentityTokenRejected
                | Code::BadIdentityTokenInvalid
                | Code::BadUserAccessDenied
                | Code::BadUserSignatureInvalid
                | Code::BadSecurityPolicyRejected
                | Code::BadSecurityModeRejected
                | Code::BadSecurityModeInsufficient
                | Code::BadTcpEndpointUrlInvalid
                | Code::BadLicenseExpired
                | Code::BadLicenseNotAvailable
                | Code::BadLicenseLimitsExceeded
        )
}

fn is_certificate_trouble(status: StatusCode) -> bool {
    let symbol = status_symbol(status);
    symbol.starts_with("BadCertificate") || symbol == "BadSecurityChecksFailed"
}

fn service_sentence(step: Step, status: StatusCode) -> String {
    let symbol = status_symbol(status);
    match advice(step, status) {
        Some(advice) => format!("{advice} ({symbol})"),
        None => format!("the server answered {} with {symbol}; look into the server's own log", step.as_str()),
    }
}

fn not_sent_sentence(step: Step, status: StatusCode) -> String {
    let (step, symbol) = (step.as_str(), status_symbol(status));
    if symbol == "BadRequestTooLarge" {
        return format!(
            "{step} was not sent: it is larger than the server takes, as it has said in its Acknowledge; raise its MaxMessageSize and MaxChunkCount ({symbol})"
        );
    }
    format!("{step} was not sent, since it could not be written ({symbol}); report this with the kind of server")
}

/// What a StatusCode means for a person, and what to do.
fn advice(step: Step, status: StatusCode) -> Option<Cow<'static, str>> {
    use opcua::types::StatusCode as Code;
    if is_certificate_trouble(status) {
        return Some("the server refuses this client's certificate; trust it on the server (`tagwise certs show` tells which it is)".into());
    }
    Some(Cow::Borrowed(match Code::from(status.without_info_bits().0) {
        Code::BadIdentityTokenRejected | Code::BadIdentityTokenInvalid | Code::BadUserSignatureInvalid => {
            "the server refuses user name or password; correct `opcua.auth`"
        }
        Code::BadUserAccessDenied if !step.is_of_the_setup() => return None,
        Code::BadUserAccessDenied => {
            "the server refuses the user: wrong user name or password, or no right to connect; set or correct `opcua.auth`, or the user's rights on the server"
        }
        Code::BadSecurityPolicyRejected | Code::BadSecurityModeRejected | Code::BadSecurityModeInsufficient => {
            "the server refuses this security policy or mode; enable it on the server, or choose another in `opcua.security`"
        }
        Code::BadTcpEndpointUrlInvalid => "the server has no endpoint of this name; correct the path in `opcua.uri`",
        Code::BadTooManySessions | Code::BadMaxConnectionsReached => {
            "the server has no session left; close other clients or raise its limit (sessions that were cut off end by themselves after their timeout)"
        }
        Code::BadTcpNotEnoughResources | Code::BadResourceUnavailable | Code::BadOutOfMemory => {
            "the server is out of resources; close other clients or ask less of it"
        }
        Code::BadTooManySubscriptions => "the server has no subscription left; close other clients or raise its limit",
        Code::BadInvalidTimestamp => "the clocks of the server and of this machine differ too far; set both by NTP",
        Code::BadServerHalted | Code::BadShutdown => "the server is not running or is shutting down; wait or start it",
        Code::BadLicenseExpired | Code::BadLicenseNotAvailable | Code::BadLicenseLimitsExceeded => {
            "the server's licence does not allow this; see to its licence"
        }
        Code::BadEncodingLimitsExceeded | Code::BadTcpMessageTooLarge | Code::BadResponseTooLarge => {
            "a message was larger than the limits allow; the connection is being set up anew with smaller calls"
        }
        Code::BadSessionClosed | Code::BadSessionIdInvalid | Code::BadSessionNotActivated => {
            "the server has ended the session; it is being set up anew"
        }
        Code::BadNoSubscription | Code::BadSubscriptionIdInvalid => {
            "the server has ended the subscription; the session is being set up anew"
        }
        Code::BadSecureChannelClosed | Code::BadSecureChannelIdInvalid => {
            "the server has ended the secure channel; the session is being set up anew"
        }
        _ => return None,
    }))
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
