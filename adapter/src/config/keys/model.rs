//! The entries of `models:`

use super::table::{Key, Section, Shape, TEXT, choice, key, planned};

/// Kinds of detector that the language has and this version has not.
pub(crate) const PLANNED_DETECTORS: &[&str] = &[
    "ar_energy",
    "autoencoder",
    "copod",
    "ecod",
    "ensemble",
    "evt",
    "hbos",
    "knn",
    "lof",
    "mewma_t2",
    "novelty",
    "ocsvm",
    "onnx",
    "pca",
    "remote",
    "stuck",
    "var_energy",
];

pub(super) static MODEL: Section = Section { groups: &[MODEL_KEYS] };

const MODEL_KEYS: &[Key] = &[
    key("detector", Shape::Detector, "The kind of detector and its parameters.")
        .required("write `detector: { kind: isolation_forest }`"),
    key("per", choice(&["tag", "model"]), "Whether each mapping has an instance of its own, or all share one.")
        .default("tag"),
    key("features", Shape::List(&FEATURE), "What the detector sees; the value itself."),
    key("scaler", choice(&["none", "standard"]), "What brings values to a common scale. Default: the kind's own."),
    key("training", Shape::Section(&TRAINING), "What the model learns from before it scores. Default: 500 samples."),
    key("threshold", Shape::Section(&THRESHOLD), "Scores above it are anomalies. Default: the kind's own."),
    planned("retrain", "retrain by `POST /retrain`"),
];

static FEATURE: Section = Section { groups: &[FEATURE_KEYS] };

const FEATURE_KEYS: &[Key] = &[
    key(
        "kind",
        Shape::Choice { options: &["value"], planned: &["window", "difference", "bands", "time_of_day"] },
        "The kind of feature.",
    )
    .required("write `- { kind: value }`"),
    planned("size", "use `features: [ { kind: value } ]`"),
    planned("statistics", "use `features: [ { kind: value } ]`"),
    planned("count", "use `features: [ { kind: value } ]`"),
];

static TRAINING: Section = Section { groups: &[TRAINING_KEYS] };

const TRAINING_KEYS: &[Key] = &[
    key(
        "file",
        TEXT,
        "A CSV file with a header, relative to this file; its only column, or the one named like the tag, or `value`.",
    ),
    key("samples", Shape::Integer { min: 2, max: 100_000 }, "So many live values of good quality.").default("500"),
    planned("duration", "give a number of values: `training: { samples: 2000 }`"),
];

static THRESHOLD: Section = Section { groups: &[THRESHOLD_KEYS] };

const ANY_NUMBER: Shape = Shape::Number { min: f64::MIN, max: f64::MAX };

const THRESHOLD_KEYS: &[Key] = &[
    key("contamination", ANY_NUMBER, "Share of the training values taken as anomalous (PyOD): above 0, at most 0.5."),
    key("quantile", ANY_NUMBER, "This quantile of the training scores, times `factor`: above 0, at most 1."),
    key("factor", ANY_NUMBER, "Goes with `quantile`; larger means fewer false alarms.").default("1"),
    key("fixed", ANY_NUMBER, "This score."),
    planned("evt", "use `quantile` with `factor`"),
];
