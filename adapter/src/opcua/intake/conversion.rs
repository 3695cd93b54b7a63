//! From one NotificationMessage, or one Read, to one batch in the ingress queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::IntCounter;
use tokio::time::Instant;
use tracing::debug;

use crate::opcua::{
    intake::clocks::{Clocks, Newest},
    intake::grants::TagGrants,
    intake::heartbeat::{Admission, Due, LastValues},
    intake::lost_nodes::{LostNodes, Seen},
    intake::overflows::OverflowLog,
    intake::refresh::{Refresh, UnderWay},
    intake::tag_table::TagTable,
    value::notification::{Item, Part},
    value::raw::{RawValue, Wire},
    value::structure::Structures,
};
use crate::{
    config::effective::Tag,
    domain::{Severity, StatusCode, TagId, TagUpdate, TagValue, Timestamp, UpdateFlags},
    pipeline::ingress::IngressSender,
    supervisor::TagState,
    telemetry::Metrics,
};

/// Client handles are tag ids, moved by one: the library takes 0 for a handle that it may choose itself.
const FIRST_HANDLE: u32 = 1;

/// The client handle of a tag's MonitoredItem.
pub(in crate::opcua) fn handle_of(tag: TagId) -> u32 {
    tag.0.saturating_add(FIRST_HANDLE)
}

/// Converts values, counts them and offers them to the pipeline. It never waits, but for its own short lock: values come
/// from Publish, from Read and from time passing.
pub(in crate::opcua) struct Intake {
    inner: Mutex<Inner>,
}

struct Inner {
    ingress: IngressSender,
    tags: Arc<[Tag]>,
    table: Arc<TagTable>,
    grants: Arc<TagGrants>,
    counters: Counters,
    /// By tag: no value has come yet in this session.
    awaits_initial: Vec<bool>,
    /// By tag: a value has come since the start.
    has_value: Vec<bool>,
    /// By tag: a value has come since this was looked at last.
    was_heard: Vec<bool>,
    lost_nodes: Arc<LostNodes>,
    refresh: Arc<Refresh>,
    under_way: UnderWay,
    structures: Arc<Structures>,
    last_values: LastValues,
    clocks: Clocks,
    overflows: OverflowLog,
}

/// Counters looked up once; a look-up by label costs more than a value may.
struct Counters {
    good: IntCounter,
    uncertain: IntCounter,
    bad: IntCounter,
    overflows: IntCounter,
    filtered: IntCounter,
    dropped: IntCounter,
}

/// What one batch adds to the counters.
#[derive(Default)]
struct Tally {
    good: u64,
    uncertain: u64,
    bad: u64,
    overflows: u64,
    filtered: u64,
    newest: Newest,
}

/// What a message said beside its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct Taken {
    /// The status of the Subscription where the server says that it has changed, which means that it is gone.
    pub(in crate::opcua) ended: Option<StatusCode>,
    /// Values were in it that could not be found: the Subscription's items have to be read anew.
    pub(in crate::opcua) is_incomplete: bool,
}

/// One batch on its way into the queue.
struct Batch {
    updates: Vec<TagUpdate>,
    tally: Tally,
    /// Tags that were stale until now.
    revived: Vec<TagId>,
    received_at: Timestamp,
    now: Instant,
}

impl Intake {
    /// For these tags, into this queue.
    pub(in crate::opcua) fn new(
        ingress: IngressSender,
        tags: Arc<[Tag]>,
        table: Arc<TagTable>,
        grants: Arc<TagGrants>,
        metrics: &Metrics,
    ) -> Self {
        let values = |severity: Severity| metrics.opcua_values.with_label_values(&[severity.as_str()]);
        let counters = Counters {
            good: values(Severity::Good),
            uncertain: values(Severity::Uncertain),
            bad: values(Severity::Bad),
            overflows: metrics.opcua_overflows.clone(),
            filtered: metrics.opcua_filtered.clone(),
            dropped: metrics.ingress_dropped.with_label_values(&["ingress_full"]),
        };
        let inner = Inner {
            ingress,
            counters,
            awaits_initial: vec![true; tags.len()],
            has_value: vec![false; tags.len()],
            was_heard: vec![false; tags.len()],
            lost_nodes: Arc::default(),
            refresh: Arc::default(),
            under_way: UnderWay::default(),
            structures: Arc::new(Structures::new(Arc::clone(&tags))),
            last_values: LastValues::new(&tags, Instant::now()),
            clocks: Clocks::new(&tags, metrics),
            overflows: OverflowLog::default(),
            tags,
            table,
            grants,
        };
        Self { inner: Mutex::new(inner) }
    }

    /// New MonitoredItems repeat the current value first.
    pub(in crate::opcua) fn begin_session(&self) {
        let mut inner = self.lock();
        inner.awaits_initial.fill(true);
        inner.refresh.clear();
        inner.last_values.begin_session();
        inner.clocks.begin_session();
        let late = inner.structures.begin_session();
        inner.take_late(late);
    }

    /// What waits for its type waits no more.
    pub(in crate::opcua) fn end_session(&self) {
        let mut inner = self.lock();
        let late = inner.structures.end_session();
        inner.take_late(late);
    }

    /// Where values wait for their type. What has waited long enough comes back to `take_late`.
    pub(in crate::opcua) fn structures(&self) -> Arc<Structures> {
        Arc::clone(&self.lock().structures)
    }

    /// Tags that have to be read anew.
    pub(in crate::opcua) fn refresh(&self) -> Arc<Refresh> {
        Arc::clone(&self.lock().refresh)
    }

    /// These are being read: what is published of them meanwhile is newer.
    pub(in crate::opcua) fn begin_refresh(&self, tags: &[TagId]) {
        self.lock().under_way.begin(tags);
    }

    /// Takes what was read anew, unless something newer has come. It repeats the current value.
    pub(in crate::opcua) fn take_refreshed(&self, values: Vec<(TagId, RawValue)>) {
        let mut inner = self.lock();
        let mut batch = Batch::new(Timestamp::now());
        for (tag, value) in values {
            if inner.under_way.settle(tag) {
                inner.awaits_initial[tag.index()] = true;
                inner.accept(tag, value, &mut batch);
            }
        }
        inner.offer(batch);
    }

    /// The next value of each of these repeats the current one.
    pub(in crate::opcua) fn await_initial(&self, tags: &[TagId]) {
        let mut inner = self.lock();
        for tag in tags {
            if let Some(awaits) = inner.awaits_initial.get_mut(tag.index()) {
                *awaits = true;
            }
        }
    }

    /// Tags whose node has gone.
    pub(in crate::opcua) fn lost_nodes(&self) -> Arc<LostNodes> {
        Arc::clone(&self.lock().lost_nodes)
    }

    /// The first of these tags of which nothing has come since they were looked at last.
    pub(in crate::opcua) fn resting(&self, tags: impl Iterator<Item = TagId>, most: usize) -> Vec<TagId> {
        let mut inner = self.lock();
        let mut is_resting = |tag: &TagId| match inner.was_heard.get_mut(tag.index()) {
            Some(was_heard) => !std::mem::take(was_heard),
            None => false,
        };
        tags.filter(|tag| is_resting(tag)).take(most).collect()
    }

    /// The server refuses the item of a tag. Whoever has a value of it must learn that its node has gone.
    pub(in crate::opcua) fn take_refusal(&self, tag: TagId, status: StatusCode) {
        let mut inner = self.lock();
        let has_value = inner.has_value.get(tag.index()).copied().unwrap_or_default();
        if has_value && !inner.lost_nodes.is_lost(tag) {
            let mut batch = Batch::new(Timestamp::now());
            inner.accept(tag, RawValue::null(status), &mut batch);
            inner.offer(batch);
        }
    }

    /// Takes values that have waited for their type.
    pub(in crate::opcua) fn take_late(&self, updates: Vec<TagUpdate>) {
        self.lock().take_late(updates);
    }

    /// Without a connection nobody vouches for the last values.
    pub(in crate::opcua) fn suspend(&self) {
        self.lock().last_values.set_connected(false);
    }

    /// The session has a connection again, and what changed meanwhile has come.
    pub(in crate::opcua) fn resume(&self) {
        self.lock().last_values.set_connected(true);
    }

    /// Nobody vouches for the last value of a tag.
    pub(in crate::opcua) fn doubt(&self, tag: TagId) {
        self.lock().last_values.doubt(tag);
    }

    /// Trigger and deadband of a tag are applied here in this session; the deadband in the value's own unit.
    pub(in crate::opcua) fn filter_here(&self, tag: TagId, deadband: Option<f64>) {
        self.lock().last_values.filter_here(tag, deadband);
    }

    /// Messages of the server are lost, as many as are known; they were sent between these two times.
    pub(in crate::opcua) fn announce_lost(&self, messages: u64, from: Timestamp, to: Timestamp) {
        self.lock().ingress.note_missing(messages, from, to);
    }

    /// Takes what one Publish response carried.
    pub(in crate::opcua) fn take(&self, parts: Vec<Part>, received_at: Timestamp) -> Taken {
        let mut inner = self.lock();
        let mut batch = Batch::new(received_at);
        let mut taken = Taken::default();
        for part in parts {
            match part {
                Part::DataChange { items, unreadable } => {
                    inner.convert(items, &mut batch);
                    if let Some(malformed) = unreadable {
                        debug!(%malformed, "nobody knows what stands behind this in a message of the server");
                        taken.is_incomplete = true;
                    }
                }
                Part::StatusChange(status) => taken.ended = Some(status),
                Part::Other => {}
            }
        }
        inner.offer(batch);
        taken
    }

    /// Takes what was read.
    pub(in crate::opcua) fn take_read(&self, values: Vec<(TagId, RawValue)>) {
        let mut inner = self.lock();
        let mut batch = Batch::new(Timestamp::now());
        batch.updates.reserve_exact(values.len());
        for (tag, value) in values {
            inner.accept(tag, value, &mut batch);
        }
        inner.offer(batch);
    }

    /// Sends what time has made due: heartbeats, and the last values of tags that have become stale. Returns when
    /// something may be due again; `None` when never.
    pub(in crate::opcua) fn take_due(&self) -> Option<Instant> {
        let mut inner = self.lock();
        let mut due = Due::default();
        let next = inner.last_values.due(Instant::now(), Timestamp::now(), &mut due);
        inner.tell_stale(&due.stale);
        let dropped = inner.ingress.offer(due.updates);
        inner.counters.dropped.inc_by(dropped.len() as u64);
        next
    }

    /// Names the tags whose queues on the server have run over since the last call.
    pub(in crate::opcua) fn report_overflows(&self) {
        let mut inner = self.lock();
        let Inner { overflows, grants, tags, .. } = &mut *inner;
        overflows.report(grants, tags);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn new(received_at: Timestamp) -> Self {
        let now = Instant::now();
        Self { updates: Vec::new(), tally: Tally::default(), revived: Vec::new(), received_at, now }
    }
}

impl Inner {
    fn convert(&mut self, items: Vec<Item>, batch: &mut Batch) {
        batch.updates.reserve_exact(items.len());
        for item in items {
            let Some(tag) = self.tag_of(item.client_handle) else { continue };
            self.under_way.overtake(tag);
            self.accept(tag, item.value, batch);
        }
    }

    fn accept(&mut self, tag: TagId, raw: RawValue, batch: &mut Batch) {
        let may_pass = self.structures.may_pass(tag, &raw);
        let (mut update, wire) = self.update(tag, raw, batch.received_at);
        match self.lost_nodes.see(tag, update.status) {
            Seen::There => {}
            // What comes next is the value of another node or of another item.
            Seen::Lost => self.awaits_initial[tag.index()] = true,
            Seen::StillLost => {
                self.awaits_initial[tag.index()] = true;
                return;
            }
            Seen::Found => self.table.set(vec![(tag, TagState::Active)]),
        }
        batch.tally.count(&update);
        if update.flags.has_overflow {
            self.grants.count_overflow(tag);
        }
        match wire {
            Wire::Plain(value) if may_pass => {
                update.value = value;
                self.admit(update, batch);
            }
            wire => {
                let mut finished = Vec::new();
                self.structures.take(update, wire, &mut finished);
                for update in finished {
                    self.admit(update, batch);
                }
            }
        }
    }

    fn admit(&mut self, update: TagUpdate, batch: &mut Batch) {
        let Admission { passes, revives } = self.last_values.admit(&update, batch.now);
        if revives {
            batch.revived.push(update.tag);
        }
        if passes {
            batch.tally.newest.look_at(&update);
            batch.updates.push(update);
        } else {
            batch.tally.filtered += 1;
        }
    }

    fn take_late(&mut self, updates: Vec<TagUpdate>) {
        if updates.is_empty() {
            return;
        }
        let mut batch = Batch::new(Timestamp::now());
        for update in updates {
            self.admit(update, &mut batch);
        }
        // How old they are says nothing of anybody's clock.
        batch.tally.newest = Newest::default();
        self.offer(batch);
    }

    fn offer(&mut self, batch: Batch) {
        self.counters.add(&batch.tally);
        self.clocks.observe(batch.tally.newest, batch.received_at);
        if !batch.revived.is_empty() {
            self.table.revive(&batch.revived);
        }
        let dropped = self.ingress.offer(batch.updates);
        self.counters.dropped.inc_by(dropped.len() as u64);
        // Otherwise a value that rests would be old until its next change.
        for tag in &dropped {
            self.last_values.forget(*tag);
        }
        if !dropped.is_empty() {
            self.refresh.want(dropped);
        }
    }

    fn tell_stale(&self, stale: &[TagId]) {
        if stale.is_empty() {
            return;
        }
        let reason = |tag: &TagId| {
            let limit = self.tags[tag.index()].subscription.stale_after.unwrap_or_default();
            (*tag, format!("stale: no value has come for {} s (`stale_after`)", limit.as_secs_f64()))
        };
        self.table.set_stale(stale.iter().map(reason).collect());
    }

    /// A server that sends a handle of its own invention is not worth a panic.
    fn tag_of(&self, handle: u32) -> Option<TagId> {
        handle.checked_sub(FIRST_HANDLE).map(TagId).filter(|tag| tag.index() < self.tags.len())
    }

    /// All but the value, and the value as it came.
    fn update(&mut self, tag: TagId, raw: RawValue, received_at: Timestamp) -> (TagUpdate, Wire) {
        let RawValue { value, status, source_timestamp, server_timestamp, is_lossy } = raw;
        self.has_value[tag.index()] = true;
        self.was_heard[tag.index()] = true;
        let flags = UpdateFlags {
            is_initial: std::mem::take(&mut self.awaits_initial[tag.index()]),
            has_overflow: status.has_overflow(),
            is_lossy_text: is_lossy,
            ..UpdateFlags::default()
        };
        let update =
            TagUpdate { tag, value: TagValue::Null, status, source_timestamp, server_timestamp, received_at, flags };
        (update, value)
    }
}

impl Tally {
    fn count(&mut self, update: &TagUpdate) {
        match update.status.severity() {
            Severity::Good => self.good += 1,
            Severity::Uncertain => self.uncertain += 1,
            Severity::Bad => self.bad += 1,
        }
        self.overflows += u64::from(update.flags.has_overflow);
    }
}

impl Counters {
    fn add(&self, tally: &Tally) {
        self.good.inc_by(tally.good);
        self.uncertain.inc_by(tally.uncertain);
        self.bad.inc_by(tally.bad);
        self.overflows.inc_by(tally.overflows);
        self.filtered.inc_by(tally.filtered);
    }
}

#[cfg(test)]
#[path = "conversion_tests.rs"]
mod tests;
