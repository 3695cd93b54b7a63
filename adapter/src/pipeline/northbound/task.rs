//! The task that takes batches from the ingress queue to the spool.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::MissedTickBehavior;

use super::{events::GapAnnouncer, mapping::MappingState};
use crate::{
    config::Config,
    domain::{Epoch, Lane, OutboundMessage, Sequence, TagUpdate, Timestamp},
    pipeline::{ingress::IngressReceiver, southbound::AlarmLevels},
    spool::Spool,
    stage::ModelStage,
    supervisor::Board,
    telemetry::Metrics,
};

/// How often losses are announced and the task says that it is alive.
const TICK: Duration = Duration::from_secs(1);

/// Takes values north: update -> assessment -> message -> spool.
#[derive(Debug)]
pub struct NorthboundTask {
    ingress: IngressReceiver,
    mappings: Vec<MappingState>,
    /// Mappings by tag.
    by_tag: Vec<Vec<usize>>,
    stage: Arc<ModelStage>,
    spool: Arc<Spool>,
    alarm_levels: AlarmLevels,
    gaps: GapAnnouncer,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
}

/// What the task works with.
#[derive(Debug)]
pub struct NorthboundParts {
    /// Where values come from.
    pub ingress: IngressReceiver,
    /// Who assesses them.
    pub stage: Arc<ModelStage>,
    /// Where messages go.
    pub spool: Arc<Spool>,
    /// Where alarm bits go.
    pub alarm_levels: AlarmLevels,
    /// Where signs of life go.
    pub board: Arc<Board>,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
}

/// One message of a batch before its payload can be cut out of the shared buffer.
struct Draft {
    mapping: usize,
    update: usize,
    end: usize,
    sequence: Sequence,
    user_properties: Vec<(Cow<'static, str>, String)>,
}

impl NorthboundTask {
    /// A task for all northbound mappings of `config`.
    pub fn new(config: &Config, epoch: Epoch, parts: NorthboundParts) -> Self {
        let mut by_tag = vec![Vec::new(); config.tags.len()];
        for (index, mapping) in config.northbound_mappings.iter().enumerate() {
            by_tag[mapping.tag.index()].push(index);
        }
        let indices = 0..config.northbound_mappings.len();
        let mappings = indices.map(|index| MappingState::new(config, index, epoch, &parts.metrics)).collect();
        Self {
            ingress: parts.ingress,
            mappings,
            by_tag,
            stage: parts.stage,
            spool: parts.spool,
            alarm_levels: parts.alarm_levels,
            gaps: GapAnnouncer::new(&config.adapter, epoch),
            board: parts.board,
            metrics: parts.metrics,
        }
    }

    /// Works until the ingress queue is closed and empty.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                batch = self.ingress.receive() => match batch {
                    Some(batch) => self.handle(&batch),
                    None => break,
                },
                _ = tick.tick() => {
                    self.announce_losses();
                    self.board.progress("northbound");
                }
            }
        }
        self.announce_losses();
    }

    fn handle(&mut self, batch: &[TagUpdate]) {
        let now = Timestamp::now();
        let mut payloads = Vec::with_capacity(batch.len() * 256);
        let mut drafts = Vec::with_capacity(batch.len());
        let mut alarms = Vec::new();
        for (index, update) in batch.iter().enumerate() {
            let Some(mappings) = self.by_tag.get(update.tag.index()) else { continue };
            self.stage.note(update);
            for &mapping in mappings {
                let state = &mut self.mappings[mapping];
                let Some(update) = state.treat(update) else {
                    self.metrics.ingress_dropped.with_label_values(&["quality"]).inc();
                    continue;
                };
                let assessed = self.stage.assess(mapping, &update);
                let sequence = state.encode(&mut payloads, &update, assessed.as_ref());
                let user_properties = state.anomaly_properties(assessed.as_ref());
                drafts.push(Draft { mapping, update: index, end: payloads.len(), sequence, user_properties });
                if let Some((message, write)) = state.observe_alarm(&update, assessed.as_ref(), now) {
                    alarms.push(message);
                    if let Some(write) = write {
                        self.alarm_levels.set(write);
                    }
                }
            }
        }
        // Alarms have a lane of their own and may overtake the values that raised them.
        if !alarms.is_empty() {
            self.spool.append(Lane::Urgent, alarms);
        }
        // The messages keep the buffer alive, and the bounds of the spool count only what they use of it.
        payloads.shrink_to_fit();
        self.append(batch, &payloads.into(), drafts, now);
    }

    /// Cuts the shared buffer into messages and hands them over, each kind with one call.
    fn append(&self, batch: &[TagUpdate], payloads: &Bytes, drafts: Vec<Draft>, now: Timestamp) {
        let mut durable = Vec::with_capacity(drafts.len());
        let mut volatile = Vec::new();
        let mut start = 0;
        for draft in drafts {
            let state = &self.mappings[draft.mapping];
            let message = OutboundMessage {
                route: Arc::clone(&state.route),
                epoch: None,
                payload: payloads.slice(start..draft.end),
                sequence: Some(draft.sequence),
                user_properties: draft.user_properties,
                correlation_data: None,
                source_timestamp: Some(batch[draft.update].timestamp().0),
                created_at: now,
            };
            start = draft.end;
            if state.is_volatile() { volatile.push(message) } else { durable.push(message) }
        }
        if !durable.is_empty() {
            self.spool.append(Lane::Values, durable);
        }
        if !volatile.is_empty() {
            self.spool.append_volatile(volatile);
        }
    }

    fn announce_losses(&self) {
        let now = Timestamp::now();
        let mut messages: Vec<OutboundMessage> = Vec::new();
        if let Some(dropped) = self.ingress.take_dropped() {
            tracing::warn!(count = dropped.count, "values dropped: more arrived than could be scored and spooled");
            messages.push(self.gaps.ingress(dropped, now));
        }
        // The link has said so in the log.
        messages.extend(self.ingress.take_missing().map(|missing| self.gaps.missing(missing, now)));
        messages.extend(self.spool.take_dropped().iter().map(|dropped| self.gaps.spool(dropped, now)));
        if !messages.is_empty() {
            self.spool.append(Lane::Urgent, messages);
        }
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
