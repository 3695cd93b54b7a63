use proptest::prelude::*;

use super::NoveltyKind;
use crate::random::Random;
use crate::{
    Detector, DetectorKind, FitError, Label, ModelSpec, ParamValue, Params, Registry, State, Time, TrainingRows,
};

const FIVE_MINUTES: i64 = 300_000_000;

fn params(given: &[(&str, ParamValue)]) -> Params {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Params::resolve(NoveltyKind.parameters(), given).unwrap()
}

fn daily() -> ParamValue {
    ParamValue::Text("daily".to_owned())
}

fn table(rows: &[Vec<f64>]) -> TrainingRows {
    let mut table = TrainingRows::new(rows[0].len());
    rows.iter().enumerate().for_each(|(index, row)| table.push_at(row, time(index)));
    table
}

fn time(row: usize) -> Time {
    Time(i64::try_from(row).unwrap() * FIVE_MINUTES)
}

fn fit(given: &[(&str, ParamValue)], rows: &[Vec<f64>]) -> Box<dyn Detector> {
    NoveltyKind.fit(&params(given), &table(rows), &Registry::default()).unwrap()
}

/// The definition, word for word, for one series without training.
fn by_the_letter(values: &[f64], daily: bool, warm_up: usize) -> Vec<f64> {
    const K: usize = 64;
    #[derive(Default)]
    struct Book {
        c: Vec<f64>,
        t: Vec<usize>,
        lo: f64,
        hi: f64,
        m: f64,
    }
    let mut books = [Book::default(), Book::default()];
    let (mut mu, mut cnt, mut residuals) = ([0.0; 48], [0.0; 48], Vec::new());
    let (mut pk, mut pi) = (0.0, 0);
    let mut emitted = Vec::new();
    for (i, &y) in values.iter().enumerate() {
        let mut features = vec![(1.0, y)];
        if daily {
            let j = i / 6 % 48;
            residuals.push(if cnt[j] > 0.0 { y - mu[j] } else { 0.0 });
            cnt[j] += 1.0;
            mu[j] += f64::max(0.03, 1.0 / cnt[j]) * (y - mu[j]);
            let last = &residuals[residuals.len().saturating_sub(3)..];
            features.push((0.5, last.iter().sum::<f64>() / last.len() as f64));
        }
        let mut s = 0.0;
        for (book, (weight, f)) in books.iter_mut().zip(features) {
            if i == 0 {
                (book.lo, book.hi, book.m) = (f, f, f);
            }
            let radius = f64::max(0.03 * (book.hi - book.lo), 0.03 * f64::EPSILON * book.m.abs());
            let nearest = (0..book.c.len()).min_by(|&a, &b| (book.c[a] - f).abs().total_cmp(&(book.c[b] - f).abs()));
            let d = nearest.map_or(f64::NAN, |b| (book.c[b] - f).abs());
            if i >= warm_up && radius > 0.0 && d > radius {
                s += weight * (1.0 - radius / d);
            }
            match nearest {
                Some(b) if d <= radius => book.t[b] = i,
                _ if book.c.len() < K => {
                    book.c.push(f);
                    book.t.push(i);
                }
                _ => {
                    let oldest = (0..K).min_by_key(|&b| book.t[b]).unwrap();
                    (book.c[oldest], book.t[oldest]) = (f, i);
                }
            }
            book.m += f64::max(0.001, 1.0 / (i as f64 + 1.0)) * (f - book.m);
            book.hi = if f > book.hi { f } else { book.hi - 2e-4 * (book.hi - book.m) };
            book.lo = if f < book.lo { f } else { book.lo + 2e-4 * (book.m - book.lo) };
        }
        if i - pi > 100 {
            pk = 0.0;
        }
        emitted.push(if s > pk { s } else { 0.0 });
        if s > pk {
            (pk, pi) = (s, i);
        }
    }
    emitted
}

/// A daily wave with noise, spikes and a jump.
fn metric(rows: usize) -> Vec<f64> {
    let mut random = Random::new(23);
    let value = |index: usize| {
        let wave = 10.0 * libm::sin(index as f64 * std::f64::consts::TAU / 288.0);
        let spike = if index % 509 == 400 { 25.0 } else { 0.0 };
        wave + random.normal() + spike + if index > 2000 { 30.0 } else { 0.0 }
    };
    (0..rows).map(value).collect()
}

#[test]
fn it_does_what_the_definition_says_to_the_last_bit() {
    let values = metric(3000);
    for is_daily in [false, true] {
        let rhythm = if is_daily { daily() } else { ParamValue::Text("none".to_owned()) };
        // One row of training, so that nearly all of it happens live.
        let detector = fit(&[("warm_up", ParamValue::Integer(300)), ("rhythm", rhythm)], &[vec![values[0]]]);
        let expected = by_the_letter(&values, is_daily, 300);
        let mut state = detector.blank_state();
        let mut events = 0;
        for (index, (&value, &expected)) in values.iter().zip(&expected).enumerate() {
            let found = detector.observe(&mut state, &[value], time(index));
            assert_eq!(found, (index >= 300).then_some(expected), "row {index}");
            events += usize::from(expected > 0.3);
        }
        assert!((5..60).contains(&events), "{events}");
    }
}

#[test]
fn training_is_the_beginning_of_the_stream() {
    let values: Vec<Vec<f64>> = metric(1500).into_iter().map(|value| vec![value]).collect();
    let detector = fit(&[], &values[..1000]);
    let (mut trained, mut blank) = (detector.initial_state(), detector.blank_state());
    for (index, row) in values.iter().enumerate() {
        let t = time(index);
        let score = detector.observe(&mut blank, row, t);
        assert_eq!(score.is_some(), index >= 100);
        if index >= 1000 {
            assert_eq!(detector.observe(&mut trained, row, t), score);
        }
    }
}

#[test]
fn a_model_with_little_training_warms_up_live_and_says_what_it_found_in_training() {
    let registry = Registry::builtin();
    let spec = ModelSpec { guard: None, ..ModelSpec::defaults_of(&NoveltyKind) };
    let rows: Vec<Vec<f64>> = metric(1000).into_iter().map(|value| vec![value]).collect();
    let short = spec.fit(&registry, table(&rows[..60])).unwrap();
    let mut state = short.initial_state();
    let scored = rows[60..].iter().map(|row| short.observe(&mut state, row, Time(0)).is_ok());
    assert_eq!(scored.take_while(|is_scored| !is_scored).count(), 40);
    assert!(short.training_share_labelled() <= 0.0);

    // The spike in row 400 is known afterwards, but it was news then.
    let long = spec.fit(&registry, table(&rows)).unwrap();
    assert!(long.training_share_labelled() > 0.0);
    let assessment = long.assess(&long.initial_state(), &rows[400], Time(0)).unwrap();
    assert_eq!(assessment.label, Label::Normal);
}

#[test]
fn several_features_score_like_the_loudest_of_them_and_it_gets_the_blame() {
    let values = metric(1200);
    let pair = |index: usize| vec![values[index], values[1199 - index]];
    let rows: Vec<Vec<f64>> = (0..600).map(pair).collect();
    let column = |feature: usize| rows.iter().map(|row| vec![row[feature]]).collect::<Vec<_>>();
    let (both, each) = (fit(&[], &rows), [fit(&[], &column(0)), fit(&[], &column(1))]);
    let mut state = both.initial_state();
    let mut states = [each[0].initial_state(), each[1].initial_state()];
    let mut loud = 0;
    for index in 600..1200 {
        let row = pair(index);
        let mut shares = [0.0; 2];
        both.attribute(&state, &row, Time(0), &mut shares);
        let alone = [0, 1].map(|of| each[of].observe(&mut states[of], &row[of..=of], Time(0)).unwrap());
        let score = both.observe(&mut state, &row, Time(0)).unwrap();
        assert_eq!(score.to_bits(), f64::max(alone[0], alone[1]).to_bits(), "row {index}");
        if score > 0.0 {
            loud += 1;
            assert!((f64::max(shares[0], shares[1]) - score).abs() < 1e-12, "{shares:?} {score}");
        }
    }
    assert!(loud > 2, "{loud}");
}

#[test]
fn a_configured_range_has_its_lower_end_first() {
    let given = [("range_low", ParamValue::Integer(10)), ("range_high", ParamValue::Integer(-10))];
    let error = NoveltyKind.fit(&params(&given), &table(&[vec![0.0]]), &Registry::default()).unwrap_err();
    let expected = "range_low is 10 and range_high -10; give the lower end first".to_owned();
    assert_eq!(error, FitError::Detector { kind: "novelty", reason: expected });
    let given = [("range_low", ParamValue::Integer(-50)), ("range_high", ParamValue::Integer(50))];
    let rows: Vec<Vec<f64>> = (0..400).map(|index| vec![f64::from(index % 2)]).collect();
    let score = |given: &[(&str, ParamValue)]| {
        let detector = fit(given, &rows);
        detector.score(&detector.initial_state(), &[2.5], Time(0)).unwrap()
    };
    assert!(score(&given) <= 0.0 && score(&[]) > 0.9);
}

#[test]
fn nonsense_does_not_come_back_from_bytes() {
    let detector = fit(&[("rhythm", daily())], &[vec![1.0, 2.0], vec![3.0, 4.0]]);
    let bytes = detector.save();
    assert_eq!(format!("{:?}", NoveltyKind.restore(&bytes, &Registry::default()).unwrap()), format!("{detector:?}"));
    for place in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[place] ^= flip;
            // Whatever still comes back has to work.
            if let Ok(detector) = NoveltyKind.restore(&broken, &Registry::default()) {
                let row = vec![7.0; detector.width()];
                let mut state = detector.initial_state();
                let _ = detector.observe(&mut state, &row, Time(5));
                let _ = detector.score(&state, &row, Time(i64::MIN));
            }
        }
    }
    assert!(NoveltyKind.restore(&bytes[1..], &Registry::default()).is_err());
}

proptest! {
    #[test]
    fn score_says_what_observe_says_and_huge_values_stay_finite(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![-5.0..5.0_f64, Just(1e300), Just(-1e300), -1e300..1e300_f64], 2), 8..80),
        step in 0_i64..4_000_000_000,
        is_daily in any::<bool>(),
    ) {
        let rhythm = if is_daily { daily() } else { ParamValue::Text("none".to_owned()) };
        let given = [("warm_up", ParamValue::Integer(4)), ("codewords", ParamValue::Integer(11)), ("rhythm", rhythm)];
        let detector = fit(&given, &rows[..2]);
        for mut state in [detector.initial_state(), State::default(), State::zeros(10_000)] {
            let mut moved = state.clone();
            for (index, row) in (0..).zip(&rows) {
                let t = Time(index * step);
                let score = detector.score(&state, row, t);
                prop_assert!(score.is_none_or(f64::is_finite), "{:?}", score);
                detector.advance(&mut moved, row, t);
                let observed = detector.observe(&mut state, row, t);
                prop_assert_eq!(observed.map(f64::to_bits), score.map(f64::to_bits));
                prop_assert_eq!(&state, &moved);
            }
        }
    }
}
