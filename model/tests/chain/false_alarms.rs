//! Thresholds keep their promise on fresh data of many channels, since they are calibrated on scores of rows that the
//! model has not seen.

use crate::plant::{Plant, defaults};
use tagwise_model::{Model, ModelSpec, Registry, ThresholdSpec, Time};

const CHANNELS: usize = 20;
const TRAINING_ROWS: usize = 600;
const FRESH_ROWS: usize = 6000;

fn share_above(model: &Model) -> f64 {
    let mut plant = Plant::new(CHANNELS, 2);
    let mut state = model.initial_state();
    let mut is_above = |second: &usize| {
        let assessment = model.observe(&mut state, &plant.row(), Time(*second as i64 * 1_000_000));
        assessment.is_ok_and(|assessment| assessment.is_above())
    };
    (0..FRESH_ROWS).filter(|second| is_above(second)).count() as f64 / FRESH_ROWS as f64
}

fn fit(kind: &str, threshold: ThresholdSpec) -> Model {
    let spec = ModelSpec { threshold, ..defaults(kind) };
    spec.fit(&Registry::builtin(), Plant::new(CHANNELS, 1).rows(TRAINING_ROWS)).unwrap()
}

/// Kinds whose scores mean something in themselves, and whose thresholds are therefore not calibrated.
fn is_calibrated(kind: &str) -> bool {
    !matches!(defaults(kind).threshold, ThresholdSpec::Fixed(_))
}

#[test]
fn quantile_and_peaks_over_threshold_keep_their_promise_for_every_kind() {
    let mut failures = Vec::new();
    for kind in Registry::builtin().names().filter(|kind| is_calibrated(kind)) {
        for (threshold, promise) in
            [(ThresholdSpec::Quantile { quantile: 0.98, factor: 1.0 }, 0.02), (ThresholdSpec::Evt(0.01), 0.01)]
        {
            let share = share_above(&fit(kind, threshold));
            if !(promise / 5.0..promise * 2.0).contains(&share) {
                failures.push(format!("{kind}, {threshold:?}: {share:.4} instead of {promise}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
