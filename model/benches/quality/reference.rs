//! What PyOD left for us, written by `tests/quality/pyod_reference.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Result;

/// The whole file.
#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    /// PyOD's version.
    pub(crate) pyod: String,
    pub(crate) sets: BTreeMap<String, Set>,
    /// By number of features, then by detector.
    pub(crate) speed: BTreeMap<String, BTreeMap<String, Seconds>>,
}

/// One data set.
#[derive(Debug, Deserialize)]
pub(crate) struct Set {
    pub(crate) detectors: BTreeMap<String, Figures>,
}

/// What a detector reached: mean and deviation over the seeds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Figures {
    pub(crate) roc_auc: (f64, f64),
    pub(crate) average_precision: (f64, f64),
    #[serde(default = "one")]
    pub(crate) seeds: u32,
    /// Of the rows it was fitted to.
    #[serde(default)]
    pub(crate) scores: Vec<f64>,
    /// Of rows that it was not fitted to.
    #[serde(default)]
    pub(crate) unseen: Vec<f64>,
}

/// How long things take.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Seconds {
    /// Fitting 1,000 rows.
    pub(crate) fit: f64,
    /// One row.
    pub(crate) row: f64,
    /// 10,000 rows at once.
    pub(crate) batch: f64,
}

impl Reference {
    /// How often each detector that draws random numbers was fitted.
    pub(crate) fn seeds(&self) -> u32 {
        let all = self.sets.values().flat_map(|set| set.detectors.values());
        all.map(|figures| figures.seeds).max().unwrap_or_default()
    }
}

fn one() -> u32 {
    1
}

pub(crate) fn read(path: &Path) -> Result<Reference> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}
