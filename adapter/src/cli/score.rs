//! `tagwise score`: the rows of a table, one after another, as a running adapter would score them.

use std::io::{self, Write as _};

use tagwise_model::{Assessment, Model, NoScore, Registry, Time};

use super::{
    entry::DONE,
    model_args::{Score, TableArgs},
    model_files::{bar, is_standard, read_model, read_table, tolerate_closed, write},
};
use crate::{
    stage::Unscored,
    table::{Columns, Table, TableOptions},
};

/// Rows between two words on progress.
const PROGRESS_ROWS: usize = 10_000;

/// Scores, and names the cells that could not be.
pub(super) fn score(arguments: &Score) -> anyhow::Result<u8> {
    let (model, _) = read_model(&arguments.model, &Registry::builtin())?;
    let columns = columns(&model, &arguments.table)?;
    let options = TableOptions { keeps_bad_rows: true, ..arguments.table.options(columns) };
    let table = read_table(&arguments.table.input, &options)?;
    check_width(&model, &table)?;
    let progress = bar("scoring", table.rows().count() as u64);
    let mut lines = String::from("score,label,status\n");
    let mut live = Live::new(model);
    let mut scored = 0;
    for row in 0..table.rows().count() {
        let said = live.observe(&table, row);
        scored += usize::from(said.is_ok());
        lines.push_str(&line(said));
        if row.is_multiple_of(PROGRESS_ROWS) {
            progress.set_position(row as u64);
        }
    }
    progress.finish_and_clear();
    write(&arguments.output, lines.as_bytes())?;
    if table.bad_cells().count > 0 {
        tracing::warn!("cells without a score:\n{}", table.bad_cells());
    }
    if !is_standard(&arguments.output) {
        let done = counted(scored, table.rows().count());
        tolerate_closed(io::stdout().lock().write_all(done.as_bytes()))?;
    }
    Ok(DONE)
}

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

/// A model at work: what it learns stays in this run, and the file as it was.
pub(super) struct Live {
    model: Model,
    state: tagwise_model::ModelState,
}

impl Live {
    pub(super) fn new(model: Model) -> Self {
        let state = model.initial_state();
        Self { model, state }
    }

    /// Scores a row of a table and takes it in, as the stage does with a value.
    pub(super) fn observe(&mut self, table: &Table, row: usize) -> Result<Assessment, Unscored> {
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

fn counted(scored: usize, rows: usize) -> String {
    match rows - scored {
        0 => format!("{scored} rows scored\n"),
        without => format!("{scored} rows scored, {without} without a score\n"),
    }
}

fn line(said: Result<Assessment, Unscored>) -> String {
    match said {
        Ok(assessment) => format!("{},{},scored\n", assessment.score, assessment.label.as_u8()),
        Err(reason) => format!(",,{}\n", reason.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use tagwise_model::Label;

    use super::*;

    #[test]
    fn a_line_has_score_label_and_status_or_why_there_are_none() {
        let assessment = Assessment { score: 0.1 + 0.2, threshold: 0.0, label: Label::Anomaly };
        assert_eq!(line(Ok(assessment)), "0.30000000000000004,1,scored\n");
        assert_eq!(line(Err(Unscored::WarmingUp)), ",,warming_up\n");
    }
}
