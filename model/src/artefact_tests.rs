use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{ThresholdSpec, Time};

fn rows(width: usize) -> Array2<f64> {
    Array2::from_shape_fn((150, width), |(row, column)| ((row * 37 + column * 11) % 100) as f64 / 20.0)
}

fn fit(kind: &str) -> Model {
    let registry = Registry::builtin();
    let spec = ModelSpec {
        threshold: ThresholdSpec::Contamination(0.05),
        smoothing: Some(0.5),
        ..ModelSpec::defaults_of(registry.get(kind).unwrap().as_ref())
    };
    spec.fit(&registry, rows(2).view()).unwrap()
}

/// Puts the right checksum to bytes that were changed.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&bytes[..CHECKSUM.start], &bytes[HEADER..]);
    bytes[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn every_builtin_kind_comes_back_as_it_was() {
    let registry = Registry::builtin();
    for kind in registry.names() {
        let model = fit(kind);
        let bytes = model.to_artefact();
        let back = Model::from_artefact(&bytes, &registry).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(back.to_artefact(), bytes, "{kind}");
        assert_eq!(back.spec(), model.spec(), "{kind}");
        let (mut one, mut other) = (model.initial_state(), back.initial_state());
        for (second, row) in (0_i64..).zip(rows(2).rows()) {
            let (row, t) = (row.to_vec(), Time(second * 1_000_000));
            assert_eq!(model.observe(&mut one, &row, t), back.observe(&mut other, &row, t), "{kind}, row {second}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let bytes = fit("ewma_z").to_artefact();
    let check = |bytes: &[u8], expected: &str| {
        let error = Model::from_artefact(bytes, &Registry::builtin()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&[], "no model of Tagwise");
    check(b"PK\x03\x04 some other file", "no model of Tagwise");
    check(&bytes[..5], "cut off: 5 of 24 bytes");
    check(&bytes[..bytes.len() - 1], "cut off");
    check(&[bytes.as_slice(), b"x"].concat(), "1 bytes stand behind the end");
    let changed = |place: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = value;
        bytes
    };
    check(&changed(8, 2), "format 2, which this version does not know");
    check(&changed(18, 1), "more than the");
    check(&changed(60, bytes[60] ^ 4), "damaged");
    let is_known = |name: &str| Registry::builtin().get(name).is_some();
    assert!(is_known("ewma_z"));
    let error = Model::from_artefact(&bytes, &Registry::default()).unwrap_err().to_string();
    assert!(error.contains(r#"a "ewma_z", which is not known here"#), "{error}");
}

#[test]
fn the_names_of_the_inputs_come_back_and_without_any_the_bytes_are_those_of_before() {
    let registry = Registry::builtin();
    let mut model = fit("ewma_z");
    let nameless = model.to_artefact();
    model.name_inputs(vec!["line1/vibration".to_owned(), "speed".to_owned()]).unwrap();
    let bytes = model.to_artefact();
    let back = Model::from_artefact(&bytes, &registry).unwrap();
    assert_eq!(back.input_names(), ["line1/vibration", "speed"]);
    assert_eq!(back.to_artefact(), bytes);
    assert!(Model::from_artefact(&nameless, &registry).unwrap().input_names().is_empty());
    let error = model.name_inputs(vec!["alone".to_owned()]).unwrap_err().to_string();
    assert_eq!(error, "1 names do not fit a model of 2 inputs");
    assert_eq!(model.to_artefact(), bytes, "names that are refused change nothing");
    model.name_inputs(Vec::new()).unwrap();
    assert_eq!(model.to_artefact(), nameless);
}

#[test]
fn names_in_a_file_that_do_not_fit_the_inputs_are_refused() {
    let mut model = fit("ewma_z");
    model.name_inputs(vec!["first".to_owned(), "other".to_owned()]).unwrap();
    let bytes = model.to_artefact();
    let check = |from: &[u8], to: &[u8], expected: &str| {
        let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
        let mut changed = bytes.clone();
        changed[place..place + from.len()].copy_from_slice(to);
        let error = Model::from_artefact(&seal(changed), &Registry::builtin()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    // In CBOR a list of two texts of five bytes is 0x82, 0x65 and the first text, 0x65 and the second.
    check(b"other", b"oth\te", "holds a control character");
    check(b"other", b"first", r#"two inputs are called "first""#);
    check(b"\x82\x65first\x65other", b"\x81\x6bfirst-other", "1 names do not fit a model of 2 inputs");
}

proptest! {
    #[test]
    fn no_flipped_bit_goes_unnoticed(place in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = fit("ewma_z").to_artefact();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(Model::from_artefact(&bytes, &Registry::builtin()).is_err());
    }

    #[test]
    fn bytes_with_a_right_checksum_and_wrong_content_make_an_error_or_a_model_that_can_be_used(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for kind in ["ewma_z", "isolation_forest"] {
            let mut bytes = fit(kind).to_artefact();
            for (place, value) in &changes {
                let place = HEADER + place.index(bytes.len() - HEADER);
                bytes[place] = *value;
            }
            if let Ok(model) = Model::from_artefact(&seal(bytes), &Registry::builtin()) {
                let mut state = model.initial_state();
                for value in [0.0, 1e300, -7.5] {
                    let _assessment = model.observe(&mut state, &vec![value; model.width()], Time(0));
                }
            }
        }
    }
}
