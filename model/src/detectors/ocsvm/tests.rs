use super::OcsvmKind;
use crate::ParamValue;
use crate::detectors::pyod::{Case, cases, scores};

fn params(case: &Case) -> Vec<(&'static str, ParamValue)> {
    let number = |name, value: f64| (name, ParamValue::Number(value));
    let gamma = case.parameter("gamma").map(|_| number("gamma", case.learned("gamma")));
    let nu = case.parameter("nu").map(|nu| number("nu", nu.as_f64().unwrap()));
    let tolerance = case.parameter("tol").map(|tolerance| number("tolerance", tolerance.as_f64().unwrap()));
    [gamma, nu, tolerance].into_iter().flatten().collect()
}

#[test]
fn scores_equal_those_of_pyod() {
    for case in cases("ocsvm") {
        let detector = case.fit(&OcsvmKind, &params(&case));
        let worst = |found: &[f64], expected: &[f64]| {
            found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        eprintln!(
            "{} train {:e} test {:e}",
            case.name(),
            worst(&detector.training_scores(&case.rows("train")), &case.expected("train")),
            worst(&scores(detector.as_ref(), &case.rows("test")), &case.expected("test"))
        );
    }
}
