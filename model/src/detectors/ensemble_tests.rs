use ndarray::Array2;

use super::*;
use crate::random::Random;
use crate::{Label, ModelSpec};

fn spec(kind: &str) -> DetectorSpec {
    DetectorSpec { kind: kind.to_owned(), params: Params::default() }
}

fn params(members: &[&str], combine: &str) -> Params {
    let members = members.iter().map(|kind| spec(kind)).collect();
    [("of".to_owned(), ParamValue::Detectors(members)), ("combine".to_owned(), ParamValue::Text(combine.to_owned()))]
        .into_iter()
        .collect()
}

fn noise(count: usize, width: usize) -> Array2<f64> {
    let mut random = Random::new(5);
    Array2::from_shape_simple_fn((count, width), || random.normal())
}

fn fit(members: &[&str], combine: &str) -> Result<Box<dyn Detector>, FitError> {
    let params = Params::resolve(EnsembleKind.parameters(), params(members, combine)).unwrap();
    EnsembleKind.fit(&params, &noise(300, 2).view().into(), &Registry::builtin())
}

#[test]
fn the_mean_lies_between_the_members_and_the_maximum_is_one_of_them() {
    let members = ["isolation_forest", "ewma_z"];
    let score = |names: &[&str], combine| {
        let detector = fit(names, combine).unwrap();
        detector.score(&detector.initial_state(), &[3.0, -0.5], Time(0)).unwrap()
    };
    let alone = members.map(|name| score(&[name], "mean"));
    assert!((score(&members, "mean") - f64::midpoint(alone[0], alone[1])).abs() < 1e-12);
    assert!((score(&members, "max") - alone[0].max(alone[1])).abs() < 1e-12);
}

#[test]
fn standardised_scores_of_fresh_rows_have_about_mean_zero_and_deviation_one() {
    let detector = fit(&["isolation_forest"], "mean").unwrap();
    let mut random = Random::new(77);
    let scores: Vec<f64> = (0..2000)
        .map(|_| detector.score(&detector.initial_state(), &[random.normal(), random.normal()], Time(0)).unwrap())
        .collect();
    let (mean, deviation) = mean_and_deviation(&scores);
    assert!(mean.abs() < 0.4 && (deviation - 1.0).abs() < 0.3, "{mean} {deviation}");
}

#[test]
fn what_it_cannot_be_made_of_is_said() {
    let check = |members: &[&str], expected: &str| {
        let error = fit(members, "mean").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&["ensemble"], "a list of kinds other than ensemble");
    check(&["florist"], r#"unknown detector kind "florist""#);
    let empty = Params::resolve(EnsembleKind.parameters(), params(&[], "mean")).unwrap_err();
    assert_eq!(empty[0].to_string(), r#"parameter "of" must be a list of at least one detector, not []"#);
}

#[test]
fn parameters_of_members_are_resolved_against_their_kinds() {
    let trees = [("trees".to_owned(), ParamValue::Integer(-3))].into_iter().collect();
    let members = vec![DetectorSpec { kind: "isolation_forest".to_owned(), params: trees }];
    let params =
        Params::resolve(EnsembleKind.parameters(), [("of".to_owned(), ParamValue::Detectors(members))]).unwrap();
    let error = EnsembleKind.fit(&params, &noise(60, 1).view().into(), &Registry::builtin()).unwrap_err();
    assert_eq!(error.to_string(), r#"parameter "trees" must be from 1 to 1000, not -3"#);
}

#[test]
fn observing_scores_and_advances_every_member() {
    let detector = fit(&["ewma_z", "isolation_forest"], "mean").unwrap();
    let (mut observed, mut advanced) = (detector.initial_state(), detector.initial_state());
    for row in noise(50, 2).rows() {
        let row = row.to_vec();
        let score = detector.score(&advanced, &row, Time(0));
        assert_eq!(detector.observe(&mut observed, &row, Time(0)), score);
        detector.advance(&mut advanced, &row, Time(0));
        assert_eq!(observed, advanced);
    }
}

#[test]
fn a_foreign_state_is_started_anew() {
    let detector = fit(&["ewma_z"], "mean").unwrap();
    let mut state = State::zeros(3);
    assert_eq!(detector.score(&state, &[1.0, 1.0], Time(0)), None);
    assert!(detector.observe(&mut state, &[1.0, 1.0], Time(0)).is_some());
}

#[test]
fn it_works_as_a_whole_chain_and_blames_the_right_value() {
    let registry = Registry::builtin();
    let model = ModelSpec::defaults_of(&EnsembleKind).fit(&registry, noise(400, 2).view()).unwrap();
    let mut shares = [0.0; 2];
    let assessment = model.observe_explaining(&mut model.initial_state(), &[0.1, 7.0], Time(0), &mut shares).unwrap();
    assert!(assessment.label == Label::Anomaly && shares[1] > 0.8, "{assessment:?} {shares:?}");
}

#[test]
fn it_comes_back_from_bytes_and_never_nested() {
    let registry = Registry::builtin();
    let detector = fit(&["ewma_z", "isolation_forest"], "max").unwrap();
    let back = EnsembleKind.restore(&detector.save(), &registry).unwrap();
    assert_eq!(back.save(), detector.save());
    let member =
        SavedMember { kind: NAME.to_owned(), detector: ByteBuf::from(detector.save()), mean: 0.0, deviation: 1.0 };
    let nested = encode(&Saved { takes_largest: false, members: vec![member] });
    assert!(EnsembleKind.restore(&nested, &registry).unwrap_err().to_string().contains("cannot be made of"));
}
