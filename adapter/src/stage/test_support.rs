//! A model stage from a mapping text, for tests.

use std::{path::Path, sync::Arc};

use tagwise_model::Registry;
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{ModelStage, Trainer, Versions};
use crate::{
    config::{self, Config, ProcessEnvironment},
    domain::{StatusCode, TagId, TagUpdate, TagValue, Timestamp, UpdateFlags},
    supervisor::Board,
    telemetry::Metrics,
};

/// What every mapping needs besides.
const HEAD: &str = "version: 1\nadapter: { id: line1 }\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\n";
/// And this one, where it names no brokers of its own.
const BROKER: &str = "broker: { url: mqtt://edge }\n";

/// A mapping without the parts that every mapping needs.
pub(crate) fn config(mapping: &str, registry: &Registry) -> Config {
    let broker = if mapping.contains("brokers:") { "" } else { BROKER };
    let text = format!("{HEAD}{broker}{mapping}");
    match config::parse(&text, Path::new("line1.yaml"), &ProcessEnvironment, registry) {
        Ok(loaded) => loaded.config,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

/// A stage with its trainer, which does nothing before it is run.
pub(crate) struct Scene {
    pub(crate) config: Arc<Config>,
    pub(crate) stage: Arc<ModelStage>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) board: Arc<Board>,
    pub(crate) cancel: CancellationToken,
    trainer: Option<Trainer>,
}

impl Scene {
    pub(crate) fn new(mapping: &str, registry: Registry, state_dir: &TempDir) -> Self {
        let config = Arc::new(config(mapping, &registry));
        let brokers = config.brokers.iter().map(|broker| broker.name.as_str());
        let board = Arc::new(Board::with_brokers(config.tags.len(), brokers));
        let metrics = Arc::new(Metrics::new("line1"));
        let versions = Versions::open(state_dir.path()).unwrap();
        let parts = (Arc::new(registry), Arc::clone(&board), Arc::clone(&metrics));
        let (stage, trainer) = ModelStage::new(&config, parts.0, versions, parts.1, parts.2).unwrap();
        let cancel = CancellationToken::new();
        Self { config, stage: Arc::new(stage), metrics, board, cancel, trainer: Some(trainer) }
    }

    pub(crate) fn run_trainer(&mut self) -> AbortOnDropHandle<()> {
        let trainer = self.trainer.take().expect("it is run once");
        AbortOnDropHandle::new(tokio::spawn(trainer.run(self.cancel.clone())))
    }

    pub(crate) fn trainings(&self, model: &str, result: &str) -> u64 {
        self.metrics.model_retrains.with_label_values(&[model, result]).get()
    }
}

/// Values that look like a healthy machine's, without any randomness.
pub(crate) fn normal(count: usize) -> Vec<f64> {
    (0..count).map(|index| 2.5 + 0.4 * ((index * 37 % 100) as f64 / 50.0 - 1.0)).collect()
}

/// A good value of the first tag.
pub(crate) fn update(value: TagValue, millis: i64) -> TagUpdate {
    TagUpdate {
        tag: TagId(0),
        value,
        status: StatusCode::GOOD,
        source_timestamp: Some(Timestamp::from_unix_millis(millis)),
        server_timestamp: None,
        received_at: Timestamp::from_unix_millis(millis),
        flags: UpdateFlags::default(),
    }
}
