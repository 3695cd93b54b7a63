//! The entries of `models:`

use super::table::{DAY, Key, Section, Shape, TEXT, choice, key, milliseconds, planned};

/// Kinds of detector that the language has and this version has not.
pub(crate) const PLANNED_DETECTORS: &[&str] = &["onnx", "remote"];

pub(super) static MODEL: Section = Section { groups: &[MODEL_KEYS] };

const MODEL_KEYS: &[Key] = &[
    key("detector", Shape::Detector, "The kind of detector and its parameters.")
        .required("write `detector: { kind: isolation_forest }`"),
    key("per", choice(&["tag", "model"]), "Whether each mapping has an instance of its own, or all share one.")
        .default("tag"),
    key("features", Shape::List(&FEATURE), "What the detector sees; the value itself."),
    key("scaler", choice(&["none", "standard"]), "What brings values to a common scale. Default: the kind's own."),
    key(
        "guard",
        Shape::NoneOrNumber { min: 0.0, max: 1000.0 },
        "How far outside its training range a feature may lie before the row is an anomaly, in training ranges; or none.",
    )
    .default("1"),
    key(
        "smoothing",
        Shape::NoneOrNumber { min: 0.001, max: 1.0 },
        "Weight of the newest score in a running average of the scores; or none.",
    )
    .default("none"),
    key("training", Shape::Section(&TRAINING), "What the model learns from before it scores. Default: 500 samples."),
    key("threshold", Shape::Section(&THRESHOLD), "Scores above it are anomalies. Default: the kind's own."),
    key("decision", Shape::Section(&DECISION), "From the threshold to the label: debouncing and a refractory time."),
    key(
        "explain",
        Shape::Integer { min: 0, max: 64 },
        "Features that an anomalous message names, those that contributed most first; 0 for none.",
    )
    .default("0"),
    planned("retrain", "retrain by `POST /retrain`"),
];

static FEATURE: Section = Section { groups: &[FEATURE_KEYS] };

const FEATURE_KEYS: &[Key] = &[
    key(
        "kind",
        choice(&["value", "window", "difference", "bands", "time_of_day"]),
        "What is made of the tag's values.",
    )
    .required("write `- { kind: value }`"),
    key("tag", TEXT, "The tag whose values it is made of. Default: the mapping's own."),
    key(
        "size",
        Shape::Integer { min: 2, max: 65_536 },
        "Values in a window, or in a frame (a power of two) for bands.",
    ),
    key("statistics", Shape::Texts, "What is computed of a window."),
    key("lag", Shape::Integer { min: 1, max: 4_096 }, "The difference to so many values before.").default("1"),
    key("count", Shape::Integer { min: 1, max: 1_024 }, "Frequency bands of a frame.").default("8"),
    key("hop", Shape::Integer { min: 1, max: 4_096 }, "Values from one frame to the next. Default: half a frame."),
    key("slots", Shape::Integer { min: 2, max: 1_440 }, "Slots in a day.").default("48"),
    key("utc_offset", TEXT, "Local time against UTC, all year round.").default("\"+00:00\""),
];

static TRAINING: Section = Section { groups: &[TRAINING_KEYS] };

const TRAINING_KEYS: &[Key] = &[
    key(
        "file",
        TEXT,
        "A CSV file with a header, relative to this file; its only column, or the one named like the tag, or `value`.",
    ),
    key("time_column", TEXT, "The column of times in `file`: milliseconds since 1970, or ISO 8601. Default: none."),
    key("artefact", TEXT, "A model that `tagwise train` made, or that was imported, relative to this file."),
    key("samples", Shape::Integer { min: 2, max: 100_000 }, "So many live values of good quality.").default("500"),
    planned("duration", "give a number of values: `training: { samples: 2000 }`"),
];

static THRESHOLD: Section = Section { groups: &[THRESHOLD_KEYS] };

const ANY_NUMBER: Shape = Shape::Number { min: f64::MIN, max: f64::MAX };

const THRESHOLD_KEYS: &[Key] = &[
    key("contamination", ANY_NUMBER, "Share of the training values taken as anomalous (PyOD): above 0, at most 0.5."),
    key(
        "quantile",
        ANY_NUMBER,
        "This quantile of the scores of training rows held out, times `factor`: above 0, at most 1.",
    ),
    key("factor", ANY_NUMBER, "Goes with `quantile`; larger means fewer false alarms.").default("1"),
    key("fixed", ANY_NUMBER, "This score."),
    key("evt", ANY_NUMBER, "The score that normal rows exceed with this probability, by peaks over threshold (SPOT)."),
];

static DECISION: Section = Section { groups: &[DECISION_KEYS] };

const DECISION_KEYS: &[Key] = &[
    key(
        "raise_after",
        Shape::Integer { min: 1, max: 1_000_000 },
        "Rows in a row above the threshold until the label is 1.",
    )
    .default("1"),
    key("clear_after", Shape::Integer { min: 1, max: 1_000_000 }, "Rows in a row below it until the label is 0 again.")
        .default("1"),
    key("refractory", milliseconds(0, 30 * DAY), "No new anomaly begins so soon after the beginning of the last one.")
        .default("0ms"),
];
