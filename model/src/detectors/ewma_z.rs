//! Exponentially weighted average of z-scores: the control chart of Roberts (1959).
//!
//! Each feature is standardised by its mean and standard deviation in training; the z-scores are averaged, signed, with
//! exponentially fading weights; and the average is divided by the standard deviation that it would have on independent
//! normal values, √(λ / (2 − λ)) for a smoothing of λ. The score is the largest magnitude over all features, since a fault
//! often shows in one of them only. It reads as "so many standard deviations away", sees small lasting shifts that no
//! single value gives away, and is blind to oscillations around the mean.

use ndarray::ArrayView2;

use crate::scaler::StandardScaler;
use crate::{Detector, DetectorKind, Domain, FitError, Parameter, Params, ScalerSpec, State, ThresholdSpec, Time};

const NAME: &str = "ewma_z";

/// z-scores are cut here, so that one absurd value is forgotten after some tens of rows and not after thousands.
const LARGEST_Z: f64 = 1e6;

/// How far the mean moves towards a row that is learned from. Rates of .0005 to .01 did equally well as long as nothing
/// anomalous was learned.
const LEARNING_RATE: f64 = 0.001;

/// The kind `ewma_z`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EwmaZKind;

impl DetectorKind for EwmaZKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Smoothed distance from the mean in standard deviations; finds small lasting shifts and large single deviations."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "smoothing",
            domain: Domain::Number { min: 0.001, max: 1.0, default: 0.25 },
            doc: "Weight of the newest row in the average, as a share; 1 is no smoothing.",
        }]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Quantile { quantile: 0.99, factor: 1.5 }
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn fit(&self, params: &Params, rows: ArrayView2<'_, f64>) -> Result<Box<dyn Detector>, FitError> {
        let smoothing = params.number("smoothing")?;
        let standardise = StandardScaler::fit(&rows)?;
        let deviation = f64::sqrt(smoothing / (2.0 - smoothing));
        Ok(Box::new(EwmaZ { standardise, smoothing, deviation }))
    }
}

/// A fitted `ewma_z`. Its state is the average z-score of each feature, 0 at first.
#[derive(Clone, Debug, PartialEq)]
struct EwmaZ {
    standardise: StandardScaler,
    smoothing: f64,
    /// Standard deviation of the average of independent z-scores.
    deviation: f64,
}

impl EwmaZ {
    /// The average of a feature once `value` has been taken in.
    fn next_average(&self, average: f64, feature: usize, value: f64) -> f64 {
        let z = self.standardise.scale(feature, value).clamp(-LARGEST_Z, LARGEST_Z);
        average + self.smoothing * (z - average)
    }
}

impl Detector for EwmaZ {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.standardise.width()
    }

    fn initial_state(&self) -> State {
        State::zeros(self.width())
    }

    fn score(&self, state: &State, x: &[f64], _: Time) -> f64 {
        let averages = state.values().iter().copied().chain(std::iter::repeat(0.0));
        let next = x
            .iter()
            .zip(averages)
            .enumerate()
            .map(|(feature, (value, average))| self.next_average(average, feature, *value));
        next.map(f64::abs).fold(0.0, f64::max) / self.deviation
    }

    fn advance(&self, state: &mut State, x: &[f64], _: Time) {
        for (feature, (average, value)) in state.values_mut().iter_mut().zip(x).enumerate() {
            *average = self.next_average(*average, feature, *value);
        }
    }

    fn learn(&mut self, x: &[f64], _: Time) {
        self.standardise.follow(x, LEARNING_RATE);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;
    use crate::random::Random;

    const T: Time = Time(0);

    /// A detector for rows with mean 0 and standard deviation 1.
    fn fit(width: usize) -> Box<dyn Detector> {
        let rows = Array2::from_shape_fn((20, width), |(row, _)| if row % 2 == 0 { 1.0 } else { -1.0 });
        EwmaZKind.fit(&Params::defaults(EwmaZKind.parameters()), rows.view()).unwrap()
    }

    #[test]
    fn a_single_value_counts_by_its_weight() {
        let detector = fit(1);
        let score = detector.score(&detector.initial_state(), &[4.0], T);
        assert!((score - 0.25 * 4.0 / (0.25_f64 / 1.75).sqrt()).abs() < 1e-12, "{score}");
    }

    #[test]
    fn the_largest_feature_decides_whatever_its_sign() {
        let detector = fit(3);
        let state = detector.initial_state();
        let alone = fit(1).score(&State::zeros(1), &[3.0], T);
        for x in [[3.0, 0.0, 1.0], [0.5, -3.0, 0.0], [-1.0, 1.0, 3.0]] {
            assert!((detector.score(&state, &x, T) - alone).abs() < 1e-12);
        }
    }

    #[test]
    fn a_small_lasting_shift_grows_above_what_noise_does() {
        let detector = fit(1);
        let mut random = Random::new(5);
        let mut noise = || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        let mut highest = |shift: f64| {
            let mut state = detector.initial_state();
            let mut scores: Vec<f64> = (0..500)
                .map(|_| {
                    let x = [noise() + shift];
                    let score = detector.score(&state, &x, T);
                    detector.advance(&mut state, &x, T);
                    score
                })
                .collect();
            scores.sort_by(f64::total_cmp);
            (scores[250], scores[495])
        };
        let (_, normal) = highest(0.0);
        let (shifted, _) = highest(1.5);
        assert!(
            shifted > normal,
            "half of the shifted scores are above {shifted}, 1 % of the normal ones above {normal}"
        );
    }

    #[test]
    fn an_absurd_value_is_forgotten_within_a_hundred_rows() {
        let detector = fit(1);
        let mut state = detector.initial_state();
        detector.advance(&mut state, &[1e300], T);
        assert!(detector.score(&state, &[0.0], T) > 1000.0);
        (0..100).for_each(|_| detector.advance(&mut state, &[0.0], T));
        assert!(detector.score(&state, &[0.0], T) < 0.01);
    }

    #[test]
    fn learning_moves_the_mean_and_nothing_else_does() {
        let mut detector = fit(1);
        let state = detector.initial_state();
        let before = detector.score(&state, &[2.0], T);
        let mut moved = state.clone();
        detector.advance(&mut moved, &[2.0], T);
        assert_eq!(detector.score(&state, &[2.0], T).to_bits(), before.to_bits());
        (0..1000).for_each(|_| detector.learn(&[2.0], T));
        assert!(detector.score(&state, &[2.0], T) < 0.5 * before);
    }

    #[test]
    fn any_change_of_a_constant_training_value_stands_out() {
        let rows = arr2(&[[5.0]; 20]);
        let detector = EwmaZKind.fit(&Params::defaults(EwmaZKind.parameters()), rows.view()).unwrap();
        let state = detector.initial_state();
        assert!(detector.score(&state, &[5.0], T).abs() < 1e-12);
        assert!(detector.score(&state, &[5.5], T) > 0.1);
    }
}
