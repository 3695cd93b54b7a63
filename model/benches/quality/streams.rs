//! Our streaming detectors by the rule of the Numenta Anomaly Benchmark.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tagwise_model::evaluation::nab::{Profile, ScoredSeries, optimise, probation};
use tagwise_model::{Registry, Time};

use crate::{Result, ours, say};

/// The folder of the benchmark that holds real series with known causes.
const REAL: &str = "realKnownCause";
/// Where the benchmark keeps series that lie beside that folder here.
const ARTIFICIAL: [&str; 2] = ["artificialNoAnomaly", "artificialWithAnomaly"];

/// What one kind reached.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kind: String,
    /// Standard, few false positives, few false negatives; on the real series.
    pub(crate) real: [f64; 3],
    /// The same on all series.
    pub(crate) all: [f64; 3],
}

/// The table, and what it was made from.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) rows: Vec<Row>,
    pub(crate) real_series: usize,
    pub(crate) all_series: usize,
}

struct Series {
    is_real: bool,
    rows: Vec<(Time, f64)>,
    windows: Vec<std::ops::RangeInclusive<usize>>,
}

/// Measures every registered kind that looks at rows in their order.
pub(crate) fn measure(registry: &Registry, folder: &Path) -> Result<Streams> {
    let all = read(folder)?;
    let kinds = registry.names().filter(|name| registry.get(name).is_some_and(|kind| kind.is_sequential()));
    let mut rows = Vec::new();
    for kind in kinds {
        say(&format!("nab: {kind}"));
        match run(registry, kind, &all) {
            Ok(row) => rows.push(row),
            Err(error) => say(&format!("!!! nab: {kind} is left out: {error}")),
        }
    }
    let real_series = all.iter().filter(|series| series.is_real).count();
    Ok(Streams { rows, real_series, all_series: all.len() })
}

fn run(registry: &Registry, kind: &str, all: &[Series]) -> Result<Row> {
    let mut scored = Vec::new();
    for series in all {
        let scores = ours::stream(registry, kind, &series.rows, probation(series.rows.len()))?;
        scored.push((series.is_real, ScoredSeries { scores, windows: series.windows.clone() }));
    }
    let reached = |wants_artificial: bool| {
        let chosen: Vec<_> = scored.iter().filter(|one| one.0 || wants_artificial).map(|one| one.1.clone()).collect();
        [Profile::STANDARD, Profile::FEW_FALSE_POSITIVES, Profile::FEW_FALSE_NEGATIVES]
            .map(|profile| optimise(profile, &chosen).map_or(f64::NAN, |best| best.score))
    };
    Ok(Row { kind: kind.to_owned(), real: reached(false), all: reached(true) })
}

fn read(folder: &Path) -> Result<Vec<Series>> {
    let labels = fs::read(folder.join("labels/combined_windows.json"))?;
    let labels: BTreeMap<String, Vec<(String, String)>> = serde_json::from_slice(&labels)?;
    let mut found = Vec::new();
    for (name, windows) in &labels {
        let (group, file) = name.split_once('/').unwrap_or(("", name));
        let path = match group {
            REAL => folder.join(name),
            group if ARTIFICIAL.contains(&group) => folder.join(file),
            _ => continue,
        };
        if !path.is_file() {
            continue;
        }
        let rows = read_series(&path)?;
        let place = |text: &str| {
            let time = parse_time(text)?;
            rows.iter().position(|row| row.0 == time).ok_or_else(|| format!("{name} has no row at {text}"))
        };
        let mut places = Vec::new();
        for (first, last) in windows {
            places.push(place(first)?..=place(last)?);
        }
        found.push(Series { is_real: group == REAL, rows, windows: places });
    }
    Ok(found)
}

fn read_series(path: &Path) -> Result<Vec<(Time, f64)>> {
    let text = fs::read_to_string(path)?;
    let parse = |line: &str| -> Result<(Time, f64)> {
        let (time, value) = line.split_once(',').ok_or("it has no comma")?;
        Ok((parse_time(time)?, value.trim().parse()?))
    };
    let lines = (1..).zip(text.lines()).skip(1).filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| parse(line).map_err(|error| format!("{}:{number}: {error}", path.display()).into()))
        .collect()
}

/// `2014-07-01 00:30:00`, with or without a fraction, which is always 0 in these files; no time zone is known.
fn parse_time(text: &str) -> std::result::Result<Time, String> {
    let mut numbers = text.split(['-', ' ', ':', '.']).map(str::parse::<i64>);
    let mut next = || numbers.next().and_then(std::result::Result::ok).ok_or_else(|| format!("{text:?} is no time"));
    let [year, month, day, hour, minute, second] = [next()?, next()?, next()?, next()?, next()?, next()?];
    // Days since 1970 by counting from March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Ok(Time((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000))
}
