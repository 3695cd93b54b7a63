use crate::detectors::plant::{Fault, Plant};
use crate::{Detector, DetectorKind, FitError, ParamValue, Params, Registry, Time, TrainingRows, VarEnergyKind};

const T: Time = Time(0);

fn fit(charts: &str, rows: &TrainingRows) -> Box<dyn Detector> {
    let given = [("charts".to_owned(), ParamValue::Text(charts.to_owned()))];
    let params = Params::resolve(VarEnergyKind.parameters(), given).unwrap();
    VarEnergyKind.fit(&params, rows, &Registry::default()).unwrap()
}

/// The last score, and the shares of the row it belongs to.
fn run(detector: &dyn Detector, rows: &TrainingRows) -> (f64, Vec<f64>) {
    let mut state = detector.initial_state();
    let mut shares = vec![0.0; rows.width()];
    let mut last = 0.0;
    for row in rows.rows() {
        detector.attribute(&state, row, T, &mut shares);
        last = detector.observe(&mut state, row, T).unwrap_or(0.0);
    }
    (last, shares)
}

#[test]
fn both_charts_together_score_what_the_higher_one_does() {
    let mut plant = Plant::new(6, 1);
    let training = plant.run(400, Fault::None, 0);
    for fault in [Fault::None, Fault::Drift, Fault::Burst] {
        let rows = plant.run(200, fault, 50);
        let [both, energy, shift] =
            ["both", "energy", "shift"].map(|charts| run(fit(charts, &training).as_ref(), &rows).0);
        assert_eq!(both.to_bits(), energy.max(shift).to_bits());
    }
}

#[test]
fn the_channels_that_fail_get_the_blame_from_either_chart() {
    let mut plant = Plant::new(8, 3);
    let training = plant.run(500, Fault::None, 0);
    for (charts, fault) in [("shift", Fault::Drift), ("energy", Fault::Burst)] {
        let detector = fit(charts, &training);
        // Over many runs, since a single row of a burst may happen to be a quiet one.
        let (mut failing, mut all) = (0.0, 0.0);
        for _ in 0..20 {
            let (_, shares) = run(detector.as_ref(), &plant.run(300, fault, 100));
            failing += shares[..3].iter().sum::<f64>();
            all += shares.iter().sum::<f64>();
        }
        assert!(failing > 0.7 * all, "{charts}: {failing} of {all}");
    }
}

#[test]
fn nothing_is_said_before_there_are_lags() {
    let rows = Plant::new(2, 1).run(100, Fault::None, 0);
    let detector = fit("both", &rows);
    let mut state = detector.initial_state();
    let said: Vec<bool> = (0..4).map(|index| detector.observe(&mut state, rows.row(index), T).is_some()).collect();
    assert_eq!(said, [false, false, true, true]);
}

#[test]
fn rows_without_stretches_cannot_be_fitted_and_the_error_says_so() {
    let mut rows = TrainingRows::new(1);
    for index in 0..100 {
        rows.start_segment();
        rows.push(&[f64::from(index % 9)]);
    }
    let params = Params::defaults(VarEnergyKind.parameters());
    let error = VarEnergyKind.fit(&params, &rows, &Registry::default()).unwrap_err();
    assert!(matches!(error, FitError::Detector { kind: "var_energy", .. }), "{error}");
    assert!(error.to_string().contains("longer stretches"), "{error}");
}

#[test]
fn channels_that_never_moved_are_normal_until_they_do() {
    let mut rows = TrainingRows::new(3);
    let mut plant = Plant::new(2, 8);
    plant.run(300, Fault::None, 0).rows().for_each(|row| rows.push(&[row[0], 7.0, row[1]]));
    let detector = fit("both", &rows);
    let mut state = detector.initial_state();
    (0..10).for_each(|_| detector.advance(&mut state, &[0.0, 7.0, 0.0], T));
    assert!(detector.score(&state, &[0.0, 7.0, 0.0], T).unwrap() < 1.0);
    assert!(detector.score(&state, &[0.0, 7.5, 0.0], T).unwrap() > 10.0);
}
