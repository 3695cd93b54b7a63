//! The retained status message: what the board says, in HiveMQ Edge's words.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Connection, Snapshot};
use crate::{
    domain::{BrokerId, Epoch, Timestamp},
    telemetry::Metrics,
};

/// How often the task says that it is alive.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the keys are the payload's")]
struct Status<'a> {
    status: &'a str,
    runtime: &'a str,
    connection: &'a str,
    since: i64,
    epoch: u64,
    version: &'a str,
}

/// The payload that says how things are, for one of the brokers: it is about the whole adapter, so `connection` is the
/// OPC UA session's, and another broker that is away makes it `degraded`. How this broker is shows by the payload being
/// there.
pub fn status_payload(snapshot: &Snapshot, broker: BrokerId, epoch: Epoch) -> Bytes {
    let is_connected = snapshot.opcua == Connection::Connected;
    let mut others = (0..).map(BrokerId).zip(&snapshot.brokers).filter(|(id, _)| *id != broker);
    let has_others = others.all(|(_, other)| other.connection == Connection::Connected);
    let is_whole = snapshot.failed_tags.is_empty()
        && snapshot.stale_tags.is_empty()
        && snapshot.pending_tags == 0
        && snapshot.warnings.is_empty()
        && snapshot.brokers.iter().all(|broker| broker.concerns.is_empty());
    let is_online = is_connected && is_whole && has_others;
    encode(&Status {
        status: if is_online { "online" } else { "degraded" },
        runtime: "STARTED",
        connection: snapshot.opcua.as_str(),
        since: snapshot.since.unix_millis(),
        epoch: epoch.0,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The payload that says that nobody is here: the Last Will, and the last message of an orderly end.
pub fn offline_payload(since: Timestamp, epoch: Epoch) -> Bytes {
    encode(&Status {
        status: "offline",
        runtime: "STOPPED",
        connection: "DISCONNECTED",
        since: since.unix_millis(),
        epoch: epoch.0,
        version: env!("CARGO_PKG_VERSION"),
    })
}

fn encode(status: &Status<'_>) -> Bytes {
    serde_json::to_vec(status).expect("text and numbers always have a JSON form").into()
}

/// Turns changes on the board into the current status payload and the tag metrics.
#[derive(Debug)]
pub struct StatusTask {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    epoch: Epoch,
    /// By `BrokerId`.
    current_txs: Vec<watch::Sender<Bytes>>,
}

impl StatusTask {
    /// The task and the payloads that it keeps current, one for each broker.
    pub fn new(board: Arc<Board>, metrics: Arc<Metrics>, epoch: Epoch) -> (Self, Vec<watch::Receiver<Bytes>>) {
        let snapshot = board.snapshot();
        let brokers = (0..).map(BrokerId).take(snapshot.brokers.len());
        let channels = brokers.map(|broker| watch::channel(status_payload(&snapshot, broker, epoch)));
        let (current_txs, current_rxs) = channels.unzip();
        (Self { board, metrics, epoch, current_txs }, current_rxs)
    }

    /// Follows the board until it is cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut changes = self.board.watch();
        let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            self.refresh();
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                _ = progress.tick() => self.board.progress("status"),
            }
        }
    }

    fn refresh(&self) {
        let snapshot = self.board.snapshot();
        for (broker, current_tx) in (0..).map(BrokerId).zip(&self.current_txs) {
            let payload = status_payload(&snapshot, broker, self.epoch);
            current_tx.send_if_modified(|current| {
                let is_changed = *current != payload;
                *current = payload;
                is_changed
            });
        }
        for (task, time) in self.board.progress_of_tasks() {
            let seconds = time.unix_millis() as f64 / 1e3;
            self.metrics.task_last_progress_timestamp_seconds.with_label_values(&[task.as_str()]).set(seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::TagId,
        supervisor::{Connection, TagState},
    };

    #[test]
    fn online_needs_a_session_and_every_tag() {
        let board = Board::new(1);
        let status = |board: &Board| {
            let payload = status_payload(&board.snapshot(), BrokerId(0), Epoch(7));
            serde_json::from_slice::<serde_json::Value>(&payload).unwrap()
        };
        assert_eq!(status(&board)["status"], "degraded");
        assert_eq!(status(&board)["connection"], "DISCONNECTED");
        board.set_opcua(Connection::Connected);
        assert_eq!(status(&board)["status"], "degraded", "no tag is subscribed yet");
        board.set_tags([(TagId(0), TagState::Active)]);
        assert_eq!(status(&board)["status"], "online");
        board.set_tags([(TagId(0), TagState::Failed { reason: "BadNodeIdUnknown".into() })]);
        assert_eq!(status(&board)["status"], "degraded");
        assert_eq!(status(&board)["epoch"], 7);
        board.set_tags([(TagId(0), TagState::Stale { reason: "no value for 5s".into() })]);
        assert_eq!(status(&board)["status"], "degraded");
        board.set_tags([(TagId(0), TagState::Active)]);
        board.set_warnings("certificate", &["expires soon".into()]);
        assert_eq!(status(&board)["status"], "degraded");
    }

    #[test]
    fn another_broker_that_is_away_shows_and_this_one_need_not() {
        let board = Board::with_brokers(0, ["edge", "cloud"]);
        board.set_opcua(Connection::Connected);
        board.set_broker(BrokerId(0), Connection::Connected);
        let is_online = |broker| {
            let payload = status_payload(&board.snapshot(), broker, Epoch(7));
            serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["status"] == "online"
        };
        assert!(!is_online(BrokerId(0)) && is_online(BrokerId(1)));
        board.set_broker(BrokerId(1), Connection::Connected);
        assert!(is_online(BrokerId(0)) && is_online(BrokerId(1)));
    }

    #[test]
    fn keys_stand_in_the_documented_order() {
        let payload = offline_payload(Timestamp::from_unix_millis(5), Epoch(7));
        let expected = format!(
            r#"{{"status":"offline","runtime":"STOPPED","connection":"DISCONNECTED","since":5,"epoch":7,"version":"{}"}}"#,
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(std::str::from_utf8(&payload).unwrap(), expected);
    }
}
