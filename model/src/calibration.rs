//! The scores that training rows get from models which have not seen them: blocked cross-validation.
//!
//! In-sample scores of a detector with many coefficients are worthless for a threshold: on a plant with 52 channels the
//! .99 quantile of the training scores called 99 % of fresh normal rows anomalous. So the rows are cut into ten blocks in
//! order of time, and each block is scored by a chain that was fitted to the others. Five blocks make thresholds too
//! careful, twenty too bold.

use crate::scaler::StandardScaler;
use crate::{Detector, DetectorKind, FitError, Params, Registry, ScalerSpec, State, TrainingRows};

/// Blocks, where there are rows enough.
const FOLDS: usize = 10;
/// Rows left out on either side of a block, so that a detector with short memory has not seen the block's neighbours.
const GAP: usize = 10;
/// Rows before a block that fill the short memory without being scored.
const RUN_IN: usize = 100;
/// Scores at the very beginning that are left out, since the memory was still filling.
const UNSETTLED: usize = 20;

/// What is fitted: a kind with its parameters and the scaler before it.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    pub(crate) kind: &'a dyn DetectorKind,
    pub(crate) params: &'a Params,
    pub(crate) scaler: ScalerSpec,
    pub(crate) registry: &'a Registry,
}

impl Recipe<'_> {
    /// Scaler and detector, fitted.
    pub(crate) fn fit(&self, rows: &TrainingRows) -> Result<(Option<StandardScaler>, Box<dyn Detector>), FitError> {
        match self.scaler {
            ScalerSpec::None => Ok((None, self.kind.fit(self.params, rows, self.registry)?)),
            ScalerSpec::Standard => {
                let scaler = StandardScaler::fit(&rows.view())?;
                let detector = self.kind.fit(self.params, &scaler.scale_rows(rows), self.registry)?;
                Ok((Some(scaler), detector))
            }
        }
    }

    /// Into how many blocks so many rows are cut; 0 where what is left without one would be too little to fit.
    pub(crate) fn folds(&self, rows: usize, wanted: usize) -> usize {
        let folds = wanted.min(rows);
        let gaps = if self.kind.is_sequential() { 2 * GAP } else { 0 };
        let left = rows.saturating_sub(rows.div_ceil(folds.max(1)) + gaps);
        if left >= self.kind.minimum_samples().max(1) { folds } else { 0 }
    }
}

/// One block of the rows, and what a chain that is to judge it may see.
pub(crate) struct Split {
    /// All rows but the block and its surroundings.
    pub(crate) others: TrainingRows,
    /// The block, and before it the rows that only fill a short memory.
    pub(crate) run: TrainingRows,
    /// How many rows that are.
    pub(crate) skip: usize,
}

/// Cuts the rows into blocks, in order of time. For kinds with short memory the neighbours of a block are left out of the
/// training and lead into the block.
pub(crate) fn split(rows: &TrainingRows, folds: usize, is_sequential: bool) -> impl Iterator<Item = Split> + '_ {
    (0..folds).map(move |fold| {
        let block = rows.count() * fold / folds..rows.count() * (fold + 1) / folds;
        let (gap, run_in) = if is_sequential { (GAP, RUN_IN) } else { (0, 0) };
        let begin = block.start.saturating_sub(run_in).max(rows.segment_start(block.start));
        let skip = block.start - begin;
        Split {
            others: rows.without(block.start.saturating_sub(gap)..(block.end + gap).min(rows.count())),
            run: rows.slice(begin..block.end),
            skip,
        }
    })
}

/// Leaves out the first scores of a series, which a short memory gave while it was still filling.
pub(crate) fn drop_unsettled<T>(scores: &mut Vec<T>) {
    scores.drain(..UNSETTLED.min(scores.len() / 2));
}

/// The scores of the rows, in order, each from a chain that has not seen its block. `None` where there are not two blocks,
/// or where a chain without one of them cannot be fitted.
pub(crate) fn out_of_sample_scores(
    recipe: &Recipe<'_>,
    rows: &TrainingRows,
    folds: usize,
    report: &mut dyn FnMut(),
) -> Option<Vec<f64>> {
    if folds < 2 {
        return None;
    }
    let is_sequential = recipe.kind.is_sequential();
    let mut scores = Vec::with_capacity(rows.count());
    for Split { others, run, skip } in split(rows, folds, is_sequential) {
        let (scaler, detector) = recipe.fit(&others).ok()?;
        let scaled = scaler.as_ref().map_or_else(|| run.clone(), |scaler| scaler.scale_rows(&run));
        if is_sequential {
            scores.extend(replay(detector.as_ref(), &detector.initial_state(), &scaled, skip));
        } else {
            score_table(detector.as_ref(), &scaled, &mut scores);
        }
        report();
    }
    if is_sequential {
        drop_unsettled(&mut scores);
    }
    scores.retain(|score| score.is_finite());
    (!scores.is_empty()).then_some(scores)
}

/// Blocks to cut the rows into when nothing else is said.
pub(crate) const fn default_folds() -> usize {
    FOLDS
}

/// The scores of rows one after another as in live use, NaN where there is none; the short memory is `begin` at the start
/// of each segment. The first `skip` rows only fill it.
pub(crate) fn replay<D: Detector + ?Sized>(detector: &D, begin: &State, rows: &TrainingRows, skip: usize) -> Vec<f64> {
    let mut scores = Vec::with_capacity(rows.count() - skip.min(rows.count()));
    for segment in rows.segments() {
        let mut state = begin.clone();
        for index in segment {
            let score = detector.observe(&mut state, rows.row(index), rows.time(index));
            if index >= skip {
                scores.push(score.unwrap_or(f64::NAN));
            }
        }
    }
    scores
}

fn score_table(detector: &dyn Detector, rows: &TrainingRows, scores: &mut Vec<f64>) {
    let begin = scores.len();
    scores.resize(begin + rows.count(), f64::NAN);
    detector.score_rows(rows.cells(), &mut scores[begin..]);
}
