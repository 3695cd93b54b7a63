//! From one Publish response, or one Read, to one batch in the ingress queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opcua::types::{DataChangeNotification, DataValue};
use opcua::types::{
    DateTime, ExtensionObject, MonitoredItemNotification, StatusChangeNotification, StatusCode as Code, Variant,
};
use prometheus::IntCounter;
use tokio::time::Instant;

use crate::opcua::{
    intake::clocks::{Clocks, Newest},
    intake::grants::TagGrants,
    intake::heartbeat::{Admission, Due, LastValues},
    intake::lost_nodes::{LostNodes, Seen},
    intake::overflows::OverflowLog,
    intake::tag_table::TagTable,
    status,
    value::structure::Structures,
    value::variant,
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
    lost_nodes: Arc<LostNodes>,
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

/// One batch on its way from the library's types into the queue.
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
            lost_nodes: Arc::default(),
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

    /// Tags whose node has gone.
    pub(in crate::opcua) fn lost_nodes(&self) -> Arc<LostNodes> {
        Arc::clone(&self.lock().lost_nodes)
    }

    /// The server refuses the item of a tag. Whoever has a value of it must learn that its node has gone.
    pub(in crate::opcua) fn take_refusal(&self, tag: TagId, status: Code) {
        let mut inner = self.lock();
        if inner.has_value.get(tag.index()).copied().unwrap_or_default() {
            let mut batch = Batch::new();
            inner.accept(tag, DataValue { status: Some(status), ..DataValue::null() }, &mut batch);
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

    /// Takes what one Publish response carried. Returns the status of the Subscription where the server says that it
    /// has changed, which means that it is gone.
    pub(in crate::opcua) fn take(&self, notifications: Vec<ExtensionObject>) -> Option<StatusCode> {
        let mut inner = self.lock();
        let mut batch = Batch::new();
        let mut ended = None;
        for notification in notifications {
            if notification.inner_is::<DataChangeNotification>() {
                let data = notification.into_inner_as::<DataChangeNotification>();
                inner.convert(data.and_then(|data| data.monitored_items).unwrap_or_default(), &mut batch);
            } else if let Some(change) = notification.inner_as::<StatusChangeNotification>() {
                ended = Some(status::from_library(change.status));
            }
        }
        inner.offer(batch);
        ended
    }

    /// Takes what was read.
    pub(in crate::opcua) fn take_read(&self, values: Vec<(TagId, DataValue)>) {
        let mut inner = self.lock();
        let mut batch = Batch::new();
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
        inner.counters.dropped.inc_by(dropped as u64);
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
    fn new() -> Self {
        let (received_at, now) = (Timestamp::now(), Instant::now());
        Self { updates: Vec::new(), tally: Tally::default(), revived: Vec::new(), received_at, now }
    }
}

impl Inner {
    fn convert(&mut self, items: Vec<MonitoredItemNotification>, batch: &mut Batch) {
        batch.updates.reserve_exact(items.len());
        for item in items {
            let Some(tag) = self.tag_of(item.client_handle) else { continue };
            self.accept(tag, item.value, batch);
        }
    }

    fn accept(&mut self, tag: TagId, value: DataValue, batch: &mut Batch) {
        let (mut update, variant) = self.update(tag, value, batch.received_at);
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
        if self.structures.may_pass(tag, &variant) {
            update.value = variant::from_variant(variant).unwrap_or(TagValue::Null);
            self.admit(update, batch);
        } else {
            let mut finished = Vec::new();
            self.structures.take(update, variant, &mut finished);
            for update in finished {
                self.admit(update, batch);
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
        let mut batch = Batch::new();
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
        self.counters.dropped.inc_by(dropped as u64);
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
    fn update(&mut self, tag: TagId, data: DataValue, received_at: Timestamp) -> (TagUpdate, Variant) {
        let status = data.status.map_or(StatusCode::GOOD, status::from_library);
        self.has_value[tag.index()] = true;
        let flags = UpdateFlags {
            is_initial: std::mem::take(&mut self.awaits_initial[tag.index()]),
            has_overflow: status.has_overflow(),
            ..UpdateFlags::default()
        };
        let update = TagUpdate {
            tag,
            value: TagValue::Null,
            status,
            source_timestamp: time(data.source_timestamp),
            server_timestamp: time(data.server_timestamp),
            received_at,
            flags,
        };
        (update, data.value.unwrap_or_default())
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

/// Servers write the beginning of OPC UA's time, 1601, where they have none.
fn time(timestamp: Option<DateTime>) -> Option<Timestamp> {
    timestamp.filter(|timestamp| !timestamp.is_null()).map(variant::from_date_time)
}

#[cfg(test)]
#[path = "conversion_tests.rs"]
mod tests;
