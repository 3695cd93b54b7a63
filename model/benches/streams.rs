//! What one row costs the kinds with short memory, from the raw values to the label, and what a fit costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use tagwise_model::{Model, ModelSpec, Registry, Time};

/// Channels that each follow their own past, driven by sums of three dice.
fn rows(count: usize, width: usize) -> Array2<f64> {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut table = Array2::from_shape_simple_fn((count, width), || next() + next() + next());
    for row in 1..count {
        for column in 0..width {
            table[[row, column]] += 0.7 * table[[row - 1, column]];
        }
    }
    table
}

fn fit(kind: &str, training: &Array2<f64>) -> Model {
    let registry = Registry::builtin();
    let kind = registry.get(kind).expect("a builtin kind");
    ModelSpec::defaults_of(kind.as_ref()).fit(&registry, training.view()).expect("rows that can be fitted")
}

fn observe(criterion: &mut Criterion) {
    for kind in ["ewma_z", "ar_energy", "mewma_t2", "var_energy"] {
        for width in [1, 8, 52] {
            let table = rows(500, width);
            let model = fit(kind, &table);
            let mut state = model.initial_state();
            let mut row = 0;
            criterion.bench_function(&format!("observe, {kind}, channels: {width}"), |bencher| {
                bencher.iter(|| {
                    row = (row + 1) % 500;
                    let x = &table.as_slice().expect("a fresh table")[row * width..][..width];
                    model.observe(&mut state, black_box(x), Time(0))
                });
            });
        }
    }
}

fn train(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fit");
    group.sample_size(10);
    for kind in ["ar_energy", "mewma_t2", "var_energy"] {
        let table = rows(500, 52);
        group.bench_function(format!("{kind} on 500 rows, channels: 52"), |bencher| {
            bencher.iter(|| fit(kind, black_box(&table)));
        });
    }
    group.finish();
}

criterion_group!(benches, observe, train);
criterion_main!(benches);
