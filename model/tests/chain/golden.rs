//! The same seed and data give the same bytes, on every platform and in every later version; and what an earlier version
//! wrote can be read for ever.
//!
//! `golden/trained.txt` holds, for every kind, checksum and length of the artefact that a fixed training gives, and the
//! bits of the scores of a few rows. A change there is a change of every model that anyone trains: make it on purpose, say
//! so in the CHANGELOG, and write the file anew with `TAGWISE_WRITE_GOLDEN=1 cargo test -p tagwise-model --test chain golden`.
//! `golden/format1/` holds artefacts as the first version wrote them. Those files are only ever added to.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use crate::plant::{Plant, defaults};
use tagwise_model::{Model, ModelSpec, ParamValue, Registry, ThresholdSpec, Time};

const CHANNELS: usize = 3;
const ROWS: usize = 160;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/chain/golden").join(name)
}

fn is_writing() -> bool {
    env::var_os("TAGWISE_WRITE_GOLDEN").is_some()
}

/// Small enough that the files stay small.
fn spec(kind: &str) -> ModelSpec {
    let mut spec = defaults(kind);
    let smaller = [("trees", 10), ("sample_size", 64), ("hidden", 8), ("bottleneck", 4)];
    let known = Registry::builtin().get(kind).unwrap().parameters();
    let given = smaller.iter().filter(|(name, _)| known.iter().any(|parameter| parameter.name == *name));
    spec.params = given.map(|(name, value)| ((*name).to_owned(), ParamValue::Integer(*value))).collect();
    spec
}

fn train(kind: &str) -> Model {
    let rows = Plant::new(CHANNELS, 1).rows(ROWS);
    spec(kind).fit(&Registry::builtin(), rows).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// A checksum over the bits of the scores of rows that the model has not seen, the last of them far out, and the bits of
/// the last three.
fn scores(model: &Model) -> String {
    let mut plant = Plant::new(CHANNELS, 2);
    let mut state = model.initial_state();
    let (mut all, mut text) = (Vec::new(), String::new());
    for second in 0..200_i64 {
        let mut row = plant.row();
        if second == 199 {
            row[1] += 4.0;
        }
        let assessment = model.observe(&mut state, &row, Time(second * 1_000_000));
        let bits = assessment.map_or(0, |assessment| assessment.score.to_bits());
        all.extend_from_slice(&bits.to_le_bytes());
        if second >= 197 {
            write!(text, " {bits:016x}").unwrap();
        }
    }
    format!(" {:08x}{text}", crc32fast::hash(&all))
}

#[test]
fn the_same_training_gives_the_same_bytes_and_scores_as_ever() {
    let mut found = String::new();
    for kind in Registry::builtin().names() {
        let model = train(kind);
        let bytes = model.to_artefact();
        writeln!(found, "{kind} {:08x} {}{}", crc32fast::hash(&bytes), bytes.len(), scores(&model)).unwrap();
    }
    let path = golden("trained.txt");
    if is_writing() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn what_the_first_version_wrote_can_still_be_read_and_scores_the_same() {
    let registry = Registry::builtin();
    let dir = golden("format1");
    if is_writing() {
        fs::create_dir_all(&dir).unwrap();
        for kind in registry.names().filter(|kind| !dir.join(format!("{kind}.model")).exists()) {
            let model = train(kind);
            fs::write(dir.join(format!("{kind}.model")), model.to_artefact()).unwrap();
            fs::write(dir.join(format!("{kind}.scores")), scores(&model)).unwrap();
        }
    }
    for kind in registry.names() {
        let bytes = fs::read(dir.join(format!("{kind}.model"))).unwrap();
        let model = Model::from_artefact(&bytes, &registry).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(scores(&model), fs::read_to_string(dir.join(format!("{kind}.scores"))).unwrap(), "{kind}");
    }
}

#[test]
fn the_other_thresholds_are_pinned_as_well() {
    let thresholds = [
        ThresholdSpec::Contamination(0.05),
        ThresholdSpec::Quantile { quantile: 0.99, factor: 1.5 },
        ThresholdSpec::Evt(1e-3),
    ];
    let found = thresholds.map(|threshold| {
        let rows = Plant::new(CHANNELS, 1).rows(ROWS);
        let model = ModelSpec { threshold, ..spec("ewma_z") }.fit(&Registry::builtin(), rows).unwrap();
        let mut state = model.initial_state();
        let assessment = model.observe(&mut state, &Plant::new(CHANNELS, 2).row(), Time(0)).unwrap();
        (assessment.score.to_bits(), assessment.threshold.to_bits())
    });
    let path = golden("thresholds.txt");
    let found = format!("{found:016x?}\n");
    if is_writing() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(path).unwrap());
}
