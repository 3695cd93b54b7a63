//! What the way north costs from the ingress queue to the spool: assess, encode and append a batch of 1,000 values.

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tagwise::{
    config::{self, Config, ProcessEnvironment},
    domain::{Epoch, StatusCode, TagId, TagUpdate, TagValue, Timestamp, UpdateFlags},
    pipeline::{
        ingress::{IngressSender, ingress},
        northbound::{NorthboundParts, NorthboundTask},
        southbound::AlarmLevels,
    },
    spool::{Spool, SpoolDisks, SpoolOptions},
    stage::{ModelStage, Versions},
    supervisor::Board,
    telemetry::Metrics,
};
use tagwise_model::Registry;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Values in a batch, one of each tag.
const BATCH: usize = 1_000;

fn config(model: &str) -> Config {
    const HEAD: &str = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\n\
                        broker: { url: mqtt://edge }\ntags:\n";
    let tag = |tag| format!("  - {{ name: t{tag}, node: 'ns=3;s=t{tag}', topic: load/t{tag}{model} }}\n");
    let text = HEAD.to_owned() + &(0..BATCH).map(tag).collect::<Vec<_>>().concat();
    let loaded = config::parse(&text, Path::new("bench.yaml"), &ProcessEnvironment, &Registry::builtin());
    loaded.expect("a valid mapping").config
}

/// A value a second of each tag, spread like a sum of three dice.
fn batch(second: i64) -> Vec<TagUpdate> {
    let mut seed = second.unsigned_abs() + 1;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    let time = Timestamp::from_unix_millis(1_767_225_600_000 + second * 1_000);
    let update = |tag| TagUpdate {
        tag: TagId(tag),
        value: TagValue::Double(next() + next() + next()),
        status: StatusCode::GOOD,
        source_timestamp: Some(time),
        server_timestamp: Some(time),
        received_at: time,
        flags: UpdateFlags::default(),
    };
    (0..).take(BATCH).map(update).collect()
}

/// All that outlives the one run of a task that is measured.
struct Bench {
    config: Config,
    stage: Arc<ModelStage>,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    state_dir: TempDir,
}

impl Bench {
    /// Each instance is trained before anything is measured.
    fn new(runtime: &Runtime, model: &str) -> Self {
        let config = config(model);
        let state_dir = tempfile::tempdir().expect("a temporary directory");
        let (metrics, board) = (Arc::new(Metrics::new("bench")), Arc::new(Board::new(BATCH)));
        let versions = Versions::open(state_dir.path()).expect("an empty directory");
        let shared = (Arc::new(Registry::builtin()), Arc::clone(&board), Arc::clone(&metrics));
        let (stage, trainer) =
            ModelStage::new(&config, shared.0, versions, shared.1, shared.2).expect("no training files");
        let stage = Arc::new(stage);
        runtime.block_on(async {
            let cancel = CancellationToken::new();
            let training = tokio::spawn(trainer.run(cancel.clone()));
            for instance in stage.instances() {
                let rows = (0..1_000).map(|second| batch(second)[0].value.as_number().unwrap_or_default()).collect();
                let rows = ndarray::Array2::from_shape_vec((1_000, 1), rows).expect("one column");
                stage.retrain(instance, rows.view().into()).await.expect("rows that can be learned");
            }
            cancel.cancel();
            training.await.expect("a training that does not panic");
        });
        Self { config, stage, metrics, board, state_dir }
    }

    fn task(&self) -> (IngressSender, NorthboundTask, Arc<Spool>) {
        let (sender, receiver) = ingress(10 * BATCH);
        let disks = SpoolDisks::below(&self.state_dir.path().join("spool")).expect("a disk");
        let spool = Spool::open("edge", disks, Epoch(1), SpoolOptions::default(), &self.metrics).expect("a spool");
        let spool = Arc::new(spool);
        let parts = NorthboundParts {
            ingress: receiver,
            stage: Arc::clone(&self.stage),
            spools: vec![Arc::clone(&spool)],
            alarm_levels: AlarmLevels::default(),
            board: Arc::clone(&self.board),
            metrics: Arc::clone(&self.metrics),
        };
        (sender, NorthboundTask::new(&self.config, Epoch(1), parts), spool)
    }
}

fn northbound(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("assess, encode and append 1,000 values");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, model) in [("without a model", ""), ("with a forest on every tag", ", model: isolation_forest")] {
        let bench = Bench::new(&runtime, model);
        let mut seconds = 0..;
        group.bench_function(name, |bencher| {
            let set_up = || {
                let (sender, task, spool) = bench.task();
                sender.offer(batch(seconds.next().unwrap_or_default()));
                (task, spool)
            };
            let run = |(task, spool): (NorthboundTask, Arc<Spool>)| {
                runtime.block_on(black_box(task).run());
                spool
            };
            bencher.iter_batched(set_up, run, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, northbound);
criterion_main!(benches);
