use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{DecisionSpec, Label, Registry};

fn spec(kind: &str, threshold: ThresholdSpec) -> ModelSpec {
    ModelSpec { threshold, ..ModelSpec::defaults_of(Registry::builtin().get(kind).unwrap().as_ref()) }
}

fn fit_spec(spec: &ModelSpec, width: usize) -> Model {
    let rows = Array2::from_shape_fn((200, width), |(row, column)| ((row * 37 + column * 11) % 100) as f64 / 20.0);
    spec.fit(&Registry::builtin(), rows.view()).unwrap()
}

fn fit(kind: &str, width: usize, threshold: ThresholdSpec) -> Model {
    fit_spec(&spec(kind, threshold), width)
}

fn assess(model: &Model, x: &[f64]) -> Assessment {
    model.assess(&model.initial_state(), x, Time(0)).unwrap()
}

#[test]
fn a_model_says_what_it_is() {
    let model = fit("isolation_forest", 2, ThresholdSpec::Contamination(0.1));
    assert_eq!((model.kind(), model.width(), model.training_samples()), ("isolation_forest", 2, 200));
    assert_eq!(model.threshold().to_bits(), 0.0_f64.to_bits());
    assert!((model.training_share_labelled() - 0.1).abs() < 0.02, "{}", model.training_share_labelled());
}

#[test]
fn normal_values_score_below_zero_and_far_ones_above_under_contamination() {
    let model = fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05));
    let inside = assess(&model, &[2.5]);
    let outside = assess(&model, &[9.0]);
    assert!(inside.score < 0.0 && inside.label == Label::Normal, "{inside:?}");
    assert!(outside.score > 0.0 && outside.label == Label::Anomaly, "{outside:?}");
}

#[test]
fn the_scaled_row_is_what_standardisation_says() {
    let model = fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05));
    let scaled = model.scale(&[2.475]).unwrap();
    assert!(scaled[0].abs() < 1e-12, "{scaled:?}");
}

#[test]
fn far_and_very_far_are_told_apart_by_the_guard_alone() {
    let guarded = fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05));
    let (far, very_far) = (assess(&guarded, &[15.0]), assess(&guarded, &[50.0]));
    assert!(very_far.score > far.score + 5.0 && far.label == Label::Anomaly, "{far:?} {very_far:?}");
    let bare = fit_spec(&ModelSpec { guard: None, ..spec("isolation_forest", ThresholdSpec::Contamination(0.05)) }, 1);
    assert_eq!(assess(&bare, &[15.0]), assess(&bare, &[50.0]));
    assert_eq!(assess(&bare, &[2.0]), assess(&guarded, &[2.0]));
}

#[test]
fn what_is_out_of_range_is_an_anomaly_even_where_the_detector_sees_nothing() {
    let blind =
        ModelSpec { threshold: ThresholdSpec::Fixed(1e9), ..spec("isolation_forest", ThresholdSpec::Fixed(1e9)) };
    let model = fit_spec(&blind, 1);
    assert_eq!(assess(&model, &[9.0]).label, Label::Normal);
    let outside = assess(&model, &[11.0]);
    assert!(outside.label == Label::Anomaly && outside.score > outside.threshold, "{outside:?}");
}

#[test]
fn rows_that_cannot_be_scored_say_why_and_move_nothing() {
    for kind in ["isolation_forest", "ewma_z"] {
        let model = fit(kind, 2, ThresholdSpec::Fixed(0.0));
        let mut state = model.initial_state();
        model.observe(&mut state, &[1.0, 2.0], Time(0)).unwrap();
        let before = state.clone();
        for row in [&[][..], &[1.0], &[1.0, 2.0, 3.0], &[f64::NAN, 1.0], &[1.0, f64::NEG_INFINITY]] {
            assert!(matches!(model.observe(&mut state, row, Time(0)), Err(NoScore::Row(_))), "{row:?}");
            assert!(model.scale(row).is_err());
            assert_eq!(state, before);
        }
    }
    let model = fit("ewma_z", 2, ThresholdSpec::Fixed(0.0));
    let error = model.check_row(&[1.0]).unwrap_err();
    assert_eq!(error.to_string(), "a row of 1 values does not fit a model of 2; give 2");
    let error = model.check_row(&[1.0, f64::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "value 1 of the row is NaN; only finite numbers can be scored");
}

#[test]
fn assessing_says_what_observing_would_and_changes_nothing() {
    let model = fit("ewma_z", 1, ThresholdSpec::Fixed(3.0));
    let mut state = model.initial_state();
    let asked = model.assess(&state, &[9.0], Time(0)).unwrap();
    assert_eq!(model.assess(&state, &[9.0], Time(0)).unwrap(), asked);
    assert_eq!(model.observe(&mut state, &[9.0], Time(0)).unwrap(), asked);
    let second = model.assess(&state, &[9.0], Time(1)).unwrap();
    assert!(second.score > asked.score, "the average moves on towards a lasting shift");
}

#[test]
fn smoothing_and_debouncing_hold_back_a_single_peak() {
    let threshold = ThresholdSpec::Fixed(0.6);
    let plain = ModelSpec { guard: None, ..spec("isolation_forest", threshold) };
    let decision = DecisionSpec { raise_after: 2, ..DecisionSpec::default() };
    let chains = [plain.clone(), ModelSpec { smoothing: Some(0.2), ..plain.clone() }, ModelSpec { decision, ..plain }];
    let labels = chains.map(|spec| {
        let model = fit_spec(&spec, 1);
        let mut state = model.initial_state();
        [2.5, 2.5, 30.0, 2.5].map(|value| model.observe(&mut state, &[value], Time(0)).unwrap().label.as_u8())
    });
    assert_eq!(labels, [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]);
}

#[test]
fn explanations_name_the_value_that_stands_out_and_only_for_anomalies() {
    for (kind, level) in [("isolation_forest", 0.55), ("ewma_z", 2.0)] {
        let model = fit(kind, 3, ThresholdSpec::Fixed(level));
        let mut shares = [0.0; 3];
        for far in [8.0, 800.0] {
            let mut explained = model.initial_state();
            let row = [2.5, far, 2.0];
            let assessment = model.observe_explaining(&mut explained, &row, Time(0), &mut shares).unwrap();
            assert!(assessment.is_above() && shares[1] > 0.5, "{kind}: {assessment:?} {shares:?}");
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let mut plain = model.initial_state();
            assert_eq!(model.observe(&mut plain, &row, Time(0)).unwrap(), assessment);
            assert_eq!(plain, explained, "explaining must not change what follows");
        }
        model.observe_explaining(&mut model.initial_state(), &[2.5, 2.4, 2.6], Time(0), &mut shares).unwrap();
        assert!(shares.iter().all(|share| *share <= 0.0), "{kind}: {shares:?}");
    }
}

#[test]
fn a_table_gets_the_scores_of_its_rows() {
    let model = fit("isolation_forest", 2, ThresholdSpec::Contamination(0.05));
    let rows = [1.0, 2.0, 4.9, 0.0, 30.0, -2.0];
    let mut scores = [0.0; 3];
    model.score_rows(&rows, &mut scores).unwrap();
    for (row, score) in rows.chunks(2).zip(scores) {
        assert_eq!(assess(&model, row).score.to_bits(), score.to_bits());
    }
    assert!(model.score_rows(&rows[..3], &mut scores).is_err());
    assert!(model.score_rows(&[1.0, f64::NAN], &mut scores).is_err());
}

#[test]
fn training_scores_of_a_kind_with_memory_are_those_of_the_rows_one_after_another() {
    let table = Array2::from_shape_fn((200, 1), |(row, column)| ((row * 37 + column * 11) % 100) as f64 / 20.0);
    for kind in ["ewma_z", "ar_energy", "ensemble"] {
        let spec = ModelSpec { guard: None, ..spec(kind, ThresholdSpec::Fixed(3.0)) };
        let model = spec.fit(&Registry::builtin(), table.view()).unwrap();
        let mut state = model.initial_state();
        let expected =
            table.iter().map(|value| model.observe(&mut state, &[*value], Time(0)).map_or(f64::NAN, |a| a.score));
        let found = model.training_scores(&table.view().into()).unwrap();
        assert!(found.iter().zip(expected).all(|(found, expected)| found.to_bits() == expected.to_bits()), "{kind}");
        assert!(found.iter().filter(|score| score.is_finite()).count() > 190, "{kind}");
    }
}

#[test]
fn probability_and_confidence_grow_with_the_score() {
    let model = fit("isolation_forest", 1, ThresholdSpec::Contamination(0.05));
    for method in [Probability::Linear, Probability::Unify] {
        let [inside, edge] = [2.5, 9.0].map(|x| model.probability(assess(&model, &[x]).score, method).unwrap());
        assert!((0.0..=1.0).contains(&inside) && inside < edge, "{inside} {edge}");
    }
    assert!(model.confidence(assess(&model, &[2.5]).score).unwrap() > 0.9);
    assert_eq!(fit("isolation_forest", 1, ThresholdSpec::Fixed(0.6)).confidence(0.5), None);
    assert_eq!(fit("ewma_z", 1, ThresholdSpec::Fixed(0.6)).probability(0.5, Probability::Linear), None);
}

#[test]
fn learning_stops_at_the_threshold() {
    let mut model = fit("ewma_z", 1, ThresholdSpec::Fixed(3.0));
    assert!(model.adapts());
    let mut state = model.initial_state();
    let before = format!("{:?}", model.detector);
    let assessment = model.observe(&mut state, &[90.0], Time(0)).unwrap();
    model.learn(&state, &assessment, Time(0));
    assert_eq!(format!("{:?}", model.detector), before);
    let mut state = model.initial_state();
    let assessment = model.observe(&mut state, &[2.6], Time(0)).unwrap();
    model.learn(&state, &assessment, Time(0));
    assert_ne!(format!("{:?}", model.detector), before);
}

#[test]
fn the_memory_of_another_model_is_taken_for_what_it_is_worth() {
    let model = fit("ewma_z", 2, ThresholdSpec::Fixed(3.0));
    let mut foreign = fit("ewma_z", 1, ThresholdSpec::Fixed(3.0)).initial_state();
    assert!(model.observe(&mut foreign, &[1.0, 2.0], Time(0)).is_ok());
}

proptest! {
    #[test]
    fn no_sequence_of_numbers_whatever_makes_a_model_panic_or_poisons_its_memory(
        values in prop::collection::vec(any::<f64>(), 0..40), width in 1_usize..4,
    ) {
        for kind in ["isolation_forest", "ewma_z"] {
            let model = fit(kind, width, ThresholdSpec::Quantile { quantile: 0.99, factor: 1.5 });
            let mut state = model.initial_state();
            for row in values.chunks(width) {
                let assessment = model.observe(&mut state, row, Time(0));
                prop_assert_eq!(assessment.is_ok(), model.check_row(row).is_ok());
                prop_assert!(assessment.is_err() || assessment.unwrap().score.is_finite());
                prop_assert!(state.detector().values().iter().all(|value| value.is_finite()));
            }
        }
    }
}

mod with_features {
    use super::*;
    use crate::{FeatureSpec, Features, FitError, Statistic, TrainingRows};

    fn spec(features: Vec<FeatureSpec>) -> ModelSpec {
        let features = Features::new(features).unwrap();
        ModelSpec { features, ..super::spec("isolation_forest", ThresholdSpec::Contamination(0.05)) }
    }

    fn window() -> FeatureSpec {
        FeatureSpec::Window { input: 0, size: 5, statistics: vec![Statistic::Rms, Statistic::Slope] }
    }

    fn inputs(count: usize, width: usize) -> TrainingRows {
        let table =
            Array2::from_shape_fn((count, width), |(row, column)| ((row * 37 + column * 11) % 100) as f64 / 20.0);
        table.view().into()
    }

    #[test]
    fn a_chain_makes_its_features_itself_and_says_nothing_before_they_are_there() {
        let model =
            spec(vec![FeatureSpec::Value { input: 1 }, window()]).fit(&Registry::builtin(), inputs(200, 2)).unwrap();
        assert_eq!((model.inputs(), model.width(), model.training_samples()), (2, 3, 196));
        let mut state = model.initial_state();
        let said: Vec<bool> =
            (0..7).map(|row| model.observe(&mut state, &[f64::from(row), 2.0], Time(0)).is_ok()).collect();
        assert_eq!(said, [false, false, false, false, true, true, true]);
        assert_eq!(
            model.observe(&mut state, &[1.0], Time(0)),
            Err(NoScore::Row(RowError::Width { expected: 2, found: 1 }))
        );
    }

    #[test]
    fn windows_do_not_reach_across_segments_of_the_training_rows() {
        let mut rows = TrainingRows::new(1);
        for row in 0..40 {
            if row % 8 == 0 {
                rows.start_segment();
            }
            rows.push(&[f64::from(row)]);
        }
        let made = spec(vec![window()]).make_features(&rows).unwrap();
        assert_eq!(made.count(), 5 * 4);
        assert!(made.column(1).all(|slope| (slope - 1.0).abs() < 1e-9));
        assert_eq!(made.segments().count(), 5);
    }

    #[test]
    fn between_frames_the_verdict_on_the_last_one_holds_and_nothing_is_learned() {
        let bands = FeatureSpec::Bands { input: 0, size: 16, count: 2, hop: 4 };
        let ewma = ModelSpec {
            features: Features::new(vec![bands]).unwrap(),
            ..super::spec("ewma_z", ThresholdSpec::Fixed(3.0))
        };
        let mut model = ewma.fit(&Registry::builtin(), inputs(400, 1)).unwrap();
        let mut state = model.initial_state();
        let mut changes = 0;
        let mut last = None;
        for row in 0..64_u32 {
            let before = format!("{:?}", model.detector);
            let said = model.observe(&mut state, &[f64::from(row * 37 % 100) / 20.0], Time(0));
            assert_eq!(said.is_ok(), row >= 15);
            let Ok(assessment) = said else { continue };
            model.learn(&state, &assessment, Time(0));
            let learned = before != format!("{:?}", model.detector);
            assert!(!learned || (row + 1) % 4 == 0, "row {row}");
            changes += u32::from(last != Some(assessment.score.to_bits()));
            last = Some(assessment.score.to_bits());
        }
        assert_eq!(changes, 1 + (63 - 15) / 4);
    }

    #[test]
    fn rows_that_do_not_fit_the_features_are_refused() {
        let error = spec(vec![window()]).fit(&Registry::builtin(), inputs(100, 2)).unwrap_err();
        assert_eq!(error, FitError::Inputs { expected: 1, found: 2 });
    }

    #[test]
    fn the_memory_of_another_model_fills_anew() {
        let model = spec(vec![window()]).fit(&Registry::builtin(), inputs(200, 1)).unwrap();
        let mut foreign = fit("ewma_z", 2, ThresholdSpec::Fixed(3.0)).initial_state();
        for row in 0..10 {
            assert_eq!(model.observe(&mut foreign, &[f64::from(row)], Time(0)).is_ok(), row >= 4);
        }
    }
}
