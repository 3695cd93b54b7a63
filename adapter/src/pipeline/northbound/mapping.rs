//! One northbound mapping at work: its route, its encoder, its count and its alarm.

use std::{borrow::Cow, sync::Arc};

use tagwise_model::Label;

use super::encode::Encoder;
use crate::{
    alarm::Alarm,
    config::{
        Config,
        effective::{AnomalyUserProperties, QualityAction, QualityPolicy},
    },
    domain::{
        BrokerId, Epoch, OutboundMessage, Qos, Route, Sequence, Severity, TagId, TagUpdate, TagValue, Timestamp,
        UpdateFlags,
    },
    pipeline::southbound::AlarmWrite,
    stage::Assessed,
    telemetry::Metrics,
};

/// What is known about one mapping, and how far it has counted.
#[derive(Debug)]
pub(super) struct MappingState {
    pub(super) route: Arc<Route>,
    pub(super) broker: BrokerId,
    encoder: Encoder,
    last_sequence: u64,
    quality: QualityPolicy,
    /// The last good value, null while there was none; `None` where nothing is ever held.
    last_good: Option<TagValue>,
    anomaly_user_properties: AnomalyUserProperties,
    alarm: Option<Alarm>,
    write_tag: Option<TagId>,
    index: usize,
}

impl MappingState {
    /// The state of the mapping at `index` of the configuration's list.
    pub(super) fn new(config: &Config, index: usize, epoch: Epoch, metrics: &Metrics) -> Self {
        let mapping = &config.northbound_mappings[index];
        let tag = &config.tags[mapping.tag.index()];
        let route = Route {
            topic: mapping.topic.clone(),
            qos: mapping.qos,
            is_retained: mapping.retain,
            user_properties: mapping.mqtt_user_properties.clone(),
            message_expiry: mapping.message_expiry_interval,
            content_type: mapping.content_type.clone(),
            tag_name: Some(tag.name.clone()),
        };
        let model = mapping.model.map(|index| config.models[index].name.as_str());
        let alarm =
            mapping.alarm.as_ref().zip(model).map(|(alarm, model)| Alarm::new(alarm, model, &tag.name, metrics));
        Self {
            route: Arc::new(route),
            broker: mapping.broker,
            encoder: Encoder::new(mapping.include, &tag.name, epoch),
            last_sequence: 0,
            quality: mapping.quality,
            last_good: holds(mapping.quality).then_some(TagValue::Null),
            anomaly_user_properties: mapping.anomaly_user_properties,
            alarm,
            write_tag: mapping.alarm.as_ref().and_then(|alarm| alarm.write_tag),
            index,
        }
    }

    pub(super) fn is_volatile(&self) -> bool {
        self.route.qos == Qos::AtMostOnce
    }

    /// What the mapping sends for a value of this quality; `None` for nothing.
    ///
    /// Of a value that is held, status and times are those of the one that is not good, so that it can be seen what is
    /// wrong and since when.
    pub(super) fn treat<'update>(&mut self, update: &'update TagUpdate) -> Option<Cow<'update, TagUpdate>> {
        let action = match update.status.severity() {
            Severity::Good => {
                if let Some(last_good) = &mut self.last_good {
                    last_good.clone_from(&update.value);
                }
                return Some(Cow::Borrowed(update));
            }
            Severity::Uncertain => self.quality.uncertain,
            Severity::Bad => self.quality.bad,
        };
        match action {
            QualityAction::Publish => Some(Cow::Borrowed(update)),
            QualityAction::Drop => None,
            QualityAction::Hold => {
                let value = self.last_good.clone().filter(|value| *value != TagValue::Null)?;
                let flags = UpdateFlags { is_held: true, ..update.flags };
                Some(Cow::Owned(TagUpdate { value, flags, ..*update }))
            }
        }
    }

    /// Appends the payload to `out`, under the next number of this mapping.
    pub(super) fn encode(&mut self, out: &mut Vec<u8>, update: &TagUpdate, assessed: Option<&Assessed>) -> Sequence {
        self.last_sequence += 1;
        let sequence = Sequence(self.last_sequence);
        self.encoder.encode(out, update, sequence, assessed);
        sequence
    }

    /// The anomaly as user properties, where the mapping asks for them.
    pub(super) fn anomaly_properties(&self, assessed: Option<&Assessed>) -> Vec<(Cow<'static, str>, String)> {
        let Some(assessed) = assessed else { return Vec::new() };
        let is_anomaly = matches!(&assessed.result, Ok(assessment) if assessment.label == Label::Anomaly);
        let is_asked_for = match self.anomaly_user_properties {
            AnomalyUserProperties::Never => false,
            AnomalyUserProperties::OnAnomaly => is_anomaly,
            AnomalyUserProperties::Always => true,
        };
        if !is_asked_for {
            return Vec::new();
        }
        let mut properties = Vec::with_capacity(4);
        let status = match &assessed.result {
            Ok(assessment) => {
                properties.push(("anomaly-score".into(), assessment.score.to_string()));
                properties.push(("anomaly-label".into(), assessment.label.as_u8().to_string()));
                "scored"
            }
            Err(unscored) => unscored.as_str(),
        };
        properties.push(("anomaly-model".into(), assessed.model.to_string()));
        properties.push(("anomaly-status".into(), status.to_owned()));
        properties
    }

    /// Shows the alarm what was assessed; after a change, says what to send and what is to be written to the PLC.
    pub(super) fn observe_alarm(
        &mut self,
        update: &TagUpdate,
        assessed: Option<&Assessed>,
        now: Timestamp,
    ) -> Option<(OutboundMessage, Option<AlarmWrite>)> {
        let alarm = self.alarm.as_mut()?;
        let scored = assessed?.result.as_ref().ok();
        let label = scored.map(|assessment| assessment.label == Label::Anomaly);
        let score = scored.map_or(f64::NAN, |assessment| assessment.score);
        let change = alarm.observe(label, score, update.timestamp().0)?;
        let is_active = alarm.is_active();
        let write = self.write_tag.map(|tag| AlarmWrite { tag, mapping: self.index, is_active });
        Some((alarm.message(&change, now), write))
    }
}

fn holds(quality: QualityPolicy) -> bool {
    [quality.bad, quality.uncertain].contains(&QualityAction::Hold)
}
