//! Retraining on the reservoir of all good values keeps the false-alarm share where it was, round after round. The
//! counterpart, retraining on what the last model let through, raises it at every round.

use crate::plant::{Dice, defaults};
use tagwise_model::{Model, ModelSpec, Registry, Reservoir, Sampling, ThresholdSpec, Time, TrainingRows};

const ROUNDS: usize = 20;
const ROWS: usize = 4000;

/// A value with a memory, as vibration has.
struct Stream {
    dice: Dice,
    value: f64,
    now: i64,
}

impl Stream {
    fn new() -> Self {
        Self { dice: Dice::new(9), value: 0.0, now: 0 }
    }

    fn next(&mut self) -> (f64, Time) {
        self.value = 0.6 * self.value + 0.8 * self.dice.normal();
        self.now += 100_000;
        (2.5 + 0.4 * self.value, Time(self.now))
    }
}

fn first_model(spec: &ModelSpec, stream: &mut Stream) -> Model {
    let mut rows = TrainingRows::new(1);
    for _ in 0..2048 {
        let (value, t) = stream.next();
        rows.push_at(&[value], t);
    }
    spec.fit(&Registry::builtin(), rows).unwrap()
}

/// The share of values above the threshold in each round.
fn shares(spec: &ModelSpec, sampling: Sampling, keeps_all: bool) -> Vec<f64> {
    let mut stream = Stream::new();
    let mut model = first_model(spec, &mut stream);
    let mut reservoir = Reservoir::new(1, Reservoir::MAXIMUM_CAPACITY, sampling, 3);
    let mut shares = Vec::new();
    for _ in 0..ROUNDS {
        if !keeps_all {
            reservoir = Reservoir::new(1, Reservoir::MAXIMUM_CAPACITY, sampling, 3);
        }
        let mut state = model.initial_state();
        let mut flagged = 0;
        for _ in 0..ROWS {
            let (value, t) = stream.next();
            let is_above = model.observe(&mut state, &[value], t).is_ok_and(|assessment| assessment.is_above());
            flagged += u32::from(is_above);
            if keeps_all || !is_above {
                reservoir.push(&[value], t);
            }
        }
        shares.push(f64::from(flagged) / ROWS as f64);
        model = spec.fit(&Registry::builtin(), reservoir.rows()).unwrap();
    }
    shares
}

#[track_caller]
fn assert_steady(kind: &str, threshold: ThresholdSpec, promise: f64, sampling: Sampling) {
    let spec = ModelSpec { threshold, ..defaults(kind) };
    let shares = shares(&spec, sampling, true);
    let last_five = shares[ROUNDS - 5..].iter().sum::<f64>() / 5.0;
    assert!(last_five > promise / 3.0 && last_five < 1.6 * promise, "{kind}: {shares:.3?}");
}

#[test]
fn twenty_retrainings_leave_the_share_of_false_alarms_where_it_was() {
    assert_steady("isolation_forest", ThresholdSpec::Contamination(0.05), 0.05, Sampling::Rows);
    assert_steady("isolation_forest", ThresholdSpec::Quantile { quantile: 0.98, factor: 1.0 }, 0.02, Sampling::Rows);
    assert_steady("ewma_z", ThresholdSpec::Quantile { quantile: 0.98, factor: 1.0 }, 0.02, Sampling::Blocks);
}

#[test]
fn retraining_on_survivors_raises_the_share_of_false_alarms() {
    let spec = ModelSpec { threshold: ThresholdSpec::Contamination(0.05), ..defaults("isolation_forest") };
    let shares = shares(&spec, Sampling::Rows, false);
    assert!(shares[ROUNDS - 1] > 0.15, "{shares:.3?}");
}
