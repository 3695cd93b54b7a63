//! Adapting is gated: what is flagged is not learned, so a fault stays a fault however long it lasts. The counterpart
//! without the gate learns the same fault away.

use crate::plant::{Dice, defaults};
use tagwise_model::{Model, ModelState, Registry, Time, TrainingRows};

/// Kinds that adapt unless they are told not to.
const KINDS: [&str; 2] = ["ewma_z", "ar_energy"];

fn train(kind: &str) -> Model {
    let mut dice = Dice::new(1);
    let mut rows = TrainingRows::new(1);
    (0..1000).for_each(|_| rows.push(&[dice.normal()]));
    let model = defaults(kind).fit(&Registry::builtin(), rows).unwrap();
    assert!(model.adapts(), "{kind}");
    model
}

/// Whether the last tenth of the values is flagged, by shares.
fn share_flagged_at_the_end(mut model: Model, is_gated: bool, fault: impl Fn(usize) -> f64) -> f64 {
    const ROWS: usize = 20_000;
    let mut dice = Dice::new(2);
    let mut state = model.initial_state();
    let mut flagged = 0;
    for row in 0..ROWS {
        let t = Time(row as i64);
        let Ok(assessment) = model.observe(&mut state, &[dice.normal() + fault(row)], t) else { continue };
        if is_gated {
            model.learn(&state, &assessment, t);
        } else {
            learn_anything(&mut model, &state, t);
        }
        flagged += u32::from(row >= ROWS - ROWS / 10 && assessment.is_above());
    }
    f64::from(flagged) / (ROWS / 10) as f64
}

/// What the gate prevents: the row is passed off as a normal one.
fn learn_anything(model: &mut Model, state: &ModelState, t: Time) {
    let passed_off = tagwise_model::Assessment { score: f64::MIN, threshold: 0.0, label: tagwise_model::Label::Normal };
    model.learn(state, &passed_off, t);
}

#[track_caller]
fn check(name: &str, fault: impl Fn(usize) -> f64 + Copy) {
    for kind in KINDS {
        let gated = share_flagged_at_the_end(train(kind), true, fault);
        let ungated = share_flagged_at_the_end(train(kind), false, fault);
        assert!(gated > 0.9, "{kind}, {name}: only {gated} flagged at the end although the gate is shut");
        assert!(ungated < 0.1, "{kind}, {name}: {ungated} flagged at the end although everything is learned");
    }
}

#[test]
fn a_fast_fault_is_not_learned_away() {
    check("a step", |row| if row < 1000 { 0.0 } else { 8.0 });
}

#[test]
fn a_slow_fault_is_not_learned_away() {
    check("a ramp", |row| (row.saturating_sub(1000) as f64 * 0.02).min(8.0));
}

#[test]
fn normal_values_that_wander_slower_than_the_adaptation_are_followed() {
    for kind in KINDS {
        let wandering = |row: usize| row as f64 * 2e-4;
        let adapting = share_flagged_at_the_end(train(kind), true, wandering);
        assert!(adapting < 0.05, "{kind}: {adapting}");
    }
}
