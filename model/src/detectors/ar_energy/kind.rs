//! The kind: parameters, defaults, and the way to a fitted detector.

use std::ops::RangeInclusive;

use super::detector::{ArEnergy, Combine, Settings, Unit};
use crate::scaler::StandardScaler;
use crate::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec,
    TrainingRows, decode,
};

pub(super) const NAME: &str = "ar_energy";
pub(super) const ORDERS: RangeInclusive<usize> = 1..=8;

/// The kind `ar_energy`: autoregressive prediction of each channel from its own past (Box and Jenkins, 1970), and an
/// exponentially weighted average of the squared prediction errors.
///
/// Each channel is standardised by its mean and standard deviation in training and predicted by a ridge autoregression.
/// The score is the mean or the largest of the channels' averages, in squared training deviations or in units of what the
/// prediction usually leaves. It sees what a range
/// cannot: bursts, oscillations, jumps and broken rhythms inside it. The mean follows the rows that the model learns
/// from, so the standardisation is the detector's own: behind the standard scaler it begins as 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArEnergyKind;

impl DetectorKind for ArEnergyKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Smoothed energy of what each channel does that its own last values do not predict; finds jumps, bursts and \
         oscillations in process data at the price of nanoseconds."
    }

    fn parameters(&self) -> &'static [Parameter] {
        // Rates of adaptation from .0005 to .01 did equally well as long as nothing anomalous was learned.
        &[
            Parameter {
                name: "order",
                domain: Domain::Integer { min: 1, max: 8, default: 2 },
                doc: "Last rows that a channel is predicted from.",
            },
            Parameter {
                name: "ridge",
                domain: Domain::Number { min: 0.001, max: 10_000.0, default: 1.0 },
                doc: "Penalty on the weights of the prediction, in rows of standardised noise; larger trusts the past less.",
            },
            Parameter {
                name: "smoothing",
                domain: Domain::Number { min: 0.001, max: 1.0, default: 0.1 },
                doc: "Weight of the newest row in each channel's energy, as a share; 1 is no smoothing.",
            },
            Parameter {
                name: "combine",
                domain: Domain::Choice { options: &["mean", "max"], default: "mean" },
                doc: "Energy of all channels together: their mean, or the largest where a fault shows in one channel.",
            },
            Parameter {
                name: "unit",
                domain: Domain::Choice { options: &["channel", "residual"], default: "channel" },
                doc: "What energies are measured in: the channel's own variance, or what its prediction usually leaves, which \
                      gives calm channels the same say as restless ones.",
            },
            Parameter {
                name: "adaptation",
                domain: Domain::Number { min: 0.0, max: 0.1, default: 0.01 },
                doc: "How far the mean moves towards each normal row, as a share of the distance; 0 never moves it.",
            },
        ]
    }

    fn minimum_samples(&self) -> usize {
        30
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
        let order = usize::try_from(params.integer("order")?).unwrap_or(0).clamp(*ORDERS.start(), *ORDERS.end());
        let settings = Settings {
            order,
            smoothing: params.number("smoothing")?,
            adaptation: params.number("adaptation")?,
            combine: if params.text("combine")? == "max" { Combine::Max } else { Combine::Mean },
        };
        let unit = if params.text("unit")? == "residual" { Unit::Residual } else { Unit::Channel };
        let standardise = StandardScaler::fit(&rows.view())?;
        Ok(Box::new(ArEnergy::fit(settings, standardise, rows, params.number("ridge")?, unit)))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let detector: ArEnergy = decode(bytes)?;
        detector.check()?;
        Ok(Box::new(detector))
    }
}
