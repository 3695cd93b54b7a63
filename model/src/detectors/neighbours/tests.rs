use super::{KnnKind, LofKind};
use crate::detectors::pyod::{assert_close, cases, scores};
use crate::{ParamValue, Registry};

fn neighbours(case: &crate::detectors::pyod::Case) -> Vec<(&'static str, ParamValue)> {
    let count = case.parameter("n_neighbors").map(|count| ("neighbours", ParamValue::Integer(count.as_i64().unwrap())));
    let method = case.parameter("method").map(|word| ("method", ParamValue::Text(word.as_str().unwrap().to_owned())));
    count.into_iter().chain(method).collect()
}

#[test]
fn knn_scores_equal_those_of_pyod() {
    for case in cases("knn") {
        let params = neighbours(&case);
        let detector = case.fit(&KnnKind, &params);
        assert_close(&case.name(), &detector.training_scores(&case.rows("train")), &case.expected("train"), 1e-12);
        assert_close(&case.name(), &scores(detector.as_ref(), &case.rows("test")), &case.expected("test"), 1e-12);
        case.compare_chain(&Registry::builtin(), "knn", &params, 1e-9);
    }
}

#[test]
fn lof_scores_equal_those_of_pyod() {
    for case in cases("lof") {
        let params = neighbours(&case);
        let detector = case.fit(&LofKind, &params);
        assert_close(&case.name(), &detector.training_scores(&case.rows("train")), &case.expected("train"), 1e-9);
        assert_close(&case.name(), &scores(detector.as_ref(), &case.rows("test")), &case.expected("test"), 1e-9);
        case.compare_chain(&Registry::builtin(), "lof", &params, 1e-9);
    }
}
