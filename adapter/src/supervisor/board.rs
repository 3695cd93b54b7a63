//! The board on which every task writes how it is; health, readiness and the status message are read from it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::domain::{BrokerId, TagId, Timestamp};

/// The state of a connection, in HiveMQ Edge's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Nothing has been tried yet, or the connection was closed on purpose.
    Disconnected,
    /// An attempt is under way or will be; why the last one failed, once one has.
    Connecting {
        /// The last failure in a plain sentence with the way out.
        reason: Option<String>,
    },
    /// Data can flow.
    Connected,
    /// The other side refuses us and will go on to until a person does something.
    Error {
        /// What is wrong and what to do, in a plain sentence.
        reason: String,
    },
}

impl Connection {
    /// The state as HiveMQ Edge spells it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Disconnected => "DISCONNECTED",
            Self::Connecting { .. } => "CONNECTING",
            Self::Connected => "CONNECTED",
            Self::Error { .. } => "ERROR",
        }
    }

    /// What went wrong last, where something did.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Connecting { reason } => reason.as_deref(),
            Self::Error { reason } => Some(reason),
            Self::Disconnected | Self::Connected => None,
        }
    }
}

/// The state of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagState {
    /// Not yet subscribed in this session.
    Pending,
    /// Subscribed, or polled.
    Active,
    /// No value has come for longer than its `stale_after`.
    Stale {
        /// For how long, in words.
        reason: String,
    },
    /// The server refuses it; it is tried again from time to time.
    Failed {
        /// Why, with the StatusCode's symbol and the node.
        reason: String,
    },
}

/// The state of one broker, as seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerState {
    /// Its name in the mapping.
    pub name: String,
    /// The connection to it.
    pub connection: Connection,
    /// Why its spool's disk takes nothing, while it does not.
    pub spool: Option<String>,
    /// What it does not take beside values, each with reason and what to do.
    pub concerns: Vec<String>,
}

impl BrokerState {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), connection: Connection::Disconnected, spool: None, concerns: Vec::new() }
    }
}

/// What a part of the process that each broker has one of is called, by tasks, metrics and health: with several
/// brokers the broker's name goes with it, such as `mqtt:cloud`.
pub fn part_of_broker(part: &'static str, broker: &str, broker_count: usize) -> Cow<'static, str> {
    if broker_count > 1 { format!("{part}:{broker}").into() } else { part.into() }
}

/// What is on the board; read as a whole, so that readers see one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The OPC UA session.
    pub opcua: Connection,
    /// The brokers, by `BrokerId`.
    pub brokers: Vec<BrokerState>,
    /// Since when `opcua`, the connections in `brokers`, whether every tag is subscribed and whether there are warnings are as they are.
    pub since: Timestamp,
    /// Tags that the server refuses, with the reason.
    pub failed_tags: BTreeMap<TagId, String>,
    /// Tags without a value for longer than their `stale_after`, with the reason.
    pub stale_tags: BTreeMap<TagId, String>,
    /// Tags not yet subscribed in this session.
    pub pending_tags: usize,
    /// What will need a person before long, by component.
    pub warnings: Vec<(&'static str, String)>,
    /// Whether a shutdown has begun.
    pub is_stopping: bool,
}

/// Shared by `Arc` between all tasks.
#[derive(Debug)]
pub struct Board {
    entries: Mutex<Entries>,
    is_stopping: AtomicBool,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entries {
    opcua: Connection,
    brokers: Vec<BrokerState>,
    since: Timestamp,
    tags: Vec<TagState>,
    is_whole: bool,
    warnings: BTreeMap<&'static str, Vec<String>>,
    /// By the wall clock for people, and by one that nobody sets for `/healthz`.
    progress: BTreeMap<String, (Timestamp, Instant)>,
}

impl Board {
    /// A board for `tag_count` tags, all of them pending, and one broker; nothing is connected.
    pub fn new(tag_count: usize) -> Self {
        Self::with_brokers(tag_count, ["broker"])
    }

    /// A board for `tag_count` tags and brokers of these names.
    pub fn with_brokers<'a>(tag_count: usize, brokers: impl IntoIterator<Item = &'a str>) -> Self {
        let entries = Entries {
            opcua: Connection::Disconnected,
            brokers: brokers.into_iter().map(BrokerState::new).collect(),
            since: Timestamp::now(),
            tags: vec![TagState::Pending; tag_count],
            is_whole: tag_count == 0,
            warnings: BTreeMap::new(),
            progress: BTreeMap::new(),
        };
        Self { entries: Mutex::new(entries), is_stopping: AtomicBool::new(false), changes: watch::Sender::new(0) }
    }

    /// Says how the OPC UA session is.
    pub fn set_opcua(&self, connection: Connection) {
        self.change(|entries| replace(&mut entries.opcua, connection, &mut entries.since));
    }

    /// Says how the connection to a broker is.
    pub fn set_broker(&self, broker: BrokerId, connection: Connection) {
        self.change(|entries| {
            let Some(entry) = entries.brokers.get_mut(broker.index()) else { return false };
            replace(&mut entry.connection, connection, &mut entries.since)
        });
    }

    /// Says why the disk of a broker's spool takes nothing; `None` while it does.
    pub fn set_spool(&self, broker: BrokerId, trouble: Option<String>) {
        self.change(|entries| {
            let Some(entry) = entries.brokers.get_mut(broker.index()) else { return false };
            let is_changed = entry.spool != trouble;
            entry.spool = trouble;
            is_changed
        });
    }

    /// Says what a broker does not take beside values.
    pub fn set_broker_concerns(&self, broker: BrokerId, concerns: &[String]) {
        self.change(|entries| {
            let Some(entry) = entries.brokers.get_mut(broker.index()) else { return false };
            let is_changed = entry.concerns != concerns;
            if entry.concerns.is_empty() != concerns.is_empty() {
                entries.since = Timestamp::now();
            }
            entry.concerns = concerns.to_vec();
            is_changed
        });
    }

    /// Says how a tag is; many at once, as a chunk of MonitoredItems is answered at once.
    pub fn set_tags(&self, states: impl IntoIterator<Item = (TagId, TagState)>) {
        self.change(|entries| {
            let mut is_changed = false;
            for (tag, state) in states {
                if let Some(entry) = entries.tags.get_mut(tag.index()).filter(|entry| **entry != state) {
                    *entry = state;
                    is_changed = true;
                }
            }
            if is_changed {
                entries.follow_tags();
            }
            is_changed
        });
    }

    /// Says what of a component will need a person before long; nothing takes it back.
    pub fn set_warnings(&self, component: &'static str, warnings: &[String]) {
        self.change(|entries| {
            let had_some = !entries.warnings.is_empty();
            let before = match warnings {
                [] => entries.warnings.remove(component),
                _ => entries.warnings.insert(component, warnings.to_vec()),
            };
            if had_some == entries.warnings.is_empty() {
                entries.since = Timestamp::now();
            }
            before.unwrap_or_default() != warnings
        });
    }

    /// Says that a shutdown has begun.
    pub fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.changes.send_modify(|generation| *generation += 1);
    }

    /// Says that a task is alive and has got on with its work (or has none).
    pub fn progress(&self, task: &str) {
        let now = (Timestamp::now(), Instant::now());
        let progress = &mut self.lock().progress;
        match progress.get_mut(task) {
            Some(last) => *last = now,
            None => drop(progress.insert(task.to_owned(), now)),
        }
    }

    /// When each task last showed progress.
    pub fn progress_of_tasks(&self) -> BTreeMap<String, Timestamp> {
        self.lock().progress.iter().map(|(task, (time, _))| (task.clone(), *time)).collect()
    }

    /// For how long each task has shown no progress.
    pub fn silence_of_tasks(&self) -> BTreeMap<String, Duration> {
        self.lock().progress.iter().map(|(task, (_, at))| (task.clone(), at.elapsed())).collect()
    }

    /// How all tags are, by `TagId`.
    pub fn tags(&self) -> Vec<TagState> {
        self.lock().tags.clone()
    }

    /// Whether there is an OPC UA session with its subscriptions.
    pub fn is_opcua_connected(&self) -> bool {
        self.lock().opcua == Connection::Connected
    }

    /// Everything at one moment.
    pub fn snapshot(&self) -> Snapshot {
        let entries = self.lock();
        let mut failed_tags = BTreeMap::new();
        let mut stale_tags = BTreeMap::new();
        let mut pending_tags = 0;
        for (index, state) in (0_u32..).zip(&entries.tags) {
            match state {
                TagState::Failed { reason } => {
                    failed_tags.insert(TagId(index), reason.clone());
                }
                TagState::Stale { reason } => {
                    stale_tags.insert(TagId(index), reason.clone());
                }
                TagState::Pending => pending_tags += 1,
                TagState::Active => {}
            }
        }
        Snapshot {
            opcua: entries.opcua.clone(),
            brokers: entries.brokers.clone(),
            since: entries.since,
            failed_tags,
            stale_tags,
            pending_tags,
            warnings: entries
                .warnings
                .iter()
                .flat_map(|(component, texts)| texts.iter().map(|text| (*component, text.clone())))
                .collect(),
            is_stopping: self.is_stopping.load(Ordering::Acquire),
        }
    }

    /// Wakes at every change of what `snapshot` shows.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut Entries) -> bool) {
        if change(&mut self.lock()) {
            self.changes.send_modify(|generation| *generation += 1);
        }
    }

    /// A panic elsewhere leaves whole entries behind, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// The last tag subscribed and the first one lost change what the status message says.
    fn follow_tags(&mut self) {
        let is_whole = self.tags.iter().all(|state| *state == TagState::Active);
        if self.is_whole != is_whole {
            self.is_whole = is_whole;
            self.since = Timestamp::now();
        }
    }
}

fn replace(entry: &mut Connection, connection: Connection, since: &mut Timestamp) -> bool {
    if *entry == connection {
        return false;
    }
    if entry.as_str() != connection.as_str() {
        *since = Timestamp::now();
    }
    *entry = connection;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tag_shows_in_the_snapshot_until_it_is_active() {
        let board = Board::new(2);
        assert_eq!(board.snapshot().pending_tags, 2);
        board.set_tags([(TagId(1), TagState::Failed { reason: "BadNodeIdUnknown".into() })]);
        assert_eq!(board.snapshot().failed_tags[&TagId(1)], "BadNodeIdUnknown");
        board.set_tags([(TagId(0), TagState::Active), (TagId(1), TagState::Active)]);
        assert!(board.snapshot().failed_tags.is_empty());
        assert_eq!(board.snapshot().pending_tags, 0);
    }

    #[test]
    fn since_moves_with_what_the_status_says_and_with_nothing_else() {
        let board = Board::new(2);
        let since = |change: &dyn Fn()| {
            let before = board.snapshot().since;
            while Timestamp::now() <= before {}
            change();
            board.snapshot().since > before
        };
        let fail = |tag| (TagId(tag), TagState::Failed { reason: "BadNodeIdUnknown".into() });
        assert!(since(&|| board.set_opcua(Connection::Connected)));
        assert!(!since(&|| board.set_tags([(TagId(1), TagState::Active)])));
        assert!(!since(&|| board.set_tags([fail(0)])));
        assert!(since(&|| board.set_tags([(TagId(0), TagState::Active)])));
        assert!(!since(&|| board.set_tags([(TagId(0), TagState::Active)])));
        assert!(since(&|| board.set_tags([fail(1)])));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_measured_by_a_clock_that_nobody_sets() {
        let board = Board::new(0);
        board.progress("opcua");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(board.silence_of_tasks()["opcua"], Duration::from_secs(31));
        board.progress("opcua");
        assert_eq!(board.silence_of_tasks()["opcua"], Duration::ZERO);
    }

    #[test]
    fn warnings_stay_until_they_are_taken_back() {
        let board = Board::new(0);
        let before = board.snapshot().since;
        while Timestamp::now() <= before {}
        board.set_warnings("certificate", &["expires".into()]);
        let snapshot = board.snapshot();
        assert_eq!(snapshot.warnings, [("certificate", "expires".to_owned())]);
        assert!(snapshot.since > before);
        let mut watch = board.watch();
        board.set_warnings("certificate", &["expires".into()]);
        assert!(!watch.has_changed().unwrap());
        board.set_warnings("certificate", &[]);
        assert!(watch.has_changed().unwrap() && board.snapshot().warnings.is_empty());
        watch.mark_unchanged();
    }

    #[test]
    fn only_changes_wake_the_watchers() {
        let board = Board::new(1);
        let mut watch = board.watch();
        board.set_opcua(Connection::Connected);
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        board.set_opcua(Connection::Connected);
        board.set_tags([(TagId(7), TagState::Active)]);
        assert!(!watch.has_changed().unwrap());
    }

    #[test]
    fn each_broker_has_a_state_of_its_own() {
        let board = Board::with_brokers(0, ["edge", "cloud"]);
        board.set_broker(BrokerId(1), Connection::Connected);
        board.set_spool(BrokerId(0), Some("full".into()));
        board.set_broker(BrokerId(2), Connection::Connected);
        let edge = BrokerState { spool: Some("full".into()), ..BrokerState::new("edge") };
        let cloud = BrokerState { connection: Connection::Connected, ..BrokerState::new("cloud") };
        assert_eq!(board.snapshot().brokers, [edge, cloud]);
    }
}
