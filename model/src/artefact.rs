//! A model as a file: what was trained is what runs.
//!
//! ```text
//! offset  bytes  what
//!      0      8  "TAGWISEM"
//!      8      4  version of the format, u32 little-endian
//!     12      8  length of the body, u64 little-endian
//!     20      4  CRC-32 (IEEE) of everything before and after it, u32 little-endian
//!     24      …  the body: the whole chain in CBOR
//! ```
//!
//! The body names its fields. A later version may add some, with defaults, under the same number of the format; it takes
//! a new number when it can no longer read the old bodies as they are. The file holds no times and no names of machines,
//! so the same training gives the same bytes.

use serde::{Deserialize, Serialize};

use crate::codec::{RestoreError, decode, encode};
use crate::guard::Guard;
use crate::input_names::InputNames;
use crate::model::Training;
use crate::scaler::StandardScaler;
use crate::threshold::Threshold;
use crate::training_scores::TrainingScores;
use crate::{Model, ModelSpec, Registry};

const MAGIC: &[u8; 8] = b"TAGWISEM";
/// The format that this version writes.
const FORMAT: u32 = 1;
const HEADER: usize = 24;
/// Where the checksum stands.
const CHECKSUM: std::ops::Range<usize> = 20..24;

/// Why bytes are no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtefactError {
    /// They are something else altogether.
    #[error("this is no model of Tagwise: it does not begin with \"TAGWISEM\"")]
    Foreign,
    /// They end too early.
    #[error("the model is cut off: {found} of {expected} bytes are there; copy it again")]
    Truncated {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: u64,
    },
    /// Something stands behind the model.
    #[error("{0} bytes stand behind the end of the model; copy it again")]
    TrailingBytes(usize),
    /// It is larger than any model may be.
    #[error("the model has {found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Bytes there are, or are said to be.
        found: u64,
        /// Bytes that are read at most.
        limit: usize,
    },
    /// Some byte is not what was written.
    #[error("the model is damaged: its checksum is {found:08x}, not {expected:08x}; copy it again")]
    Checksum {
        /// Of the bytes there are.
        found: u32,
        /// What was written with them.
        expected: u32,
    },
    /// A later version of this crate wrote it.
    #[error("the model has format {0}, which this version does not know; use a later version of Tagwise")]
    Version(u32),
    /// The detector is of a kind that nobody has registered.
    #[error("the model's detector is a {kind:?}, which is not known here; known are {}", known.join(", "))]
    UnknownKind {
        /// The kind.
        kind: String,
        /// The kinds that there are.
        known: Vec<String>,
    },
    /// The bytes are whole, but what they say makes no model.
    #[error("the model's {part} cannot be used: {source}")]
    Content {
        /// The link of the chain.
        part: &'static str,
        /// What is wrong with it.
        source: RestoreError,
    },
}

/// The chain as it is written.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    spec: std::borrow::Cow<'a, ModelSpec>,
    width: u64,
    scaler: Option<StandardScaler>,
    guard: Option<Guard>,
    #[serde(with = "serde_bytes")]
    detector: Vec<u8>,
    threshold: Threshold,
    training: Training,
    #[serde(default, skip_serializing_if = "InputNames::is_empty")]
    inputs: InputNames,
}

impl Model {
    /// Bytes that an artefact may have at most.
    pub const MAXIMUM_ARTEFACT: usize = 256 << 20;

    /// The whole chain as the bytes of a file: the same for the same model on every platform.
    pub fn to_artefact(&self) -> Vec<u8> {
        let body = encode(&Body {
            spec: std::borrow::Cow::Borrowed(&self.spec),
            width: self.width() as u64,
            scaler: self.scaler.clone(),
            guard: self.guard.clone(),
            detector: self.detector.save(),
            threshold: self.threshold,
            training: self.training.clone(),
            inputs: self.input_names.clone(),
        });
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let checksum = checksum(&bytes, &body);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The model of bytes that [`to_artefact`](Self::to_artefact) made, here or elsewhere, now or earlier. They may come
    /// from anywhere: what they make is a model that can be used, or an error.
    ///
    /// # Errors
    /// Bytes that are foreign, cut off, damaged, too many, of a later format, or without sense.
    pub fn from_artefact(bytes: &[u8], registry: &Registry) -> Result<Self, ArtefactError> {
        let body: Body<'_> =
            decode(body_of(bytes)?).map_err(|source| ArtefactError::Content { part: "body", source })?;
        let kind = registry.get(&body.spec.kind).ok_or_else(|| ArtefactError::UnknownKind {
            kind: body.spec.kind.clone(),
            known: registry.names().map(str::to_owned).collect(),
        })?;
        let content = |part| move |source| ArtefactError::Content { part, source };
        let detector = kind.restore(&body.detector, registry).map_err(content("detector"))?;
        let width = detector.width();
        if width == 0 || body.width != width as u64 {
            let source = RestoreError::new(format!("it takes {width} values, and the model {}", body.width));
            return Err(ArtefactError::Content { part: "detector", source });
        }
        if let Some(expected) = body.spec.features.width().filter(|expected| *expected != width) {
            let source = RestoreError::new(format!("they are {expected}, and the detector takes {width}"));
            return Err(ArtefactError::Content { part: "features", source });
        }
        body.spec.check_links().map_err(|error| content("specification")(RestoreError::new(error.to_string())))?;
        body.scaler.as_ref().map_or(Ok(()), |scaler| scaler.check(width)).map_err(content("scaler"))?;
        body.guard.as_ref().map_or(Ok(()), |guard| guard.check(width)).map_err(content("guard"))?;
        body.threshold.check().map_err(content("threshold"))?;
        body.training.scores.as_ref().map_or(Ok(()), TrainingScores::check).map_err(content("training scores"))?;
        let spec = body.spec.into_owned();
        let mut model = Self::new(spec, body.scaler, body.guard, detector, body.threshold, body.training);
        body.inputs
            .check(model.inputs())
            .map_err(|error| content("input names")(RestoreError::new(error.to_string())))?;
        model.input_names = body.inputs;
        Ok(model)
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// Checks everything around the body.
fn body_of(bytes: &[u8]) -> Result<&[u8], ArtefactError> {
    let limit = Model::MAXIMUM_ARTEFACT;
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] || bytes.is_empty() {
        return Err(ArtefactError::Foreign);
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(ArtefactError::Truncated { found: bytes.len(), expected: HEADER as u64 });
    };
    let format = u32::from_le_bytes(header[8..12].try_into().expect("invariant: four bytes"));
    let length = u64::from_le_bytes(header[12..20].try_into().expect("invariant: eight bytes"));
    let expected = u32::from_le_bytes(header[CHECKSUM].try_into().expect("invariant: four bytes"));
    if format != FORMAT {
        return Err(ArtefactError::Version(format));
    }
    if length > (limit - HEADER) as u64 || bytes.len() > limit {
        return Err(ArtefactError::TooLarge { found: length.max(bytes.len() as u64), limit });
    }
    match (body.len() as u64).cmp(&length) {
        std::cmp::Ordering::Less => {
            return Err(ArtefactError::Truncated { found: bytes.len(), expected: HEADER as u64 + length });
        }
        std::cmp::Ordering::Greater => {
            return Err(ArtefactError::TrailingBytes(
                bytes.len() - HEADER - usize::try_from(length).unwrap_or(usize::MAX),
            ));
        }
        std::cmp::Ordering::Equal => {}
    }
    let found = checksum(&header[..CHECKSUM.start], body);
    if found == expected { Ok(body) } else { Err(ArtefactError::Checksum { found, expected }) }
}

#[cfg(test)]
#[path = "artefact_tests.rs"]
mod tests;
