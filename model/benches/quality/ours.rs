//! The crate's public interface, as the measurements use it; nothing else here names it.

use ndarray::ArrayView2;
use tagwise_model::{Assessment, Label, Model, ModelSpec, Registry, Time, TrainingRows};

use crate::Result;
use crate::table::Table;

/// A fitted model.
pub(crate) fn fit(registry: &Registry, spec: &ModelSpec, table: &Table) -> Result<Model> {
    let view = ArrayView2::from_shape((table.rows(), table.width), &table.cells)?;
    Ok(spec.fit(registry, view)?)
}

/// The scores of independent rows.
pub(crate) fn score(model: &Model, table: &Table) -> Result<Vec<f64>> {
    let mut scores = vec![f64::NAN; table.rows()];
    model.score_rows(&table.cells, &mut scores)?;
    Ok(scores)
}

/// The scores of the rows that a model is fitted to.
pub(crate) fn in_sample(registry: &Registry, spec: &ModelSpec, table: &Table) -> Result<Vec<f64>> {
    let rows = TrainingRows::from(ArrayView2::from_shape((table.rows(), table.width), &table.cells)?);
    Ok(fit(registry, spec, table)?.training_scores(&rows)?)
}

/// The scores of a series as a live model gives them: fitted to the first `training` rows, then shown every row in
/// order, learning where it learns. Each score is a multiple of the model's own threshold (the distance from it, should
/// it not be above 0), so that one number can serve several series; NaN while it warms up.
pub(crate) fn stream(registry: &Registry, kind: &str, series: &[(Time, f64)], training: usize) -> Result<Vec<f64>> {
    let kind = registry.get(kind).ok_or_else(|| format!("no kind {kind:?}"))?;
    // Not the guard: on a series whose normal drifts it would drown what the detector has to say.
    let spec = ModelSpec { guard: None, ..ModelSpec::defaults_of(kind.as_ref()) };
    let mut rows = TrainingRows::new(1);
    series[..training].iter().for_each(|(time, value)| rows.push_at(&[*value], *time));
    let mut model = spec.fit(registry, rows)?;
    let mut state = model.initial_state();
    let mut scores = Vec::with_capacity(series.len());
    for &(time, value) in series {
        let Ok(assessment) = model.observe(&mut state, &[value], time) else {
            scores.push(f64::NAN);
            continue;
        };
        if model.adapts() && assessment.label == Label::Normal {
            model.learn(&state, &assessment, time);
        }
        let Assessment { score, threshold, .. } = assessment;
        scores.push(if threshold > 0.0 { score / threshold } else { score - threshold });
    }
    Ok(scores)
}
