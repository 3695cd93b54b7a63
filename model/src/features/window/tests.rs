use proptest::prelude::*;

use super::*;
use crate::random::Random;

/// All statistics of the last `size` values, as the window has them after all of `values`.
fn sliding(size: usize, values: &[f64]) -> Vec<f64> {
    let mut window = Window::new(size, &Statistic::all());
    for &value in values {
        window.push(value);
    }
    all(&window)
}

fn all(window: &Window) -> Vec<f64> {
    let mut out = vec![f64::NAN; 9];
    window.write(&Statistic::all(), &mut out);
    out
}

/// The statistics by their definitions, each with the error that a sound computation may have.
fn recomputed(x: &[f64]) -> [(f64, f64); 9] {
    let n = x.len() as f64;
    let average = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x)).sum::<f64>() / n;
    let rough = average(&|x| x);
    let rest = average(&|x| x - rough);
    let equal = x.iter().all(|value| value.to_bits() == x[0].to_bits());
    let distance = |x: f64| if equal { 0.0 } else { (x - rough) - rest };
    let moment = |power: i32| average(&|x| (0..power).fold(1.0, |product, _| product * distance(x)));
    let deviation = moment(2).sqrt();
    let rms = average(&|x| x * x).sqrt();
    let largest = x.iter().copied().fold(f64::MIN, f64::max);
    let smallest = x.iter().copied().fold(f64::MAX, f64::min);
    let peak = largest.abs().max(smallest.abs());
    let middle = (n - 1.0) / 2.0;
    let trend: f64 = x.iter().enumerate().map(|(place, &x)| (place as f64 - middle) * distance(x)).sum();
    let shape = |value: f64| if equal { 0.0 } else { value };
    let kurtosis = shape(moment(4) / (moment(2) * moment(2)) - 3.0);
    let cubes = average(&|x| distance(x).abs() * distance(x) * distance(x));
    let skewness = shape(moment(3) / (moment(2) * deviation));
    let crest = if peak > 0.0 { peak / rms } else { 1.0 };
    let near = 1e-11;
    [
        (rough + rest, 1e-15 * peak + near * deviation),
        (deviation, near * deviation),
        (rms, near * rms),
        (peak, 0.0),
        (largest - smallest, 0.0),
        (kurtosis, near * (kurtosis + 3.0)),
        (skewness, shape(near * cubes / (moment(2) * deviation))),
        (crest, near * crest),
        (trend / (n * (n * n - 1.0) / 12.0), near * deviation),
    ]
}

fn assert_close(found: &[f64], expected: &[(f64, f64)]) {
    for ((statistic, found), (expected, tolerance)) in Statistic::all().iter().zip(found).zip(expected) {
        assert!((found - expected).abs() <= *tolerance, "{}: {found} is not {expected}", statistic.name());
    }
}

#[test]
fn the_figures_are_those_of_numpy_and_scipy() {
    // Printed by numpy 2.4.6 and scipy 1.17.1: mean, std, ptp, polyfit; scipy.stats.kurtosis and skew.
    let expected = [
        1.875,
        3.082_207_001_484_488,
        3.607_717_422_415_453,
        7.75,
        10.75,
        -0.433_888_612_361_495_8,
        0.308_767_663_821_669_3,
        2.148_172_678_893_235,
        -0.142_857_142_857_142_65,
    ];
    // The first three have left the window of eight.
    let found = sliding(8, &[1e12, -5.0, 1e3, 2.5, -1.0, 4.0, 3.25, 0.5, 7.75, -3.0, 1.0]);
    assert_close(&found, &expected.map(|value| (value, 1e-14)));
}

#[test]
fn equal_values_have_no_spread_no_shape_and_the_crest_factor_one() {
    for value in [0.0, 0.1, -1e9 / 3.0, 1e300, f64::MIN, 5e-324] {
        let peak = value.abs();
        // Half of a window of other values before, so that both parts of the window are used.
        let mut values = vec![7.0; 5];
        values.extend([value; 15]);
        let found = sliding(10, &values);
        assert_close(&found, &[value, 0.0, peak, peak, 0.0, 0.0, 0.0, 1.0, 0.0].map(|value| (value, 0.0)));
    }
}

#[test]
fn small_noise_far_from_zero_keeps_its_precision() {
    let mut random = Random::new(2);
    // Multiples of 2^-20, which floats near 10^9 can tell apart.
    let noise: Vec<f64> = (0..150).map(|_| (random.unit() * 1024.0).floor() / 1_048_576.0).collect();
    let lifted: Vec<f64> = noise.iter().map(|noise| 1e9 + noise).collect();
    let expected = recomputed(&noise[50..]);
    let found = sliding(100, &lifted);
    let names = Statistic::all();
    for at in (0..9).filter(|&at| {
        use Statistic::{Kurtosis, PeakToPeak, Skewness, Slope, StandardDeviation};
        matches!(names[at], StandardDeviation | PeakToPeak | Kurtosis | Skewness | Slope)
    }) {
        let (expected, tolerance) = expected[at];
        assert!((found[at] - expected).abs() <= tolerance, "{}: {} is not {expected}", names[at].name(), found[at]);
    }
}

#[test]
fn the_line_through_a_ramp_has_its_slope() {
    let ramp: Vec<f64> = (0..1000).map(|row| 1e6 - 0.25 * f64::from(row)).collect();
    assert!((sliding(300, &ramp)[8] + 0.25).abs() < 1e-12);
}

#[test]
fn millions_of_hostile_values_leave_no_trace() {
    let mut random = Random::new(9);
    for size in [2, 64, 333] {
        let mut window = Window::new(size, &Statistic::all());
        let mut recent = Vec::new();
        for row in 0..2_000_000_u32 {
            // Bursts of outliers, offsets that come and go, quiet stretches and frozen values.
            let value = match row / 1000 % 5 {
                0 if random.below(50) == 0 => (random.unit() - 0.5) * 1e12,
                1 => 1e9 + random.unit(),
                2 => random.unit() * 1e-6,
                3 => 0.1,
                _ => random.unit() - 0.5,
            };
            window.push(value);
            recent.push(value);
            if recent.len() == 4 * size {
                recent.drain(..3 * size);
            }
            if (row > 1_990_000 || row % 1001 == 999) && recent.len() >= size && row % 37 == 0 {
                assert_close(&all(&window), &recomputed(&recent[recent.len() - size..]));
            }
        }
    }
}

#[test]
fn a_restored_window_goes_on_to_the_bit() {
    let mut random = Random::new(4);
    for cut in 0..25 {
        let mut window = Window::new(10, &Statistic::all());
        (0..cut).for_each(|_| window.push(random.unit() * 100.0));
        let written = serde_json::to_string(&window).unwrap();
        let mut restored: Window = serde_json::from_str(&written).unwrap();
        assert_eq!(restored, window);
        for _ in 0..25 {
            let value = random.unit();
            window.push(value);
            restored.push(value);
            let bits = |window| all(window).into_iter().map(f64::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(&restored), bits(&window), "cut after {cut}");
        }
    }
}

/// Values as they come: near zero, far from it, outliers, repeats.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1.0..1.0_f64,
        2 => Just(0.1),
        2 => 1e9..1e9 + 1.0,
        1 => prop_oneof![Just(1e12), Just(-1e12)],
        1 => -1e-9..1e-9_f64,
    ]
}

proptest! {
    #[test]
    fn every_window_equals_its_recomputation(
        size in 2..40_usize, values in prop::collection::vec(value(), 40..200)
    ) {
        let mut window = Window::new(size, &Statistic::all());
        for (row, value) in values.iter().enumerate() {
            window.push(*value);
            if row + 1 >= size {
                assert_close(&all(&window), &recomputed(&values[row + 1 - size..=row]));
            }
        }
    }

    #[test]
    fn a_statistic_asked_for_alone_is_the_same(
        size in 2..20_usize, values in prop::collection::vec(value(), 20..60)
    ) {
        let together = sliding(size, &values);
        for (at, statistic) in Statistic::all().into_iter().enumerate() {
            let mut window = Window::new(size, &[statistic]);
            for &value in &values {
                window.push(value);
            }
            let mut out = [0.0];
            window.write(&[statistic], &mut out);
            prop_assert_eq!(out[0].to_bits(), together[at].to_bits());
        }
    }

    #[test]
    fn finite_values_have_finite_statistics(
        size in 2..12_usize,
        values in prop::collection::vec(
            prop_oneof![any::<f64>(), Just(f64::MAX), Just(f64::MIN), Just(0.0), -1.0..1.0_f64, Just(1e300)], 12..60
        ),
    ) {
        let mut window = Window::new(size, &Statistic::all());
        for value in values.into_iter().filter(|value| value.is_finite()) {
            window.push(value);
            let found = all(&window);
            prop_assert!(found.iter().all(|value| value.is_finite()), "{:?}", found);
        }
    }

    #[test]
    fn larger_units_change_the_size_and_not_the_shape(
        size in 2..12_usize, power in 0..1020_i32, values in prop::collection::vec(-1.0..1.0_f64, 12..40)
    ) {
        let factor = libm::exp2(f64::from(power));
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let expected = recomputed(&values[values.len() - size..]);
        for ((statistic, found), (expected, tolerance)) in
            Statistic::all().into_iter().zip(sliding(size, &scaled)).zip(expected)
        {
            use Statistic::{CrestFactor, Kurtosis, Skewness};
            let found = if matches!(statistic, CrestFactor | Kurtosis | Skewness) { found } else { found / factor };
            prop_assert!((found - expected).abs() <= tolerance, "{}: {} is not {}", statistic.name(), found, expected);
        }
    }
}
