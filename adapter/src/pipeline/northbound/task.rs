//! The task that takes batches from the ingress queue to the spool.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;

use super::{
    events::GapAnnouncer,
    mapping::MappingState,
    parcel::{Draft, Parcel},
};
use crate::{
    config::Config,
    domain::{Epoch, Lane, OutboundMessage, TagUpdate, Timestamp},
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
    /// By `BrokerId`.
    spools: Vec<Arc<Spool>>,
    /// Whether values go to the broker, by `BrokerId`.
    has_values: Vec<bool>,
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
    /// Where messages go: one for each broker of the mapping, by `BrokerId`.
    pub spools: Vec<Arc<Spool>>,
    /// Where alarm bits go.
    pub alarm_levels: AlarmLevels,
    /// Where signs of life go.
    pub board: Arc<Board>,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
}

impl NorthboundTask {
    /// A task for all northbound mappings of `config`.
    pub fn new(config: &Config, epoch: Epoch, parts: NorthboundParts) -> Self {
        let mut by_tag = vec![Vec::new(); config.tags.len()];
        for (index, mapping) in config.northbound_mappings.iter().enumerate() {
            by_tag[mapping.tag.index()].push(index);
        }
        let brokers: HashSet<usize> = config.northbound_mappings.iter().map(|mapping| mapping.broker.index()).collect();
        let indices = 0..config.northbound_mappings.len();
        let mappings = indices.map(|index| MappingState::new(config, index, epoch, &parts.metrics)).collect();
        Self {
            ingress: parts.ingress,
            mappings,
            by_tag,
            stage: parts.stage,
            has_values: (0..parts.spools.len()).map(|index| brokers.contains(&index)).collect(),
            spools: parts.spools,
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
        let share = batch.len() / self.spools.len().max(1);
        let mut parcels: Vec<Parcel> = self.spools.iter().map(|_| Parcel::with_capacity(share)).collect();
        for (index, update) in batch.iter().enumerate() {
            let Some(mappings) = self.by_tag.get(update.tag.index()) else { continue };
            self.stage.note(update);
            for &mapping in mappings {
                let state = &mut self.mappings[mapping];
                let Some(update) = state.treat(update) else {
                    self.metrics.ingress_dropped.with_label_values(&["quality"]).inc();
                    continue;
                };
                let parcel = &mut parcels[state.broker.index()];
                let assessed = self.stage.assess(mapping, &update);
                let sequence = state.encode(&mut parcel.payloads, &update, assessed.as_ref());
                let user_properties = state.anomaly_properties(assessed.as_ref());
                let end = parcel.payloads.len();
                parcel.drafts.push(Draft { mapping, update: index, end, sequence, user_properties });
                if let Some((message, write)) = state.observe_alarm(&update, assessed.as_ref(), now) {
                    parcel.alarms.push(message);
                    if let Some(write) = write {
                        self.alarm_levels.set(write);
                    }
                }
            }
        }
        for (parcel, spool) in parcels.into_iter().zip(&self.spools) {
            parcel.hand_over(spool, &self.mappings, batch, now);
        }
    }

    /// What a spool let go is announced to its own broker. Of what never reached a spool nobody knows whose it was, so
    /// every broker that values go to hears of it.
    fn announce_losses(&self) {
        let now = Timestamp::now();
        let mut unsorted: Vec<OutboundMessage> = Vec::new();
        if let Some(dropped) = self.ingress.take_dropped() {
            tracing::warn!(count = dropped.count, "values dropped: more arrived than could be scored and spooled");
            unsorted.push(self.gaps.ingress(dropped, now));
        }
        // The link has said so in the log.
        unsorted.extend(self.ingress.take_missing().map(|missing| self.gaps.missing(missing, now)));
        for (spool, has_values) in self.spools.iter().zip(&self.has_values) {
            let mut messages = if *has_values { unsorted.clone() } else { Vec::new() };
            let dropped = spool.take_dropped();
            messages.extend(dropped.iter().filter_map(|dropped| self.gaps.spool(dropped, now)));
            if !messages.is_empty() {
                spool.append(Lane::Urgent, messages);
            }
        }
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
