//! A trained model at work on the rows of a table, as it would be on live values.

use indicatif::ProgressBar;
use tagwise_model::{Assessment, Model, NoScore, Time};

use super::model_args::TableArgs;
use crate::{
    stage::Unscored,
    table::{Columns, Table},
};

/// Rows between two words on progress.
const PROGRESS_ROWS: usize = 10_000;

/// The columns to take when the command line names none: those of the training, in whatever order they stand. Where the
/// model does not know their names, the order of several has to be said: swapped columns would give wrong scores without
/// a word.
pub(super) fn columns(model: &Model, arguments: &TableArgs) -> anyhow::Result<Columns> {
    let (names, expected) = (model.input_names(), model.inputs());
    if !names.is_empty() {
        return Ok(Columns::Trained(names.to_vec()));
    }
    anyhow::ensure!(
        expected == 1 || arguments.columns.is_some(),
        "the model takes {expected} values at a time and does not know their names; name their columns with --columns, in \
         the order it was trained on"
    );
    Ok(Columns::All)
}

/// Says how many columns the model wants where others were named, or there are others.
pub(super) fn check_width(model: &Model, table: &Table) -> anyhow::Result<()> {
    let (found, expected) = (table.names().len(), model.inputs());
    anyhow::ensure!(
        found == expected,
        "the model takes {expected} values at a time, and the table has {found} columns of them ({}); name {expected} with \
         --columns",
        table.names().join(", ")
    );
    Ok(())
}

/// Scores every row of a table, one after another, and hands on what is said of each, with its number from 0. The bar
/// follows, and is gone at the end.
pub(super) fn observe_all(
    model: Model,
    table: &Table,
    progress: &ProgressBar,
    mut hear: impl FnMut(usize, Result<Assessment, Unscored>),
) {
    let mut live = Live::new(model);
    for row in 0..table.rows().count() {
        hear(row, live.observe(table, row));
        if (row + 1).is_multiple_of(PROGRESS_ROWS) {
            progress.set_position(row as u64 + 1);
        }
    }
    progress.finish_and_clear();
}

/// A model at work: what it learns stays in this run, and the file as it was.
struct Live {
    model: Model,
    state: tagwise_model::ModelState,
}

impl Live {
    fn new(model: Model) -> Self {
        let state = model.initial_state();
        Self { model, state }
    }

    /// Scores a row of a table and takes it in, as the stage does with a value.
    fn observe(&mut self, table: &Table, row: usize) -> Result<Assessment, Unscored> {
        if table.is_bad(row) {
            return Err(Unscored::NotNumeric);
        }
        let t: Time = table.time(row);
        let assessment =
            self.model.observe(&mut self.state, table.rows().row(row), t).map_err(|error| match error {
                NoScore::WarmingUp => Unscored::WarmingUp,
                NoScore::Row(_) | NoScore::NotFinite(_) => Unscored::NotNumeric,
            })?;
        if self.model.adapts() {
            self.model.learn(&self.state, &assessment, t);
        }
        Ok(assessment)
    }
}

#[cfg(test)]
mod tests {
    use tagwise_model::{ModelSpec, Registry, TrainingRows};

    use super::*;
    use crate::table::TableOptions;

    #[test]
    fn every_row_is_heard_in_order_and_the_bar_follows() {
        let rows = PROGRESS_ROWS + 5;
        let text: String =
            std::iter::once("v\n".to_owned()).chain((0..rows).map(|row| format!("{}\n", row % 7))).collect();
        let table = Table::read(text.as_bytes(), &TableOptions::plain(), &mut |_| ()).unwrap();
        let registry = Registry::builtin();
        let mut training = TrainingRows::new(1);
        (0..100).for_each(|row| training.push(&[f64::from(row % 7)]));
        let spec = ModelSpec::defaults_of(registry.get("ewma_z").unwrap().as_ref());
        let model = spec.fit(&registry, training).unwrap();
        let bar = ProgressBar::hidden();
        let mut seen = Vec::new();
        observe_all(model, &table, &bar, |row, said| seen.push((row, said.is_ok(), bar.position())));
        assert!(seen.iter().map(|(row, is_scored, _)| (*row, *is_scored)).eq((0..rows).map(|row| (row, true))));
        let shown = PROGRESS_ROWS as u64;
        assert_eq!((seen[PROGRESS_ROWS - 1].2, seen[PROGRESS_ROWS].2, bar.is_finished()), (0, shown, true));
    }
}
