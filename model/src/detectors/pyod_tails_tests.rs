//! `hbos`, `ecod`, `copod` and `pca` against what PyOD says about the same rows, through the whole chain.
//! `tests/fixtures/generate.py` says how the figures came about.

use crate::{
    Label, Model, ModelSpec, ParamValue, Params, Probability, Registry, ScalerSpec, ThresholdSpec, Time, TrainingRows,
};
use serde_json::Value;

const DATA: &str = include_str!("../../tests/fixtures/pyod/data.json");

/// A case of a fixture, with the rows it is about.
struct Case {
    found: Value,
    train: TrainingRows,
    test: TrainingRows,
}

impl Case {
    fn all(fixture: &str) -> Vec<Self> {
        let data: Value = serde_json::from_str(DATA).unwrap();
        let fixture: Value = serde_json::from_str(fixture).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert!(cases.len() >= 5);
        let case = |found: &Value| {
            let set = &data["sets"][found["set"].as_str().unwrap()];
            Self { found: found.clone(), train: table(&set["train"]), test: table(&set["test"]) }
        };
        cases.iter().map(case).collect()
    }

    fn name(&self) -> String {
        format!("{} {}", self.found["set"], self.found["parameters"])
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.found["parameters"].get(name)
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        numbers(&self.found[key])
    }

    /// The chain without a guard, with PyOD's threshold.
    fn fit(&self, kind: &str, scaler: ScalerSpec, params: Params) -> Model {
        let registry = Registry::builtin();
        let defaults = ModelSpec::defaults_of(registry.get(kind).unwrap().as_ref());
        let contamination = self.parameter("contamination").map_or(0.1, |share| share.as_f64().unwrap());
        let threshold = ThresholdSpec::Contamination(contamination);
        ModelSpec { scaler, params, guard: None, threshold, ..defaults }.fit(&registry, self.train.clone()).unwrap()
    }

    /// Training scores, straight from the detector, which takes rows as the scaler leaves them.
    #[track_caller]
    fn check_training(&self, model: &Model) {
        let registry = Registry::builtin();
        let kind = registry.get(model.kind()).unwrap();
        let mut scaled = TrainingRows::new(self.train.width());
        self.train.rows().for_each(|row| scaled.push(&model.scale(row).unwrap()));
        let detector = kind.fit(&model.spec().params, &scaled, &registry).unwrap();
        let name = self.name();
        check(&name, &detector.training_scores(&scaled), &self.numbers("train"));
        let labelled = self.numbers("labels").iter().sum::<f64>() / self.train.count() as f64;
        assert!((model.training_share_labelled() - labelled).abs() < 1e-12, "{name}");
    }

    /// Scores as reported: less the threshold.
    #[track_caller]
    fn check_new(&self, model: &Model, key: &str) {
        let threshold = self.found["threshold"].as_f64().unwrap();
        let scores: Vec<f64> = scores(model, &self.test).iter().map(|score| score + threshold).collect();
        check(&self.name(), &scores, &self.numbers(key));
    }

    /// Labels and probabilities of new rows.
    #[track_caller]
    fn check_verdicts(&self, model: &Model) {
        for (row, label) in self.test.rows().zip(self.numbers("test_labels")) {
            let assessment = model.assess(&model.initial_state(), row, Time(0)).unwrap();
            assert_eq!(assessment.label == Label::Anomaly, label > 0.5, "{} {row:?}", self.name());
        }
        for (method, key) in [(Probability::Linear, "linear"), (Probability::Unify, "unify")] {
            let probabilities = scores(model, &self.test).into_iter().map(|score| model.probability(score, method));
            check(&self.name(), &probabilities.map(Option::unwrap).collect::<Vec<_>>(), &self.numbers(key));
        }
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn table(rows: &Value) -> TrainingRows {
    let rows = rows.as_array().unwrap();
    let mut table = TrainingRows::new(numbers(&rows[0]).len());
    for row in rows {
        table.push(&numbers(row));
    }
    table
}

fn scores(model: &Model, rows: &TrainingRows) -> Vec<f64> {
    let mut scores = vec![0.0; rows.count()];
    model.score_rows(&rows.rows().flatten().copied().collect::<Vec<_>>(), &mut scores).unwrap();
    scores
}

#[track_caller]
fn check(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}, row {row}: {found} {expected}");
    }
}

#[test]
fn hbos_scores_as_pyod_does() {
    for case in Case::all(include_str!("../../tests/fixtures/pyod/hbos.json")) {
        let names = [("n_bins", "bins"), ("alpha", "alpha"), ("tol", "tolerance")];
        let given = names.into_iter().filter_map(|(theirs, ours)| {
            let value = match case.parameter(theirs)? {
                Value::String(_) => ParamValue::Integer(0),
                number => {
                    number.as_i64().map_or_else(|| ParamValue::Number(number.as_f64().unwrap()), ParamValue::Integer)
                }
            };
            Some((ours.to_owned(), value))
        });
        let model = case.fit("hbos", ScalerSpec::None, given.collect());
        case.check_training(&model);
        case.check_new(&model, "test");
        case.check_verdicts(&model);
    }
}

#[test]
fn ecod_and_copod_score_as_pyod_does_when_it_is_asked_about_one_row_at_a_time() {
    for (kind, fixture) in [
        ("ecod", include_str!("../../tests/fixtures/pyod/ecod.json")),
        ("copod", include_str!("../../tests/fixtures/pyod/copod.json")),
    ] {
        for case in Case::all(fixture) {
            let model = case.fit(kind, ScalerSpec::None, Params::default());
            case.check_training(&model);
            case.check_new(&model, "test_single");
            // A scaler in between keeps the order of the values, and with it the scores.
            case.check_new(&case.fit(kind, ScalerSpec::Standard, Params::default()), "test_single");
        }
    }
}

#[test]
fn pca_scores_as_pyod_does() {
    for case in Case::all(include_str!("../../tests/fixtures/pyod/pca.json")) {
        let count = |name: &str| ParamValue::Integer(case.parameter(name).map_or(0, |count| count.as_i64().unwrap()));
        let is_off = |name: &str| case.parameter(name).is_some_and(|flag| flag.as_bool() == Some(false));
        let weights = if is_off("weighted") { "equal" } else { "variance" };
        let params = [
            ("components".to_owned(), count("n_components")),
            ("selected".to_owned(), count("n_selected_components")),
            ("weights".to_owned(), ParamValue::Text(weights.to_owned())),
        ];
        let scaler = if is_off("standardization") { ScalerSpec::None } else { ScalerSpec::Standard };
        let model = case.fit("pca", scaler, params.into_iter().collect());
        case.check_training(&model);
        case.check_new(&model, "test");
        case.check_verdicts(&model);
    }
}
