//! What opens the door to a broker: user name, password and certificates, read anew for each connection.
//!
//! Secrets are rotated while we run, and not all at once: a certificate may be new while its key is still the old one,
//! or a file may be away for a moment. So what was good last is kept, and used with a warning while there is nothing
//! better.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use secrecy::ExposeSecret;

use super::{
    packet::Login,
    trouble::{Address, Trouble},
    wire::tls,
};
use crate::config::{
    Credential, Proxy, RereadError,
    effective::{BrokerAuth, BrokerConfig},
};

/// What opens the door right now.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened {
    /// User name and password, where the mapping has some.
    pub(super) login: Option<Login>,
    /// Certificates, where the connection is encrypted.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The proxy that leads to the broker, where there is one.
    pub(super) proxy: Option<Proxy>,
}

#[derive(Debug, Default)]
struct Kept {
    login: Option<Login>,
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
    /// The last warnings, so that each is given once.
    login_warning: Option<String>,
    tls_warning: Option<String>,
    proxy_warning: Option<String>,
}

/// Reads what opens the door, and keeps what was good last.
#[derive(Debug, Default)]
pub(super) struct Access {
    kept: Mutex<Kept>,
}

impl Access {
    /// Reads all files that the mapping names for `broker`; blocks on the file system.
    ///
    /// # Errors
    /// There is no way in: something cannot be read, and never could.
    pub(super) fn read(&self, broker: &BrokerConfig) -> Result<Opened, Trouble> {
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = |reason: String| Trouble::lasting(format!("{}: {reason}", Address(broker)));
        let mut opened = Opened::default();
        if let Some(auth) = &broker.auth {
            let fresh = login(auth).map_err(|error| format!("`auth`: {error}"));
            opened.login = Some(choose(fresh, &mut kept.login, &mut kept.login_warning).map_err(lasting)?);
        }
        if let Some(tls) = &broker.tls {
            let fresh = tls::client_config(tls).map_err(|error| error.to_string());
            opened.tls = Some(choose(fresh, &mut kept.tls, &mut kept.tls_warning).map_err(lasting)?);
        }
        if let Some(credential) = &broker.proxy {
            let fresh = proxy(credential).map_err(|reason| format!("`proxy`: {reason}"));
            opened.proxy = Some(choose(fresh, &mut kept.proxy, &mut kept.proxy_warning).map_err(lasting)?);
        }
        Ok(opened)
    }
}

fn proxy(credential: &Credential) -> Result<Proxy, String> {
    let text = credential.read().map_err(|error| error.to_string())?;
    Proxy::parse(text.expose_secret()).map_err(|error| error.to_string())
}

fn login(auth: &BrokerAuth) -> Result<Login, RereadError> {
    Ok(Login { username: auth.username.read()?.expose_secret().to_owned(), password: auth.password.read()? })
}

/// What is fresh, else what was good last.
fn choose<T: Clone>(fresh: Result<T, String>, kept: &mut Option<T>, warning: &mut Option<String>) -> Result<T, String> {
    match (fresh, &*kept) {
        (Ok(fresh), _) => {
            *warning = None;
            *kept = Some(fresh.clone());
            Ok(fresh)
        }
        (Err(reason), Some(last)) => {
            if warning.as_ref() != Some(&reason) {
                tracing::warn!(reason, "what opens the door to the broker cannot be read again; the last one is used");
            }
            *warning = Some(reason);
            Ok(last.clone())
        }
        (Err(reason), None) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, ProcessEnvironment};

    /// A broker whose password comes from a file beside the mapping.
    fn broker(directory: &std::path::Path) -> BrokerConfig {
        let text = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\n\
                    broker: { url: mqtt://localhost, auth: { username: joe, password: \"${file:secret}\" } }\n\
                    tags: [ { name: a, node: \"ns=1;i=1\", topic: a } ]\n";
        let registry = tagwise_model::Registry::default();
        config::parse(text, &directory.join("m.yaml"), &ProcessEnvironment, &registry).unwrap().config.brokers.remove(0)
    }

    #[test]
    fn a_rotated_proxy_is_seen_and_the_last_one_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "one").unwrap();
        let mut broker = broker(directory.path());
        let password = broker.auth.take().map(|auth| auth.password);
        broker.proxy = password;
        let access = Access::default();
        let address = || access.read(&broker).map(|opened| opened.proxy.unwrap().address());
        let trouble = address().unwrap_err();
        assert!(trouble.sentence.contains("`proxy`: it must start with `http://`"), "{trouble}");
        std::fs::write(&file, "http://joe:s3cret@one:3128\n").unwrap();
        assert_eq!(address().as_deref(), Ok("one:3128"));
        std::fs::write(&file, "nonsense").unwrap();
        assert_eq!(address().as_deref(), Ok("one:3128"));
    }

    #[test]
    fn a_rotated_password_is_seen_and_the_last_one_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "one").unwrap();
        let broker = broker(directory.path());
        let access = Access::default();
        let password = || access.read(&broker).map(|opened| opened.login.unwrap().password.expose_secret().to_owned());
        assert_eq!(password().as_deref(), Ok("one"));
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(password().as_deref(), Ok("two"));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(password().as_deref(), Ok("two"));
        let trouble = Access::default().read(&broker).unwrap_err();
        assert!(trouble.needs_person && trouble.sentence.contains("secret"), "{trouble}");
        assert!(!trouble.sentence.contains("two"), "{trouble}");
    }
}
