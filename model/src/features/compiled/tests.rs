use proptest::prelude::*;

use super::*;
use crate::Statistic;
use crate::random::Random;

const T: Time = Time(1_767_225_600_000_000);

fn value(input: usize) -> FeatureSpec {
    FeatureSpec::Value { input }
}

fn window(input: usize, size: usize) -> FeatureSpec {
    FeatureSpec::Window { input, size, statistics: vec![Statistic::Mean, Statistic::Peak] }
}

fn difference(input: usize, lag: usize) -> FeatureSpec {
    FeatureSpec::Difference { input, lag }
}

fn bands(input: usize, size: usize, hop: usize) -> FeatureSpec {
    FeatureSpec::Bands { input, size, count: 3, hop }
}

fn time_of_day() -> FeatureSpec {
    FeatureSpec::TimeOfDay { slots: 24, utc_offset_minutes: 60 }
}

/// Lists of every kind, for what must hold for all.
fn lists() -> Vec<Vec<FeatureSpec>> {
    vec![
        vec![],
        vec![value(0)],
        vec![value(1), value(0)],
        vec![time_of_day()],
        vec![window(0, 5)],
        vec![window(1, 5), difference(0, 1)],
        vec![difference(0, 9), window(0, 4), value(1)],
        vec![bands(0, 16, 8)],
        vec![bands(0, 16, 3), window(0, 40), bands(1, 32, 3), time_of_day(), value(0)],
        vec![
            FeatureSpec::Window { input: 0, size: 64, statistics: Statistic::all().into() },
            FeatureSpec::Bands { input: 1, size: 64, count: 8, hop: 32 },
        ],
    ]
}

fn features(specs: Vec<FeatureSpec>) -> Features {
    Features::new(specs).unwrap()
}

/// Rows of two inputs.
fn rows(count: usize) -> Vec<[f64; 2]> {
    let mut random = Random::new(6);
    (0..count).map(|_| [random.unit(), 100.0 * random.unit()]).collect()
}

/// What comes of each row: its readiness, and the features unless it is still filling.
fn run(features: &Features, memory: &mut FeatureMemory, rows: &[[f64; 2]]) -> Vec<(Readiness, Vec<u64>)> {
    let mut out = vec![0.0; features.width().unwrap_or(2)];
    rows.iter()
        .map(|row| {
            out.fill(-1.0);
            let readiness = features.push(memory, row, T, &mut out);
            let features = if readiness == Readiness::Filling { &[] } else { out.as_slice() };
            (readiness, features.iter().map(|value| value.to_bits()).collect())
        })
        .collect()
}

#[test]
fn the_list_says_what_it_takes_and_yields() {
    let check = |specs: Vec<FeatureSpec>, identity, memory, inputs, width, rows| {
        let features = features(specs);
        let found = (
            features.is_identity(),
            features.has_memory(),
            features.inputs(),
            features.width(),
            features.rows_to_fill(),
        );
        assert_eq!(found, (identity, memory, inputs, width, rows), "{features:?}");
    };
    check(vec![], true, false, None, None, 1);
    check(vec![value(0), value(1)], true, false, Some(2), Some(2), 1);
    check(vec![value(1), value(0)], false, false, Some(2), Some(2), 1);
    check(vec![value(1)], false, false, Some(2), Some(1), 1);
    check(vec![time_of_day()], false, false, Some(1), Some(1), 1);
    check(vec![window(3, 7), difference(0, 20)], false, true, Some(4), Some(3), 21);
    check(vec![bands(0, 16, 4), window(0, 7)], false, true, Some(1), Some(5), 16);
}

#[test]
fn names_are_as_many_as_features_and_follow_the_inputs() {
    for specs in lists() {
        let features = features(specs);
        assert_eq!(features.names(&["a", "b"]).len(), features.width().unwrap_or(2));
    }
    assert_eq!(features(vec![]).names(&["a", "b"]), ["a", "b"]);
    let features = features(vec![value(1), window(0, 5), time_of_day(), difference(2, 1)]);
    assert_eq!(features.names(&["a", "b"]), ["b", "mean_5(a)", "peak_5(a)", "time_of_day", "difference(input_2)"]);
}

#[test]
fn every_kind_writes_its_features_in_the_order_of_the_list() {
    let features = features(vec![difference(0, 2), value(1), time_of_day(), window(0, 3)]);
    let mut memory = features.initial_memory();
    let mut out = [0.0; 5];
    for (x, expected) in [(1.0, None), (5.0, None), (-6.0, Some([-7.0, 9.0, 1.0, 0.0, 6.0]))] {
        let readiness = features.push(&mut memory, &[x, 9.0], T, &mut out);
        assert_eq!(readiness, if expected.is_some() { Readiness::Ready } else { Readiness::Filling });
        if let Some(expected) = expected {
            assert_eq!(out.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }
}

#[test]
fn the_first_feature_row_comes_when_promised_and_without_bands_every_row_after() {
    for specs in lists() {
        let features = features(specs);
        let readiness: Vec<_> =
            run(&features, &mut features.initial_memory(), &rows(200)).into_iter().map(|(r, _)| r).collect();
        let first = features.rows_to_fill() - 1;
        assert!(readiness[..first].iter().all(|readiness| *readiness == Readiness::Filling));
        let hop = features.hop.unwrap_or(1);
        for (after, readiness) in readiness[first..].iter().enumerate() {
            assert_eq!(*readiness, if after % hop == 0 { Readiness::Ready } else { Readiness::Held });
        }
    }
}

#[test]
fn between_frames_all_features_are_held() {
    let features = features(vec![bands(0, 16, 5), value(1), window(0, 4)]);
    let mut newest = Vec::new();
    let mut frames = 0;
    for (row, (readiness, out)) in rows(60).iter().zip(run(&features, &mut features.initial_memory(), &rows(60))) {
        match readiness {
            Readiness::Filling => {}
            Readiness::Held => assert_eq!(out, newest),
            Readiness::Ready => {
                assert_eq!(out[3], row[1].to_bits());
                assert_ne!(out, newest);
                newest = out;
                frames += 1;
            }
        }
    }
    assert_eq!(frames, 9);
}

#[test]
fn features_do_not_depend_on_what_came_before_their_frame() {
    let features = features(vec![bands(0, 32, 8)]);
    let rows = rows(72);
    let late = run(&features, &mut features.initial_memory(), &rows).pop();
    let alone = run(&features, &mut features.initial_memory(), &rows[40..]).pop();
    assert_eq!(late, alone);
    assert_eq!(late.unwrap().0, Readiness::Ready);
}

#[test]
fn a_memory_of_another_list_counts_as_fresh() {
    for mine in lists().into_iter().map(features) {
        for other in lists().into_iter().map(features).filter(|other| *other != mine) {
            let mut memory = other.initial_memory();
            run(&other, &mut memory, &rows(77));
            let expected = run(&mine, &mut mine.initial_memory(), &rows(90));
            assert_eq!(run(&mine, &mut memory, &rows(90)), expected, "{mine:?} after {other:?}");
        }
    }
}

#[test]
fn an_absurd_memory_counts_as_fresh() {
    let features = features(vec![bands(0, 16, 8), window(1, 5)]);
    let expected = run(&features, &mut features.initial_memory(), &rows(50));
    let check = |spoil: &dyn Fn(&mut FeatureMemory)| {
        let mut memory = features.initial_memory();
        spoil(&mut memory);
        assert_eq!(run(&features, &mut memory, &rows(50)), expected);
    };
    check(&|memory| memory.wait = 0);
    check(&|memory| memory.wait = usize::MAX);
    check(&|memory| memory.ready = true);
    check(&|memory| memory.held = Box::new([]));
    check(&|memory| memory.cells = Box::new([]));
    check(&|memory| memory.cells.reverse());
}

#[test]
fn the_written_form_is_the_list() {
    for specs in lists() {
        let features = features(specs.clone());
        let written = serde_json::to_string(&features).unwrap();
        assert_eq!(written, serde_json::to_string(&specs).unwrap());
        assert_eq!(serde_json::from_str::<Features>(&written).unwrap(), features);
    }
    let error = serde_json::from_str::<Features>(r#"[{"kind":"window","size":1,"statistics":["rms"]}]"#).unwrap_err();
    assert!(error.to_string().contains("features[0]: size must be from 2 to 65536, not 1"), "{error}");
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let check = |specs: Vec<FeatureSpec>, expected: &str| {
        assert_eq!(Features::new(specs).unwrap_err().to_string(), expected);
    };
    check(vec![value(0), difference(0, 0)], "features[1]: lag must be from 1 to 4096, not 0");
    check(vec![value(0), value(1), value(0)], "features[2] repeats features[0]; leave one of them out");
    check(
        vec![value(0), bands(0, 16, 8), bands(1, 32, 16)],
        "features[2]: a hop of 16 rows does not go with the hop of 8 in features[1], and one feature row needs one rhythm; \
         give both the same hop",
    );
    check(
        (0..17).map(|input| window(input, 65_536)).collect(),
        "the features would keep 1114112 values in memory; shorten windows, lags or the list to at most 1048576",
    );
    check((0..4097).map(value).collect(), "4097 features are too many; name at most 4096 entries");
}

#[test]
fn features_are_the_same_to_the_bit_on_every_machine() {
    let features = features(lists().pop().unwrap());
    let mut hasher = crc32fast::Hasher::new();
    for (_, features) in run(&features, &mut features.initial_memory(), &rows(1000)) {
        for bits in features {
            hasher.update(&bits.to_le_bytes());
        }
    }
    assert_eq!(
        hasher.finalize(),
        889_507_941,
        "features of another machine or version could not be compared with these"
    );
}

proptest! {
    #[test]
    fn a_restored_memory_goes_on_to_the_bit(cut in 0..150_usize, list in 0..10_usize) {
        let features = features(lists().swap_remove(list));
        let rows = rows(220);
        let mut memory = features.initial_memory();
        run(&features, &mut memory, &rows[..cut]);

        let written = serde_json::to_string(&memory).unwrap();
        let mut restored: FeatureMemory = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&restored, &memory);
        let mut bytes = Vec::new();
        ciborium::into_writer(&memory, &mut bytes).unwrap();
        let from_bytes: FeatureMemory = ciborium::from_reader(bytes.as_slice()).unwrap();
        prop_assert_eq!(&from_bytes, &memory);

        prop_assert_eq!(run(&features, &mut restored, &rows[cut..]), run(&features, &mut memory, &rows[cut..]));
    }

    #[test]
    fn finite_inputs_have_finite_features(
        list in 0..10_usize,
        rows in prop::collection::vec([any::<f64>(), any::<f64>()], 100..150),
        t in any::<i64>(),
    ) {
        let features = features(lists().swap_remove(list));
        let mut memory = features.initial_memory();
        let mut out = vec![0.0; features.width().unwrap_or(2)];
        for row in rows {
            let row = row.map(|value| if value.is_finite() { value } else { 0.0 });
            if features.push(&mut memory, &row, Time(t), &mut out) != Readiness::Filling {
                prop_assert!(out.iter().all(|value| value.is_finite()), "{:?}", out);
            }
        }
    }
}
