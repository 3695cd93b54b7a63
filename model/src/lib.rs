//! Anomaly detection on streams and tables: no I/O, no clock, deterministic for a seed.
//!
//! A [`Model`] is a chain: scaler -> detector -> threshold -> label. A [`ModelSpec`] says which chain is meant and
//! fits it to training rows; a [`Registry`] knows the kinds of detector there are, and takes further ones.
//!
//! A [`Detector`] has three verbs, kept apart because different callers use them: `score` reads only, `advance` moves
//! the short memory with every good value, `learn` changes what normal is. Time is an argument everywhere.
//!
//! ```
//! use ndarray::Array2;
//! use tagwise_model::{Label, ModelSpec, Registry, ThresholdSpec, Time};
//!
//! let registry = Registry::builtin();
//! let kind = registry.get("isolation_forest").expect("a builtin kind");
//! let spec = ModelSpec { threshold: ThresholdSpec::Contamination(0.05), ..ModelSpec::defaults_of(kind.as_ref()) };
//!
//! let vibration = Array2::from_shape_fn((500, 1), |(row, _)| 2.0 + (row % 50) as f64 / 50.0);
//! let model = spec.fit(&registry, vibration.view())?;
//!
//! let mut state = model.initial_state();
//! let now = Time(1_767_225_600_000_000);
//! let assessment = model.observe(&mut state, &[9.0], now)?;
//! assert_eq!(assessment.label, Label::Anomaly);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artefact;
mod assessment;
mod calibration;
mod codec;
mod decision;
mod detector;
mod detectors;
mod error;
pub mod evaluation;
mod features;
mod guard;
mod imported;
mod input_names;
mod kind;
mod linalg;
mod memory;
mod model;
mod parameter;
mod params;
mod pareto;
mod quantile;
mod random;
mod registry;
mod reservoir;
mod rows;
mod scaler;
mod scratch;
mod smoothing;
mod spec;
mod threshold;
mod time;
mod training_scores;

pub use artefact::ArtefactError;
pub use assessment::{Assessment, Label, NoScore};
pub use codec::{RestoreError, decode, encode};
pub use decision::DecisionSpec;
pub use detector::{Detector, State};
pub use detectors::{
    ArEnergyKind, AutoencoderKind, CopodKind, EcodKind, EnsembleKind, EvtKind, EwmaZKind, ExportedTree, HbosKind,
    IsolationForest, IsolationForestKind, KnnKind, LofKind, MewmaT2Kind, NoveltyKind, OcsvmKind, PcaKind, StuckKind,
    TreeError, VarEnergyKind,
};
pub use error::{FitError, RowError};
pub use features::{FeatureError, FeatureMemory, FeatureSpec, Features, Readiness, Statistic};
pub use imported::{ImportError, import_json};
pub use input_names::InputNameError;
pub use kind::DetectorKind;
pub use memory::ModelState;
pub use model::Model;
pub use parameter::{DetectorSpec, Domain, ParamError, ParamValue, Parameter};
pub use params::Params;
pub use registry::Registry;
pub use reservoir::{Reservoir, Sampling};
pub use rows::TrainingRows;
pub use scaler::ScalerSpec;
pub use spec::{ModelSpec, Progress};
pub use threshold::{ThresholdError, ThresholdSpec};
pub use time::Time;
pub use training_scores::Probability;

/// The README's example is compiled and run with the other ones.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
