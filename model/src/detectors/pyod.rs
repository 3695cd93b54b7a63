//! What PyOD says about small data sets (`tests/fixtures/generate.py`), and the comparison with it.

use serde_json::Value;

use crate::{
    Detector, DetectorKind, ModelSpec, ParamValue, Params, Probability, Registry, ScalerSpec, State, ThresholdSpec,
    Time, TrainingRows,
};

/// One fit of PyOD's.
#[derive(Debug)]
pub(super) struct Case(Value);

/// The cases of one file of fixtures.
pub(super) fn cases(name: &str) -> Vec<Case> {
    read(name)["cases"].as_array().unwrap().iter().cloned().map(Case).collect()
}

fn read(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/pyod/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

impl Case {
    /// Data set and parameters, to say which case failed.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.set(), self.0["parameters"])
    }

    pub(super) fn set(&self) -> &str {
        self.0["set"].as_str().unwrap()
    }

    /// A parameter of PyOD's, if it is not at its default.
    pub(super) fn parameter(&self, name: &str) -> Option<&Value> {
        self.0["parameters"].get(name)
    }

    /// Rows of the data set: `train` or `test`.
    pub(super) fn rows(&self, part: &str) -> TrainingRows {
        let table: Vec<Vec<f64>> =
            read("data")["sets"][self.set()][part].as_array().unwrap().iter().map(numbers).collect();
        let mut rows = TrainingRows::new(table[0].len());
        for row in table {
            rows.push(&row);
        }
        rows
    }

    /// Scores, or whatever else is there one per row.
    pub(super) fn expected(&self, what: &str) -> Vec<f64> {
        numbers(&self.0[what])
    }

    /// A number that PyOD's detector learned.
    pub(super) fn learned(&self, what: &str) -> f64 {
        self.0["internals"][what].as_f64().unwrap()
    }

    /// Our detector of the case.
    pub(super) fn fit(&self, kind: &dyn DetectorKind, params: &[(&str, ParamValue)]) -> Box<dyn Detector> {
        let params = Params::resolve(kind.parameters(), owned(params)).unwrap();
        kind.fit(&params, &self.rows("train"), &Registry::default()).unwrap()
    }

    /// Compares a whole chain with contamination with what PyOD says about the test rows: threshold, labels, probabilities
    /// and confidences. Rows whose score is within `tolerance` of the threshold may be labelled either way.
    pub(super) fn compare_chain(&self, registry: &Registry, kind: &str, params: &[(&str, ParamValue)], tolerance: f64) {
        let contamination = self.parameter("contamination").map_or(0.1, |share| share.as_f64().unwrap());
        let spec = ModelSpec {
            params: owned(params).into_iter().collect(),
            scaler: ScalerSpec::None,
            guard: None,
            threshold: ThresholdSpec::Contamination(contamination),
            ..ModelSpec::defaults_of(registry.get(kind).unwrap().as_ref())
        };
        let model = spec.fit(registry, self.rows("train")).unwrap();
        let (rows, threshold) = (self.rows("test"), self.0["threshold"].as_f64().unwrap());
        let mut scores = vec![0.0; rows.count()];
        model.score_rows(rows.cells(), &mut scores).unwrap();
        let expected: Vec<f64> = self.expected("test").iter().map(|score| score - threshold).collect();
        assert_close(&self.name(), &scores, &expected, tolerance);
        let labels = self.expected("test_labels");
        for (row, label) in labels.iter().enumerate().filter(|(row, _)| expected[*row].abs() > tolerance) {
            assert_eq!(scores[row] > model.threshold(), *label > 0.5, "{}, row {row}", self.name());
        }
        for (what, method) in [("linear", Probability::Linear), ("unify", Probability::Unify)] {
            let found: Vec<f64> = scores.iter().map(|score| model.probability(*score, method).unwrap()).collect();
            assert_close(&format!("{} {what}", self.name()), &found, &self.expected(what), tolerance);
        }
        let found: Vec<f64> = scores.iter().map(|score| model.confidence(*score).unwrap()).collect();
        assert_close(&format!("{} confidence", self.name()), &found, &self.expected("confidence"), tolerance);
    }
}

fn owned(params: &[(&str, ParamValue)]) -> Vec<(String, ParamValue)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The scores of rows that a detector has not seen, one at a time.
pub(super) fn scores(detector: &dyn Detector, rows: &TrainingRows) -> Vec<f64> {
    rows.rows().map(|row| detector.score(&State::default(), row, Time(0)).unwrap()).collect()
}

/// Compares relatively, and below 1 absolutely.
#[track_caller]
pub(super) fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let distance = (found - expected).abs() / expected.abs().max(1.0);
        assert!(distance <= tolerance, "{what}, row {row}: {found} instead of {expected}, off by {distance:e}");
    }
}
