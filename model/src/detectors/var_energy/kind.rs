//! The kind: parameters, defaults, and the way to a fitted detector.

use std::ops::RangeInclusive;

use super::charts::Choice;
use super::detector::{Settings, VarEnergy};
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "var_energy";
pub(super) const ORDERS: RangeInclusive<usize> = 1..=8;

/// The kind `var_energy`: one vector autoregression over all channels (Lütkepohl, 2005), and two control charts on its
/// whitened innovations r.
///
/// The chart `energy` averages |r|² with exponentially fading weights and sees bursts, oscillations and broken relations
/// between channels. The chart `shift` is the squared length of the average of r, a multivariate EWMA (Lowry et al., 1992);
/// it sees small lasting shifts and drifts, which energy misses. Each is divided by its .99 quantile on training rows that
/// the prediction has not seen, and the score is the larger ratio: 1 is where normal rows seldom come, and a fixed
/// threshold of 1.5 or 2 asks for that much more. In-sample quantiles would be worthless: the prediction has more weights
/// than a plant of fifty channels has training rows.
///
/// Where normal itself drifts, take a threshold of 2, or energy alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct VarEnergyKind;

impl DetectorKind for VarEnergyKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "What all channels do that their common past does not predict, as smoothed energy and as lasting shift; the best on \
         process data of many channels. A score of 1 is the .99 quantile of normal rows."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "order",
                domain: Domain::Integer { min: 1, max: 8, default: 2 },
                doc: "Last rows that each row is predicted from.",
            },
            Parameter {
                name: "ridge",
                domain: Domain::Number { min: 0.001, max: 10_000.0, default: 10.0 },
                doc: "Penalty on the weights of the prediction, in rows of standardised noise; larger trusts the past less.",
            },
            Parameter {
                name: "smoothing",
                domain: Domain::Number { min: 0.001, max: 1.0, default: 0.1 },
                doc: "Weight of the newest row in both charts, as a share; 1 is no smoothing.",
            },
            Parameter {
                name: "charts",
                domain: Domain::Choice { options: &["both", "energy", "shift"], default: "both" },
                doc: "Chart that counts: energy for bursts and oscillations, shift for small lasting shifts, or the larger of both.",
            },
            Parameter {
                name: "adaptation",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 0.0 },
                doc: "How far the mean moves towards each normal row, as a share of the distance; 0 never moves it.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        50
    }

    fn default_threshold(&self) -> ThresholdSpec {
        // The charts are calibrated already, on rows left out; doing it again around them would cost ten times as much.
        ThresholdSpec::Fixed(1.0)
    }

    fn default_scaler(&self) -> ScalerSpec {
        ScalerSpec::Standard
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        let order = usize::try_from(params.integer("order")?).unwrap_or(0).clamp(*ORDERS.start(), *ORDERS.end());
        let settings = Settings {
            order,
            ridge: params.number("ridge")?,
            smoothing: params.number("smoothing")?,
            charts: match params.text("charts")? {
                "energy" => Choice::Energy,
                "shift" => Choice::Shift,
                _ => Choice::Both,
            },
            adaptation: params.number("adaptation")?,
        };
        Ok(Box::new(VarEnergy::fit(settings, rows)?))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: VarEnergy = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
