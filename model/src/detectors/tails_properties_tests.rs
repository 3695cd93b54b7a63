//! What holds for `hbos`, `ecod`, `copod` and `pca` whatever rows they are fitted to, and whatever bytes they are made from.

use crate::{Detector, ParamValue, Params, Registry, Time, TrainingRows};
use proptest::prelude::*;

/// The kinds with the parameters that change how they work.
const VARIANTS: [(&str, &[(&str, &str)]); 8] = [
    ("hbos", &[]),
    ("hbos", &[("bins", "0")]),
    ("ecod", &[]),
    ("copod", &[("most_rows", "16")]),
    ("pca", &[]),
    ("pca", &[("statistic", "t2")]),
    ("pca", &[("statistic", "q")]),
    ("pca", &[("statistic", "combined")]),
];

fn fit((kind, given): (&str, &[(&str, &str)]), rows: &TrainingRows) -> Option<Box<dyn Detector>> {
    let registry = Registry::builtin();
    let kind = registry.get(kind).unwrap();
    let given = given.iter().map(|(name, value)| {
        let value = value.parse().map_or_else(|_| ParamValue::Text((*value).to_owned()), ParamValue::Integer);
        ((*name).to_owned(), value)
    });
    let params: Params = Params::resolve(kind.parameters(), given).unwrap();
    kind.fit(&params, rows, &registry).ok()
}

fn restore(kind: &str, bytes: &[u8]) -> Option<Box<dyn Detector>> {
    let registry = Registry::builtin();
    registry.get(kind).unwrap().restore(bytes, &registry).ok()
}

fn score(detector: &dyn Detector, x: &[f64]) -> f64 {
    detector.score(&detector.initial_state(), x, Time(0)).unwrap()
}

/// Numbers as they come from a plant, and as they should not.
fn cell() -> impl Strategy<Value = f64> {
    const ODD: &[f64] = &[0.0, 1.0, -7.25e8, 1e300, -1e300, f64::MAX, f64::MIN, 1e-300, 5e-324];
    prop_oneof![8 => -5.0..5.0_f64, 2 => (-3_i32..4).prop_map(f64::from), 1 => prop::sample::select(ODD)]
}

fn rows(cells: impl Strategy<Value = f64>) -> impl Strategy<Value = TrainingRows> {
    (1_usize..4, prop::collection::vec(cells, 30..120)).prop_map(|(width, cells)| {
        let mut rows = TrainingRows::new(width);
        cells.chunks_exact(width).for_each(|row| rows.push(row));
        rows
    })
}

proptest! {
    #[test]
    fn scores_and_shares_of_any_finite_row_are_finite(
        rows in prop_oneof![rows(-5.0..5.0_f64), rows(cell())],
        x in prop::collection::vec(cell(), 3),
    ) {
        for variant in VARIANTS {
            let Some(detector) = fit(variant, &rows) else { continue };
            let x = &x[..rows.width()];
            let mut shares = vec![0.0; x.len()];
            detector.attribute(&detector.initial_state(), x, Time(0), &mut shares);
            prop_assert!(score(detector.as_ref(), x).is_finite(), "{variant:?}");
            prop_assert!(shares.iter().all(|share| share.is_finite() && *share >= 0.0), "{variant:?} {shares:?}");
            prop_assert!(detector.training_scores(&rows).into_iter().all(f64::is_finite), "{variant:?}");
        }
    }

    #[test]
    fn what_was_saved_comes_back_the_same(rows in rows(cell()), x in prop::collection::vec(cell(), 3)) {
        for variant in VARIANTS {
            let Some(detector) = fit(variant, &rows) else { continue };
            let back = restore(variant.0, &detector.save()).unwrap();
            let x = &x[..rows.width()];
            prop_assert_eq!(format!("{detector:?}"), format!("{back:?}"));
            prop_assert_eq!(score(back.as_ref(), x).to_bits(), score(detector.as_ref(), x).to_bits());
            prop_assert_eq!(back.save(), detector.save());
        }
    }

    #[test]
    fn changed_bytes_make_a_detector_that_works_or_none(
        rows in rows(-5.0..5.0_f64),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        x in prop::collection::vec(cell(), 64),
    ) {
        for variant in VARIANTS {
            let mut bytes = fit(variant, &rows).unwrap().save();
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            if let Some(detector) = restore(variant.0, &bytes).filter(|detector| detector.width() <= x.len()) {
                let mut shares = vec![0.0; detector.width()];
                score(detector.as_ref(), &x[..detector.width()]);
                detector.attribute(&detector.initial_state(), &x[..detector.width()], Time(0), &mut shares);
                detector.training_scores(&rows);
            }
        }
    }

    #[test]
    fn a_value_farther_out_never_scores_less(
        rows in rows(-5.0..5.0_f64),
        far in 0.0..1e3_f64,
        farther in 0.0..1e6_f64,
    ) {
        // Not so for pca: what lies farther out in one feature may fit the others better.
        for variant in VARIANTS.into_iter().filter(|(kind, _)| *kind != "pca") {
            let detector = fit(variant, &rows).unwrap();
            // Beyond the outermost bins and the tolerance, and beyond all training values.
            let score = |value: f64| {
                let mut x = vec![0.0; rows.width()];
                x[0] = value;
                score(detector.as_ref(), &x)
            };
            prop_assert!(score(30.0 + far + farther) >= score(30.0 + far), "{variant:?}");
            prop_assert!(score(-30.0 - far - farther) >= score(-30.0 - far), "{variant:?}");
            prop_assert!(score(30.0 + far) >= score(0.0), "{variant:?}");
        }
    }
}
