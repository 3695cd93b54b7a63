//! What one row costs, from the raw values to the label, and what a fit costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use tagwise_model::{Model, ModelSpec, Registry, Time};

/// Values without a pattern that a detector could learn by heart, spread like a sum of three dice.
fn rows(count: usize, width: usize) -> Array2<f64> {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    Array2::from_shape_simple_fn((count, width), || next() + next() + next())
}

fn fit(kind: &str, training: &Array2<f64>) -> Model {
    let registry = Registry::builtin();
    let kind = registry.get(kind).expect("a builtin kind");
    ModelSpec::defaults_of(kind.as_ref()).fit(&registry, training.view()).expect("rows that can be fitted")
}

fn score(criterion: &mut Criterion) {
    for (kind, width) in [
        ("isolation_forest", 1),
        ("isolation_forest", 8),
        ("ewma_z", 1),
        ("ewma_z", 8),
        ("knn", 1),
        ("knn", 8),
        ("lof", 8),
        ("ocsvm", 8),
    ] {
        let table = rows(1000, width);
        let model = fit(kind, &table);
        let mut state = model.initial_state();
        let mut row = 0;
        criterion.bench_function(&format!("observe, {kind}, features: {width}"), |bencher| {
            bencher.iter(|| {
                row = (row + 1) % 1000;
                let x = &table.as_slice().expect("a fresh table")[row * width..][..width];
                model.observe(&mut state, black_box(x), Time(0))
            });
        });
    }
}

fn train(criterion: &mut Criterion) {
    for width in [1, 8] {
        let table = rows(1000, width);
        criterion.bench_function(&format!("fit isolation_forest on 1000 rows, features: {width}"), |bencher| {
            bencher.iter(|| fit("isolation_forest", black_box(&table)));
        });
    }
}

criterion_group!(benches, score, train);
criterion_main!(benches);
