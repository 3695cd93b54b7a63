//! A detector kind of one's own, from trait to a running mapping.
//!
//! Copy this file into a crate of yours that depends on `tagwise` and `tagwise-model`. The kind is registered once; from
//! then on mappings name it, `check` knows its parameters, and it is trained, scored, swapped and guarded like any other:
//!
//! ```text
//! cargo run -p tagwise --example own_detector -- line1.yaml
//! ```
//!
//! ```yaml
//! models:
//!   spindle: { detector: { kind: band, width: 4 }, training: { samples: 500 } }
//! ```

use std::{path::Path, process::ExitCode};

use serde::{Deserialize, Serialize};
use tagwise::{
    app::App,
    config::{self, ProcessEnvironment},
    telemetry::logging::{self, LogFormat},
};
use tagwise_model::{
    Detector, DetectorKind, Domain, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, State,
    ThresholdSpec, Time, TrainingRows, decode, encode,
};

/// The kind: what a mapping may say of it, and how one is fitted.
struct BandKind;

impl DetectorKind for BandKind {
    fn name(&self) -> &'static str {
        "band"
    }

    fn doc(&self) -> &'static str {
        "Distance from the training mean in standard deviations; the largest feature counts."
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "width",
            domain: Domain::Number { min: 0.1, max: 100.0, default: 3.0 },
            doc: "Half width of the normal band, in standard deviations.",
        }]
    }

    fn minimum_samples(&self) -> usize {
        10
    }

    fn default_threshold(&self) -> ThresholdSpec {
        ThresholdSpec::Fixed(1.0)
    }

    fn default_scaler(&self) -> ScalerSpec {
        // Rows then have mean 0 and standard deviation 1, and nothing is left to learn.
        ScalerSpec::Standard
    }

    fn fit(&self, params: &Params, rows: &TrainingRows, _: &Registry) -> Result<Box<dyn Detector>, FitError> {
        Ok(Box::new(Band { features: rows.width(), width: params.number("width")? }))
    }

    fn restore(&self, bytes: &[u8], _: &Registry) -> Result<Box<dyn Detector>, RestoreError> {
        let band: Band = decode(bytes)?;
        // The bytes may come from anywhere: what could not be worked with is refused here.
        let is_sound = band.width.is_finite() && band.width > 0.0;
        if is_sound { Ok(Box::new(band)) } else { Err(RestoreError::new("the width must be above 0")) }
    }
}

/// A fitted one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Band {
    features: usize,
    width: f64,
}

impl Detector for Band {
    fn kind(&self) -> &'static str {
        "band"
    }

    fn width(&self) -> usize {
        self.features
    }

    fn score(&self, _: &State, x: &[f64], _: Time) -> Option<f64> {
        Some(x.iter().map(|value| value.abs()).fold(0.0, f64::max) / self.width)
    }

    fn save(&self) -> Vec<u8> {
        encode(self)
    }

    fn clone_box(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = run().await {
        tracing::error!("{error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn run() -> anyhow::Result<()> {
    logging::start(LogFormat::Text, "info").map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    let mapping = std::env::args_os().nth(1).ok_or_else(|| anyhow::anyhow!("name a mapping file"))?;
    let registry = Registry::builtin().with(BandKind);
    let loaded = config::load(Path::new(&mapping), &ProcessEnvironment, &registry)
        .map_err(|diagnostics| anyhow::anyhow!("{diagnostics}"))?;
    let stop = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be heard; end the process otherwise");
            std::future::pending::<()>().await;
        }
    };
    App::new(loaded.config, registry).run(stop, |_| {}).await
}
