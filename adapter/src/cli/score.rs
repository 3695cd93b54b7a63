//! `tagwise score`: the rows of a table, one after another, as a running adapter would score them.

use std::io::{self, Write as _};

use tagwise_model::{Assessment, Registry};

use super::{
    entry::DONE,
    live::{check_width, columns, observe_all},
    model_args::Score,
    model_files::{is_standard, read_model, read_table, tolerate_closed, write},
    progress::bar,
};
use crate::{stage::Unscored, table::TableOptions};

/// Scores, and names the cells that could not be.
pub(super) fn score(arguments: &Score) -> anyhow::Result<u8> {
    let (model, _) = read_model(&arguments.model, &Registry::builtin())?;
    let columns = columns(&model, &arguments.table)?;
    let options = TableOptions { keeps_bad_rows: true, ..arguments.table.options(columns) };
    let table = read_table(&arguments.table.input, &options)?;
    check_width(&model, &table)?;
    let mut lines = String::from("score,label,status\n");
    let mut scored = 0;
    observe_all(model, &table, &bar("scoring", table.rows().count() as u64), |_, said| {
        scored += usize::from(said.is_ok());
        lines.push_str(&line(said));
    });
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
