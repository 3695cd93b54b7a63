//! Exponentially weighted average of z-scores: the control chart of Roberts (1959).
//!
//! Each feature is standardised by its mean and standard deviation in training; the z-scores are averaged, signed, with
//! exponentially fading weights; and the average is divided by the standard deviation that it would have on independent
//! normal values, √(λ / (2 − λ)) for a smoothing of λ. The score is the largest magnitude over all features, since a fault
//! often shows in one of them only. It reads as "so many standard deviations away", sees small lasting shifts that no
//! single value gives away, and is blind to oscillations around the mean.

use serde::{Deserialize, Serialize};

use crate::scaler::StandardScaler;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, State,
    ThresholdSpec, Time, TrainingRows, decode, encode,
};

const NAME: &str = "ewma_z";

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
        // Rates of adaptation from .0005 to .01 did equally well as long as nothing anomalous was learned.
        &[
            Parameter {
                name: "smoothing",
                domain: Domain::Number { min: 0.001, max: 1.0, default: 0.25 },
                doc: "Weight of the newest row in the average, as a share; 1 is no smoothing.",
            },
            Parameter {
                name: "adaptation",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 0.001 },
                doc: "How far the mean moves towards each normal row, as a share of the distance; 0 never moves it.",
            },
        ]
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

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let smoothing = params.number("smoothing")?;
        let standardise = StandardScaler::fit(&rows.view())?;
        Ok(Box::new(EwmaZ { standardise, smoothing, adaptation: params.number("adaptation")? }))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: EwmaZ = decode(bytes)?;
        detector.standardise.check(detector.width())?;
        let are_shares =
            detector.smoothing > 0.0 && detector.smoothing <= 1.0 && (0.0..=1.0).contains(&detector.adaptation);
        if are_shares {
            Ok(Box::new(detector))
        } else {
            Err(RestoreError::new("smoothing and adaptation must be shares"))
        }
    }
}

/// A fitted `ewma_z`. Its state is the average z-score of each feature, 0 at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EwmaZ {
    standardise: StandardScaler,
    smoothing: f64,
    adaptation: f64,
}

impl EwmaZ {
    /// The largest magnitude among the averages, in standard deviations of an average of independent z-scores.
    fn largest(&self, averages: impl Iterator<Item = f64>) -> f64 {
        averages.map(f64::abs).fold(0.0, f64::max) / f64::sqrt(self.smoothing / (2.0 - self.smoothing))
    }

    /// The average of a feature once `value` has been taken in.
    fn next_average(&self, average: f64, feature: usize, value: f64) -> f64 {
        average + self.smoothing * (self.standardise.z_score(feature, value) - average)
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

    fn score(&self, state: &State, x: &[f64], _: Time) -> Option<f64> {
        let averages = state.values().iter().copied().chain(std::iter::repeat(0.0));
        let rows = x.iter().zip(averages).enumerate();
        Some(self.largest(rows.map(|(feature, (value, average))| self.next_average(average, feature, *value))))
    }

    fn advance(&self, state: &mut State, x: &[f64], t: Time) {
        self.observe(state, x, t);
    }

    fn observe(&self, state: &mut State, x: &[f64], _: Time) -> Option<f64> {
        for (feature, (average, value)) in state.values_mut().iter_mut().zip(x).enumerate() {
            *average = self.next_average(*average, feature, *value);
        }
        Some(self.largest(state.values().iter().copied()))
    }

    fn adapts(&self) -> bool {
        self.adaptation > 0.0
    }

    fn learn(&mut self, x: &[f64], _: Time) {
        self.standardise.follow(x, self.adaptation);
    }

    fn attribute(&self, state: &State, x: &[f64], _: Time, shares: &mut [f64]) {
        let averages = state.values().iter().copied().chain(std::iter::repeat(0.0));
        for (feature, ((value, average), share)) in x.iter().zip(averages).zip(shares).enumerate() {
            let next = self.next_average(average, feature, *value);
            *share = next * next;
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
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
        EwmaZKind.fit(&Params::defaults(EwmaZKind.parameters()), &rows.view().into(), &Registry::default()).unwrap()
    }

    fn score(detector: &dyn Detector, state: &State, x: &[f64]) -> f64 {
        detector.score(state, x, T).unwrap()
    }

    #[test]
    fn a_single_value_counts_by_its_weight() {
        let detector = fit(1);
        let score = score(detector.as_ref(), &detector.initial_state(), &[4.0]);
        assert!((score - 0.25 * 4.0 / (0.25_f64 / 1.75).sqrt()).abs() < 1e-12, "{score}");
    }

    #[test]
    fn the_largest_feature_decides_whatever_its_sign() {
        let detector = fit(3);
        let state = detector.initial_state();
        let alone = score(fit(1).as_ref(), &State::zeros(1), &[3.0]);
        for x in [[3.0, 0.0, 1.0], [0.5, -3.0, 0.0], [-1.0, 1.0, 3.0]] {
            assert!((score(detector.as_ref(), &state, &x) - alone).abs() < 1e-12);
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
                    let score = score(detector.as_ref(), &state, &x);
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
        assert!(score(detector.as_ref(), &state, &[0.0]) > 1000.0);
        (0..100).for_each(|_| detector.advance(&mut state, &[0.0], T));
        assert!(score(detector.as_ref(), &state, &[0.0]) < 0.01);
    }

    #[test]
    fn the_feature_that_deviates_gets_the_blame() {
        let mut shares = [0.0; 3];
        fit(3).attribute(&State::zeros(3), &[0.1, -6.0, 0.5], T, &mut shares);
        assert!(shares[1] > 50.0 * (shares[0] + shares[2]), "{shares:?}");
    }

    #[test]
    fn what_comes_back_from_bytes_scores_the_same_and_nonsense_does_not_come_back() {
        let (detector, registry) = (fit(2), Registry::default());
        let back = EwmaZKind.restore(&detector.save(), &registry).unwrap();
        assert_eq!(format!("{back:?}"), format!("{detector:?}"));
        let broken = EwmaZ {
            standardise: StandardScaler::fit(&arr2(&[[1.0], [2.0]]).view()).unwrap(),
            smoothing: 2.0,
            adaptation: 0.0,
        };
        assert!(EwmaZKind.restore(&broken.save(), &registry).is_err());
        assert!(EwmaZKind.restore(&[1, 2, 3], &registry).is_err());
    }

    #[test]
    fn learning_moves_the_mean_and_nothing_else_does() {
        let mut detector = fit(1);
        let state = detector.initial_state();
        let before = score(detector.as_ref(), &state, &[2.0]);
        let mut moved = state.clone();
        detector.advance(&mut moved, &[2.0], T);
        assert_eq!(score(detector.as_ref(), &state, &[2.0]).to_bits(), before.to_bits());
        (0..1000).for_each(|_| detector.learn(&[2.0], T));
        assert!(score(detector.as_ref(), &state, &[2.0]) < 0.5 * before);
    }

    #[test]
    fn any_change_of_a_constant_training_value_stands_out() {
        let rows = arr2(&[[5.0]; 20]);
        let detector = EwmaZKind
            .fit(&Params::defaults(EwmaZKind.parameters()), &rows.view().into(), &Registry::default())
            .unwrap();
        let state = detector.initial_state();
        assert!(score(detector.as_ref(), &state, &[5.0]).abs() < 1e-12);
        assert!(score(detector.as_ref(), &state, &[5.5]) > 0.1);
    }
}
