//! Our detectors on the data sets on which PyOD's were measured.

use std::collections::BTreeMap;
use std::path::Path;

use tagwise_model::Registry;
use tagwise_model::evaluation::{average_precision, roc_auc};

use crate::agreement::{greatest_difference, is_near, summary};
use crate::catalogue::Entry;
use crate::reference::{Figures, Reference};
use crate::table::{Table, read_labelled};
use crate::{Result, ours, say};

/// What was found for one detector, by data set.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) sets: BTreeMap<String, Found>,
}

/// One detector on one data set.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) ours: Figures,
    /// `None` where PyOD has none, since its scores are infinite or its detector was left out.
    pub(crate) theirs: Option<Figures>,
    pub(crate) verdict: Verdict,
}

/// Whether ours equals theirs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing to compare with.
    Alone,
    /// Random: whether the mean area is within what the seeds allow.
    Near(bool),
    /// Deterministic: the greatest relative differences of scores of rows fitted to, and of unseen rows.
    Differs {
        /// Rows fitted to.
        fitted: f64,
        /// Rows not fitted to.
        unseen: f64,
    },
}

/// Measures every detector on every data set of the reference, or on the named ones.
pub(crate) fn measure(
    registry: &Registry,
    entries: &[Entry],
    reference: &Reference,
    folder: &Path,
    wanted: &[String],
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = entries.iter().map(|&entry| Row { entry, sets: BTreeMap::new() }).collect();
    for (name, set) in &reference.sets {
        if !wanted.is_empty() && !wanted.contains(name) {
            continue;
        }
        let (table, truth) = read_labelled(&folder.join(format!("{name}.csv")))?;
        for row in &mut rows {
            say(&format!("{name}: {}", row.entry.title));
            let theirs = set.detectors.get(row.entry.reference).cloned();
            match compare(registry, row.entry, &table, &truth, theirs) {
                Ok(found) => drop(row.sets.insert(name.clone(), found)),
                Err(error) => say(&format!("!!! {name}: {} is left out: {error}", row.entry.title)),
            }
        }
    }
    Ok(rows)
}

fn compare(registry: &Registry, entry: Entry, table: &Table, truth: &[bool], theirs: Option<Figures>) -> Result<Found> {
    let seeds = if entry.is_random { theirs.as_ref().map_or(10, |theirs| theirs.seeds) } else { 1 };
    let (mut areas, mut precisions, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..seeds {
        let spec = entry.spec(registry, seed).ok_or("it is not registered")?;
        scores = ours::in_sample(registry, &spec, table)?;
        areas.push(roc_auc(&scores, truth)?);
        precisions.push(average_precision(&scores, truth)?);
    }
    let ours = summary(&areas, &precisions);
    let verdict = match &theirs {
        None => Verdict::Alone,
        Some(theirs) if entry.is_random => {
            Verdict::Near(is_near(ours.roc_auc, theirs.roc_auc, (ours.seeds, theirs.seeds)))
        }
        Some(theirs) => Verdict::Differs {
            fitted: greatest_difference(&scores, &theirs.scores),
            unseen: greatest_difference(&unseen(registry, entry, table, theirs.unseen.len())?, &theirs.unseen),
        },
    };
    Ok(Found { ours, theirs, verdict })
}

/// The scores of the first so many odd rows by a detector that was fitted to the even ones.
fn unseen(registry: &Registry, entry: Entry, table: &Table, count: usize) -> Result<Vec<f64>> {
    let spec = entry.spec(registry, 0).ok_or("it is not registered")?;
    let model = ours::fit(registry, &spec, &table.choose(|row| row % 2 == 0))?;
    ours::score(&model, &table.choose(|row| row % 2 == 1 && row / 2 < count))
}
