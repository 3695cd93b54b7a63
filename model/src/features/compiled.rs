//! The list of features at work.

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::{FeatureError, FeatureMemory, FeatureSpec};
use crate::Time;

/// Entries in one list.
const MOST_ENTRIES: usize = 4096;

/// Values that the memory of one list holds, summaries not counted: 8 MiB, and 88 MiB with all summaries.
const MOST_VALUES: usize = 1 << 20;

/// Features of a row, made from its inputs and from the rows before. An empty list of specs hands every input on as it
/// is.
///
/// It never changes; what it remembers of a stream of rows stands in a [`FeatureMemory`].
///
/// ```
/// use tagwise_model::{FeatureSpec, Features, Readiness, Statistic, Time};
///
/// let specs = vec![
///     FeatureSpec::Value { input: 0 },
///     FeatureSpec::Window { input: 0, size: 3, statistics: vec![Statistic::Mean] },
/// ];
/// let features = Features::new(specs)?;
/// let mut memory = features.initial_memory();
/// let mut row = [0.0; 2];
/// assert_eq!(features.push(&mut memory, &[1.0], Time(0), &mut row), Readiness::Filling);
/// assert_eq!(features.push(&mut memory, &[2.0], Time(1), &mut row), Readiness::Filling);
/// assert_eq!(features.push(&mut memory, &[6.0], Time(2), &mut row), Readiness::Ready);
/// assert_eq!(row, [6.0, 3.0]);
/// assert_eq!(features.names(&["flow"]), ["flow", "mean_3(flow)"]);
/// # Ok::<(), tagwise_model::FeatureError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<FeatureSpec>", into = "Vec<FeatureSpec>")]
pub struct Features {
    entries: Box<[Entry]>,
    /// Rows from one feature row to the next, where there are bands.
    hop: Option<usize>,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Too few rows have been seen; there are no features yet.
    Filling,
    /// There is a new feature row.
    Ready,
    /// Only where there are bands: the features are still those of the newest complete frame.
    Held,
}

impl Features {
    /// Features after these specs; after none, every input as it is.
    ///
    /// # Errors
    /// The first entry that cannot be, or that does not go with an earlier one.
    pub fn new(specs: Vec<FeatureSpec>) -> Result<Self, FeatureError> {
        if specs.len() > MOST_ENTRIES {
            return Err(FeatureError::TooMany { found: specs.len(), most: MOST_ENTRIES });
        }
        let mut values = 0;
        let mut rhythm = None;
        for (entry, spec) in specs.iter().enumerate() {
            spec.validate(entry)?;
            if let Some(first) = specs[..entry].iter().position(|earlier| earlier == spec) {
                return Err(FeatureError::Repeated { entry, first });
            }
            if let FeatureSpec::Bands { hop, .. } = *spec {
                let (first, expected) = *rhythm.get_or_insert((entry, hop));
                if hop != expected {
                    return Err(FeatureError::DifferentHops { entry, found: hop, first, expected });
                }
            }
            values += spec.rows_to_fill();
        }
        if values > MOST_VALUES {
            return Err(FeatureError::TooLarge { found: values, most: MOST_VALUES });
        }
        Ok(Self { entries: specs.into_iter().map(Entry::new).collect(), hop: rhythm.map(|(_, hop)| hop) })
    }

    /// Whether every input is handed on as it is, because the list is empty or says `value` of 0, 1, 2 and so on.
    pub fn is_identity(&self) -> bool {
        self.specs().enumerate().all(|(at, spec)| *spec == FeatureSpec::Value { input: at })
    }

    /// Whether the features of a row depend on the rows before.
    pub fn has_memory(&self) -> bool {
        self.specs().any(|spec| !matches!(spec, FeatureSpec::Value { .. } | FeatureSpec::TimeOfDay { .. }))
    }

    /// The inputs that a row must have, at least one; `None` for the empty list, which takes any number.
    pub fn inputs(&self) -> Option<usize> {
        self.specs().map(FeatureSpec::inputs).max()
    }

    /// The features of a row; `None` for the empty list, which yields as many as there are inputs.
    pub fn width(&self) -> Option<usize> {
        (!self.entries.is_empty()).then(|| self.specs().map(FeatureSpec::width).sum())
    }

    /// The names of the features, given those of the inputs: `vibration`, `rms_64(vibration)`, `band_3(vibration)` (bands
    /// count from 0), `difference(vibration)` (`difference_5(vibration)` for a lag of 5), `time_of_day`. An input that has
    /// no name is called `input_0` after its position.
    pub fn names(&self, inputs: &[&str]) -> Vec<String> {
        if self.entries.is_empty() {
            return inputs.iter().map(|&name| name.to_owned()).collect();
        }
        let name = |input: usize| inputs.get(input).map_or_else(|| format!("input_{input}"), |&name| name.to_owned());
        self.specs().flat_map(|spec| spec.names(name)).collect()
    }

    /// The memory before the first row of a stream.
    pub fn initial_memory(&self) -> FeatureMemory {
        FeatureMemory {
            cells: self.entries.iter().map(Entry::fresh_cell).collect(),
            wait: self.rows_to_fill(),
            ready: false,
            held: vec![0.0; self.held_width()].into(),
        }
    }

    /// The rows that a fresh memory takes in up to the first feature row, that row included: at least 1.
    pub fn rows_to_fill(&self) -> usize {
        self.specs().map(FeatureSpec::rows_to_fill).max().unwrap_or(1)
    }

    /// Takes one row of finite inputs in and writes its features, all of them finite. After
    /// [`Filling`](Readiness::Filling), `out` means nothing.
    ///
    /// Where there are bands, all features are taken at the end of each frame, every `hop` rows, and held in between. It
    /// takes constant time per row on average, but the row that fills a window or a frame has to sum it up or transform
    /// it. Nothing is allocated, unless the memory is not one of these features' (of another model, say): such a memory
    /// is replaced by a fresh one.
    ///
    /// # Panics
    /// If `inputs` is shorter than [`inputs`](Self::inputs) or `out` shorter than [`width`](Self::width), or if their
    /// lengths differ for the empty list.
    pub fn push(&self, memory: &mut FeatureMemory, inputs: &[f64], t: Time, out: &mut [f64]) -> Readiness {
        if self.entries.is_empty() {
            out.copy_from_slice(inputs);
            return Readiness::Ready;
        }
        if !self.fits(memory) {
            *memory = self.initial_memory();
        }
        for (entry, cell) in self.entries.iter().zip(&mut memory.cells) {
            entry.take_in(cell, inputs);
        }
        memory.wait -= 1;
        if memory.wait > 0 {
            return self.hold(memory, out);
        }
        memory.wait = self.hop.unwrap_or(1);
        memory.ready = true;
        let mut rest = &mut *out;
        for (entry, cell) in self.entries.iter().zip(&mut memory.cells) {
            let (features, others) = rest.split_at_mut(entry.spec().width());
            entry.write(cell, inputs, t, features);
            rest = others;
        }
        let held = memory.held.len();
        memory.held.copy_from_slice(&out[..held]);
        Readiness::Ready
    }

    fn hold(&self, memory: &FeatureMemory, out: &mut [f64]) -> Readiness {
        if !memory.ready {
            return Readiness::Filling;
        }
        out[..self.held_width()].copy_from_slice(&memory.held);
        Readiness::Held
    }

    /// Whether a memory could be one of these features'. It may come from a damaged or foreign artefact.
    fn fits(&self, memory: &FeatureMemory) -> bool {
        let longest_wait = if memory.ready { self.hop.unwrap_or(1) } else { self.rows_to_fill() };
        memory.cells.len() == self.entries.len()
            && (1..=longest_wait).contains(&memory.wait)
            && memory.held.len() == self.held_width()
            && self.entries.iter().zip(&memory.cells).all(|(entry, cell)| entry.fits(cell))
    }

    fn held_width(&self) -> usize {
        self.hop.and(self.width()).unwrap_or(0)
    }

    fn specs(&self) -> impl Iterator<Item = &FeatureSpec> {
        self.entries.iter().map(Entry::spec)
    }
}

impl Default for Features {
    /// Every input as it is.
    fn default() -> Self {
        Self { entries: Box::default(), hop: None }
    }
}

impl TryFrom<Vec<FeatureSpec>> for Features {
    type Error = FeatureError;

    fn try_from(specs: Vec<FeatureSpec>) -> Result<Self, Self::Error> {
        Self::new(specs)
    }
}

impl From<Features> for Vec<FeatureSpec> {
    fn from(features: Features) -> Self {
        features.specs().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
