//! The tables, in Markdown, between two markers in the README.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::agreement::TOLERANCE;
use crate::reference::{Figures, Reference};
use crate::speed;
use crate::streams::Streams;
use crate::tabular::{Found, Row, Verdict};
use crate::{Result, say};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Puts the text between the markers.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let readme = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{} has no {BEGIN} and {END}", path.display()))?;
    fs::write(path, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// All tables.
pub(crate) fn text(reference: &Reference, rows: &[Row], streams: &Streams, speed: &[speed::Row]) -> String {
    let sets: BTreeSet<&str> = rows.iter().flat_map(|row| row.sets.keys().map(String::as_str)).collect();
    let mut text = format!(
        "**Tables, beside PyOD {}.** Each cell: ours / PyOD's, and one figure where both print the same; for detectors \
         that draw random numbers the mean over {} seeds, and the deviation in brackets. A figure in **bold** is not \
         equal to PyOD's by the rule below the tables.\n\n",
        reference.pyod,
        reference.seeds()
    );
    for (title, choose) in [("ROC-AUC", area as fn(&Figures) -> (f64, f64)), ("average precision", precision)] {
        put(&mut text, &heading(title, &sets));
        for row in rows {
            let cells: Vec<String> =
                sets.iter().map(|set| row.sets.get(*set).map_or(String::new(), |found| cell(found, choose))).collect();
            put(&mut text, &format!("| {} | {} |", row.entry.title, cells.join(" | ")));
        }
        text.push('\n');
    }
    put(
        &mut text,
        &format!(
            "Equal means: for detectors that draw random numbers, that the mean ROC-AUC differs by at most three \
             standard errors and .003; for the others, that every score differs by at most {TOLERANCE:e}, relative to \
             the score or to the deviation of all scores. Greatest difference of any score on any of these sets:\n"
        ),
    );
    agreement(&mut text, rows);
    nab(&mut text, streams);
    speeds(&mut text, speed);
    text
}

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn heading(title: &str, columns: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = columns.iter().copied().collect();
    format!("| {title} | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))
}

fn area(figures: &Figures) -> (f64, f64) {
    figures.roc_auc
}

fn precision(figures: &Figures) -> (f64, f64) {
    figures.average_precision
}

fn cell(found: &Found, choose: fn(&Figures) -> (f64, f64)) -> String {
    let print = |figures: &Figures| {
        let (mean, deviation) = choose(figures);
        match figures.seeds {
            0 | 1 => thousandths(mean),
            _ => format!("{} ({})", thousandths(mean), thousandths(deviation)),
        }
    };
    let ours = print(&found.ours);
    let ours = if found.is_equal() { ours } else { format!("**{ours}**") };
    match &found.theirs {
        None => format!("{ours} / –"),
        Some(theirs) if print(theirs) == ours => ours,
        Some(theirs) => format!("{ours} / {}", print(theirs)),
    }
}

impl Found {
    fn is_equal(&self) -> bool {
        match self.verdict {
            Verdict::Alone => true,
            Verdict::Near(is_near) => is_near,
            Verdict::Differs { fitted, unseen } => fitted <= TOLERANCE && unseen <= TOLERANCE,
        }
    }
}

/// `.786`, and `1.000`.
fn thousandths(value: f64) -> String {
    let text = format!("{value:.3}");
    text.strip_prefix('0').map_or(text.clone(), str::to_owned)
}

fn agreement(text: &mut String, rows: &[Row]) {
    put(text, "| | rows it was fitted to | unseen rows | equal |\n|---|---|---|---|");
    for row in rows {
        let compared: Vec<&Found> = row.sets.values().filter(|found| found.verdict != Verdict::Alone).collect();
        let equal = compared.iter().filter(|found| found.is_equal()).count();
        let greatest = |choose: fn(Verdict) -> Option<f64>| {
            let differences = compared.iter().filter_map(|found| choose(found.verdict));
            differences
                .reduce(|a, b| if b <= a { a } else { b })
                .map_or("–".to_owned(), |value| format!("{value:.0e}"))
        };
        let fitted = greatest(|verdict| match verdict {
            Verdict::Differs { fitted, .. } => Some(fitted),
            _ => None,
        });
        let unseen = greatest(|verdict| match verdict {
            Verdict::Differs { unseen, .. } => Some(unseen),
            _ => None,
        });
        let title = row.entry.title;
        put(text, &format!("| {title} | {fitted} | {unseen} | on {equal} of {} sets |", compared.len()));
    }
    text.push('\n');
}

fn nab(text: &mut String, streams: &Streams) {
    if streams.rows.is_empty() {
        return;
    }
    put(
        text,
        &format!(
            "**Streams, by NAB's rule** (0: silence, 100: perfect; one threshold for all series). Fitted to the rows \
             of probation, with defaults and without the guard; the score is taken as a multiple of each model's own \
             threshold. The {} real series with known causes, and all {} that were at hand:\n",
            streams.real_series, streams.all_series
        ),
    );
    put(text, "| | standard | low FP | low FN | all: standard | low FP | low FN |\n|---|---|---|---|---|---|---|");
    for row in &streams.rows {
        let cells: Vec<String> = row.real.iter().chain(&row.all).map(|score| format!("{score:.1}")).collect();
        put(text, &format!("| {} | {} |", row.kind, cells.join(" | ")));
    }
    text.push('\n');
}

fn speeds(text: &mut String, rows: &[speed::Row]) {
    put(
        text,
        "**Time on one core, ours / PyOD's**, from raw values to the label: fitting 1,000 rows, one row at a time, and \
         10,000 rows at once. The kinds for streams are fitted with their threshold, which takes eleven fits, and \
         have no PyOD beside them.\n",
    );
    put(text, "| | features | fit | one row | 10,000 rows |\n|---|---|---|---|---|");
    for row in rows {
        let beside = |ours: f64, theirs: Option<f64>| match theirs {
            Some(theirs) => format!("{} / {}", duration(ours), duration(theirs)),
            None => duration(ours),
        };
        let cells = [
            beside(row.ours.fit, row.theirs.map(|theirs| theirs.fit)),
            beside(row.ours.row, row.theirs.map(|theirs| theirs.row)),
            beside(row.ours.batch, row.theirs.map(|theirs| theirs.batch)),
        ];
        put(text, &format!("| {} | {} | {} |", row.title, row.features, cells.join(" | ")));
    }
}

/// Three digits and a unit.
fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let digits = usize::from(value < 100.0) + usize::from(value < 10.0);
    let mut text = String::new();
    write!(text, "{value:.digits$} {unit}").expect("invariant: a string takes all that is written to it");
    text
}
