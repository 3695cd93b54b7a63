use ndarray::Array2;
use proptest::prelude::*;

use super::AutoencoderKind;
use super::activation::Activation;
use super::detector::{Autoencoder, ReconstructionError};
use super::network::{Layer, Network};
use crate::random::Random;
use crate::{
    Detector, DetectorKind, FitError, Label, Model, ModelSpec, ParamValue, Registry, State, ThresholdSpec, Time, decode,
};

const T: Time = Time(0);

/// Two features that say nearly the same, and one that says something else.
fn normal_rows(count: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed);
    let mut rows = Array2::zeros((count, 3));
    for mut row in rows.rows_mut() {
        let load = random.normal();
        row[0] = 50.0 + 10.0 * load;
        row[1] = 3.0 - load + 0.1 * random.normal();
        row[2] = random.normal();
    }
    rows
}

fn fit(rows: &Array2<f64>, params: &[(&str, ParamValue)]) -> Result<Model, FitError> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    // A threshold that is not calibrated costs one training and not eleven.
    let threshold = ThresholdSpec::Fixed(1.0);
    let spec = ModelSpec { params, guard: None, threshold, ..ModelSpec::defaults_of(&AutoencoderKind) };
    spec.fit(&Registry::builtin(), rows.view())
}

fn score(model: &Model, row: &[f64]) -> f64 {
    model.assess(&model.initial_state(), row, T).unwrap().score
}

/// One layer that gives 2·x₀ + 1 and 0.
fn doubling() -> Layer {
    Layer { weights: [2.0, 0.0, 0.0, 0.0].into(), biases: [1.0, 0.0].into(), activation: Activation::Identity }
}

#[test]
fn five_hundred_rows_are_enough_to_see_that_two_features_do_not_fit_each_other() {
    let spec = ModelSpec { guard: None, ..ModelSpec::defaults_of(&AutoencoderKind) };
    let model = spec.fit(&Registry::builtin(), normal_rows(500, 1).view()).unwrap();
    let fresh = normal_rows(1000, 2);
    let alarms = fresh.rows().into_iter().filter(|row| score(&model, row.as_slice().unwrap()) > model.threshold());
    assert!(alarms.count() < 15);

    // Each value is an ordinary one, but not with that of its neighbour; in range, so that no guard could tell.
    let mut shares = [0.0; 3];
    let found = model.observe_explaining(&mut model.initial_state(), &[65.0, 4.5, 0.0], T, &mut shares).unwrap();
    assert_eq!(found.label, Label::Anomaly, "{found:?}");
    assert!(shares[0] + shares[1] > 10.0 * shares[2], "{shares:?}");
}

#[test]
fn a_row_far_away_scores_higher_the_further_it_is() {
    let model = fit(&normal_rows(200, 1), &[]).unwrap();
    let scores = [0.0, 5.0, 50.0, 5e5, 1e200].map(|far| score(&model, &[50.0 + far, 3.0, 0.0]));
    assert!(scores.is_sorted_by(|nearer, further| nearer < further), "{scores:?}");
}

#[test]
fn the_same_seed_gives_the_same_bits_for_ever_and_another_seed_others() {
    let rows = normal_rows(100, 1);
    let fixed = |seed| fit(&rows, &[("seed", ParamValue::Integer(seed))]).unwrap();
    let bits = |seed| score(&fixed(seed), &[40.0, 4.0, 1.0]).to_bits();
    assert_eq!(format!("{:x}", bits(5)), "3fc70c696ea3ac18");
    assert_ne!(bits(5), bits(6));
}

#[test]
fn every_activation_learns() {
    let rows = normal_rows(300, 1);
    for activation in ["relu", "tanh", "sigmoid"] {
        let model = fit(&rows, &[("activation", ParamValue::Text(activation.to_owned()))]).unwrap();
        let (fitting, odd) = (score(&model, &[60.0, 2.0, 0.0]), score(&model, &[60.0, 4.0, 0.0]));
        assert!(fitting < 0.5 * odd, "{activation}: {fitting} {odd}");
    }
}

#[test]
fn few_rows_are_gone_through_more_often() {
    let rows = normal_rows(64, 1);
    let error = |steps| {
        let model = fit(&rows, &[("minimum_steps", ParamValue::Integer(steps))]).unwrap();
        rows.rows().into_iter().map(|row| score(&model, row.as_slice().unwrap())).sum::<f64>()
    };
    assert!(error(500) < 0.7 * error(0));
}

#[test]
fn a_batch_larger_than_the_table_is_the_table() {
    let model = fit(&normal_rows(40, 1), &[("batch_size", ParamValue::Integer(4096))]).unwrap();
    assert!(score(&model, &[80.0, 9.0, 0.0]) > score(&model, &[50.0, 3.0, 0.0]));
}

#[test]
fn errors_are_those_of_their_names() {
    let check = |error, expected: f64| {
        let detector = Autoencoder::new(Network::new(vec![doubling()]).unwrap(), error);
        let found = detector.score(&State::default(), &[3.0, 3.0], T).unwrap();
        assert!((found - expected).abs() < 1e-12, "{error:?}: {found}");
    };
    // The differences are 3 − 7 and 3 − 0.
    check(ReconstructionError::Norm, 5.0);
    check(ReconstructionError::MeanSquare, 12.5);
    check(ReconstructionError::MeanAbsolute, 3.5);
}

#[test]
fn activations_and_slopes_are_those_of_their_names() {
    let check = |activation: Activation, x: f64, expected: f64, slope: f64| {
        let mut values = [x];
        activation.apply(&mut values);
        assert!((values[0] - expected).abs() < 1e-12, "{activation:?} {values:?}");
        assert!((activation.slope(values[0]) - slope).abs() < 1e-12, "{activation:?}");
    };
    check(Activation::Identity, -2.0, -2.0, 1.0);
    check(Activation::Relu, -2.0, 0.0, 0.0);
    check(Activation::Relu, 2.0, 2.0, 1.0);
    check(Activation::Tanh, 0.5, 0.462_117_157_260_009_8, 0.786_447_732_965_927);
    check(Activation::Sigmoid, 0.5, 0.622_459_331_201_854_6, 0.235_003_712_201_594_5);
}

#[test]
fn layers_that_make_no_autoencoder_are_refused() {
    let check = |layers: Vec<Layer>, expected: &str| {
        let error = Network::new(layers).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(vec![], "at least one layer");
    check(vec![doubling(); 33], "at most 32");
    check(vec![Layer { biases: [].into(), ..doubling() }], "layer 0");
    check(vec![doubling(), Layer { weights: [f64::NAN; 4].into(), ..doubling() }], "layer 1");
    check(vec![doubling(), Layer { weights: [1.0; 3].into(), ..doubling() }], "layer 1");
    check(
        vec![doubling(), Layer { weights: [1.0; 6].into(), ..doubling() }],
        "layer 0 has 2 outputs, but layer 1 has 3",
    );
    check(vec![Layer { weights: [1.0; 6].into(), ..doubling() }], "not 2 for 3");
}

#[test]
fn what_comes_back_from_bytes_scores_the_same_and_nonsense_does_not_come_back() {
    let (rows, registry) = (normal_rows(64, 1), Registry::default());
    let detector =
        AutoencoderKind.fit(&crate::Params::defaults(AutoencoderKind.parameters()), &rows.view().into(), &registry);
    let detector = detector.unwrap();
    let bytes = detector.save();
    let back = AutoencoderKind.restore(&bytes, &registry).unwrap();
    assert_eq!(format!("{back:?}"), format!("{detector:?}"));

    let mut broken: Autoencoder = decode(&bytes).unwrap();
    broken.network = decode(&crate::encode(&[Layer { weights: [1.0].into(), ..doubling() }])).unwrap();
    assert!(AutoencoderKind.restore(&broken.save(), &registry).is_err());
    assert!(AutoencoderKind.restore(&bytes[..bytes.len() / 2], &registry).is_err());
}

#[test]
fn layers_wider_than_the_stack_buffers_give_what_narrow_ones_give() {
    let wide = |width: usize| {
        let into =
            Layer { weights: vec![0.5; width].into(), biases: vec![0.0; width].into(), activation: Activation::Relu };
        let back = Layer { weights: vec![1.0; width].into(), biases: [0.0].into(), activation: Activation::Identity };
        let detector = Autoencoder::new(Network::new(vec![into, back]).unwrap(), ReconstructionError::Norm);
        detector.score(&State::default(), &[2.0], T).unwrap()
    };
    for width in [1, 64, 65, 256, 257] {
        assert!((wide(width) - (width as f64 - 2.0).abs()).abs() < 1e-9, "{width}");
    }
}

proptest! {
    #[test]
    fn no_finite_row_and_no_finite_network_gives_a_score_that_is_no_number(
        cells in prop::collection::vec(prop_oneof![-3.0..3.0_f64, Just(f64::MAX), Just(f64::MIN), Just(1e-300)], 14),
        activation in prop::sample::select(&[Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid][..]),
    ) {
        let into = Layer { weights: cells[0..4].into(), biases: cells[4..6].into(), activation };
        let back = Layer { weights: cells[6..10].into(), biases: cells[10..12].into(), activation: Activation::Identity };
        let network = Network::new(vec![into, back]).unwrap();
        for error in [ReconstructionError::Norm, ReconstructionError::MeanSquare, ReconstructionError::MeanAbsolute] {
            let found = Autoencoder::new(network.clone(), error).score(&State::default(), &cells[12..], T).unwrap();
            prop_assert!(found.is_finite() && found >= 0.0);
        }
    }
}
