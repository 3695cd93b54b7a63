//! `tagwise eval`: how good a model is on rows whose truth is known.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use anyhow::ensure;
use tagwise_model::{
    Label, Registry,
    evaluation::{Confusion, average_precision, precision_at_n, roc_auc},
};

use super::{
    entry::DONE,
    live::{check_width, columns, observe_all},
    model_args::Eval,
    model_files::{read_model, read_table, tolerate_closed},
    progress::bar,
};
use crate::table::TableOptions;

/// Scores every row and compares.
pub(super) fn evaluate(arguments: &Eval) -> anyhow::Result<u8> {
    let (model, _) = read_model(&arguments.model, &Registry::builtin())?;
    let columns = columns(&model, &arguments.table)?;
    let options =
        TableOptions { label: Some(arguments.label.clone()), keeps_bad_rows: true, ..arguments.table.options(columns) };
    let table = read_table(&arguments.table.input, &options)?;
    check_width(&model, &table)?;
    let mut judged = Judged::default();
    observe_all(model, &table, &bar("scoring", table.rows().count() as u64), |row, said| match said {
        Ok(assessment) => judged.push(assessment.score, assessment.label, table.labels()[row]),
        Err(_) => judged.left_out += 1,
    });
    if table.bad_cells().count > 0 {
        tracing::warn!("cells without a score:\n{}", table.bad_cells());
    }
    let report = judged.report()?;
    tolerate_closed(io::stdout().lock().write_all(report.as_bytes()))?;
    Ok(DONE)
}

/// What was said of the rows, and what is true.
#[derive(Debug, Default)]
struct Judged {
    scores: Vec<f64>,
    labels: Vec<Label>,
    truth: Vec<bool>,
    left_out: usize,
}

impl Judged {
    fn push(&mut self, score: f64, label: Label, is_anomaly: bool) {
        self.scores.push(score);
        self.labels.push(label);
        self.truth.push(is_anomaly);
    }

    fn report(&self) -> anyhow::Result<String> {
        ensure!(!self.scores.is_empty(), "no row has a score; there may be fewer than the model needs to warm up");
        let anomalies = self.truth.iter().filter(|is_anomaly| **is_anomaly).count();
        let confusion = Confusion::of(&self.labels, &self.truth)?;
        let mut text = String::new();
        writeln!(text, "rows                {}", self.scores.len())?;
        writeln!(text, "anomalies           {anomalies}")?;
        if self.left_out > 0 {
            writeln!(text, "left out            {} rows without a score", self.left_out)?;
        }
        let ranked = |figure: Result<f64, _>| figure.ok();
        for (name, figure) in [
            ("ROC-AUC", ranked(roc_auc(&self.scores, &self.truth))),
            ("average precision", ranked(average_precision(&self.scores, &self.truth))),
            ("precision at n", ranked(precision_at_n(&self.scores, &self.truth))),
            ("F1", confusion.f1()),
            ("false-alarm rate", confusion.false_alarm_rate()),
            ("missed-alarm rate", confusion.missed_alarm_rate()),
        ] {
            match figure {
                Some(figure) => writeln!(text, "{name:<19} {figure:.6}")?,
                None => writeln!(text, "{name:<19} -")?,
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_one_a_line_and_what_cannot_be_said_is_a_dash() {
        let mut judged = Judged { left_out: 2, ..Judged::default() };
        judged.push(0.1, Label::Normal, false);
        judged.push(0.9, Label::Anomaly, true);
        judged.push(0.8, Label::Anomaly, false);
        let report = judged.report().unwrap();
        assert!(
            report.contains("rows                3\nanomalies           1\nleft out            2 rows"),
            "{report}"
        );
        assert!(
            report.contains("ROC-AUC             1.000000") && report.contains("false-alarm rate    0.500000"),
            "{report}"
        );
        let mut normal_only = Judged::default();
        normal_only.push(0.1, Label::Normal, false);
        assert!(normal_only.report().unwrap().contains("ROC-AUC             -\n"));
        assert!(Judged::default().report().is_err());
    }
}
