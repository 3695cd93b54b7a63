//! What one row costs on its way from the inputs to the features.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tagwise_model::{FeatureSpec, Features, Statistic, Time};

fn push(criterion: &mut Criterion, name: &str, spec: FeatureSpec) {
    let features = Features::new(vec![spec]).expect("a valid list");
    let mut memory = features.initial_memory();
    let mut out = vec![0.0; features.width().expect("not the empty list")];
    let mut seed = 1_u64;
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = (seed >> 40) as f64 / (1_u64 << 24) as f64;
            features.push(&mut memory, black_box(&[value]), Time(0), black_box(&mut out))
        });
    });
}

fn all(criterion: &mut Criterion) {
    push(criterion, "value", FeatureSpec::Value { input: 0 });
    let window = |size, statistics: &[Statistic]| FeatureSpec::Window { input: 0, size, statistics: statistics.into() };
    push(criterion, "window of 64, mean", window(64, &[Statistic::Mean]));
    push(criterion, "window of 64, peak to peak", window(64, &[Statistic::PeakToPeak]));
    push(criterion, "window of 64, all statistics", window(64, &Statistic::all()));
    push(criterion, "window of 65536, all statistics", window(65_536, &Statistic::all()));
    push(criterion, "difference", FeatureSpec::Difference { input: 0, lag: 1 });
    // Every 512th row pays for the transform; with a hop of 1, every row does.
    push(criterion, "8 bands of 1024, hop 512", FeatureSpec::Bands { input: 0, size: 1024, count: 8, hop: 512 });
    push(criterion, "8 bands of 1024, hop 1", FeatureSpec::Bands { input: 0, size: 1024, count: 8, hop: 1 });
}

criterion_group!(benches, all);
criterion_main!(benches);
