//! Certificates that are about to expire: a metric from the start, a warning thirty days before.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time};
use tracing::warn;

use crate::opcua::pki::{Certificate, certificate::show_time};
use crate::{domain::Timestamp, supervisor::Board, telemetry::Metrics};

/// How long before the end a certificate is a reason to worry, in seconds.
const EARLY: i64 = 30 * 24 * 3600;
/// How often it is looked.
const INTERVAL: Duration = Duration::from_hours(1);
/// How often the log says so again, in seconds.
const REPEAT: i64 = 24 * 3600;

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::opcua) enum Whose {
    Own,
    Server,
}

impl Whose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Server => "server",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Own => "renew it with `tagwise certs generate --renew` and trust the new one on the server",
            Self::Server => "renew it on the server and trust the new one with `tagwise certs trust`",
        }
    }
}

/// Remembers the certificates in use, and says in time that they expire.
#[derive(Debug)]
pub(in crate::opcua) struct ExpiryWatch {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    /// Thumbprint and end.
    known: Mutex<BTreeMap<Whose, (String, i64)>>,
    changed: Notify,
}

impl ExpiryWatch {
    pub(in crate::opcua) fn new(board: Arc<Board>, metrics: Arc<Metrics>) -> Self {
        Self { board, metrics, known: Mutex::default(), changed: Notify::new() }
    }

    /// Says which certificate is used from now on.
    pub(in crate::opcua) fn saw(&self, whose: Whose, certificate: &Certificate) {
        let gauge = self.metrics.certificate_expiry_timestamp_seconds.with_label_values(&[whose.as_str()]);
        gauge.set(certificate.not_after as f64);
        let entry = (certificate.thumbprint.clone(), certificate.not_after);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(whose, entry);
        self.changed.notify_one();
    }

    /// Looks from time to time, and whenever another certificate is used.
    pub(in crate::opcua) async fn run(&self) -> Infallible {
        let mut last: (Vec<String>, i64) = (Vec::new(), 0);
        loop {
            let now = Timestamp::now().unix_millis() / 1_000;
            let warnings = self.warnings(now);
            self.board.set_warnings("certificate", &warnings);
            if warnings != last.0 || now >= last.1 + REPEAT {
                for warning in &warnings {
                    warn!("{warning}");
                }
                last = (warnings, now);
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = time::sleep(INTERVAL) => {}
            }
        }
    }

    fn warnings(&self, now: i64) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let about_to_expire = known.iter().filter(|(_, (_, end))| now >= end - EARLY);
        about_to_expire
            .map(|(whose, (thumbprint, end))| {
                let (name, verb) = (whose.as_str(), if now > *end { "expired" } else { "expires" });
                format!("the {name} certificate {thumbprint} {verb} on {}; {}", show_time(*end), whose.remedy())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::pki::test_support::{Names, certificate};

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_expires_soon_is_a_warning_until_it_is_another() {
        let board = Arc::new(Board::new(0));
        let metrics = Arc::new(Metrics::new("a"));
        let watch = ExpiryWatch::new(Arc::clone(&board), Arc::clone(&metrics));
        let lasting = certificate(&Names::default()).certificate;
        let mut expiring = lasting.clone();
        expiring.not_after = Timestamp::now().unix_millis() / 1_000 + EARLY / 2;
        watch.saw(Whose::Own, &lasting);
        watch.saw(Whose::Server, &expiring);
        let shown = async |count: usize| {
            let mut changes = board.watch();
            while board.snapshot().warnings.len() != count {
                tokio::select! {
                    never = watch.run() => match never {},
                    changed = changes.changed() => changed.unwrap(),
                }
            }
            board.snapshot().warnings
        };
        let warnings = shown(1).await;
        assert_eq!(warnings[0].0, "certificate");
        assert!(warnings[0].1.contains(&expiring.thumbprint) && warnings[0].1.contains("server"), "{warnings:?}");
        let text = metrics.encode().unwrap();
        let line = "certificate_expiry_timestamp_seconds{certificate=\"server\",adapter=\"a\"}";
        assert!(text.contains(line), "{text}");
        watch.saw(Whose::Server, &lasting);
        shown(0).await;
    }

    #[test]
    fn what_has_expired_is_said_so() {
        let watch = ExpiryWatch::new(Arc::new(Board::new(0)), Arc::new(Metrics::new("a")));
        let own = certificate(&Names::default()).certificate;
        watch.saw(Whose::Own, &own);
        assert!(watch.warnings(own.not_after - EARLY - 1).is_empty());
        assert!(watch.warnings(own.not_after)[0].contains("expires"));
        let late = watch.warnings(own.not_after + 1);
        assert!(late[0].contains("expired") && late[0].contains("--renew"), "{late:?}");
    }
}
