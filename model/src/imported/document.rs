//! The document as it is written: one type per object. `model/export/README.md` says what each key means.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ImportError;
use super::table::Table;

/// Most bytes that are read: a forest of 1,000 trees on 256 rows each takes a third of that.
const LONGEST: usize = 64 << 20;
/// The one version there is.
const NEWEST: u32 = 1;

/// What stands at the top of every document; the rest is passed over in this reading.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
    kind: String,
}

/// A whole document. Keys that are not known are refused: they are misspelt, or they would change what the model says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<D> {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u32,
    #[serde(rename = "kind")]
    _kind: String,
    /// For people.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    /// Values per row.
    pub(super) features: usize,
    #[serde(default)]
    pub(super) scaler: Option<Scaler>,
    #[serde(default)]
    pub(super) offset: f64,
    pub(super) threshold: f64,
    #[serde(default)]
    pub(super) contamination: Option<f64>,
    #[serde(default)]
    pub(super) training: Training,
    pub(super) detector: D,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scaler {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Training {
    #[serde(default)]
    pub(super) samples: u64,
    #[serde(default)]
    pub(super) scores: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forest {
    pub(super) max_samples: usize,
    pub(super) trees: Vec<Tree>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    pub(super) children_left: Vec<i32>,
    pub(super) children_right: Vec<i32>,
    pub(super) feature: Vec<i32>,
    pub(super) threshold: Vec<f64>,
    pub(super) n_node_samples: Vec<i64>,
    #[serde(default)]
    pub(super) features: Option<Vec<i32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subspace {
    pub(super) statistic: Statistic,
    #[serde(default)]
    pub(super) mean: Option<Vec<f64>>,
    pub(super) components: Table,
    pub(super) scales: Vec<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Statistic {
    Pyod,
    T2,
    Q,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layers {
    pub(super) error: ReconstructionError,
    pub(super) layers: Vec<Layer>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReconstructionError {
    Norm,
    MeanSquare,
    MeanAbsolute,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    pub(super) weights: Table,
    pub(super) biases: Vec<f64>,
    pub(super) activation: Activation,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    Identity,
    Relu,
    Tanh,
    Sigmoid,
}

/// The kind that a document says it is of.
pub(super) fn read_kind(text: &[u8]) -> Result<String, ImportError> {
    if text.len() > LONGEST {
        return Err(ImportError::TooLarge { found: text.len(), limit: LONGEST });
    }
    let header: Header = read(text)?;
    if header.format != "tagwise-import" {
        return Err(ImportError::Format { found: header.format });
    }
    match header.version {
        1..=NEWEST => Ok(header.kind),
        0 => Err(ImportError::invalid("version", &"0 is no version; versions count from 1")),
        found => Err(ImportError::Version { found, newest: NEWEST }),
    }
}

/// Reads into a type, which also bounds how deep the text may be nested: what the type has no place for is an error, or
/// is passed over without recursion.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, ImportError> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        ImportError::Json { path, reason: error.into_inner().to_string() }
    })?;
    json.end().map_err(|error| ImportError::Json { path: ".".to_owned(), reason: error.to_string() })?;
    Ok(value)
}
