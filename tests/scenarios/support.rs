//! What several scenarios need.

use std::{fmt::Write, fs, path::Path};

use anyhow::Result;
use tagwise_tests::Adapter;

/// Writes a CSV file of one column for `training: { file: … }`.
pub(crate) fn write_column(file: &Path, name: &str, values: impl IntoIterator<Item = f64>) -> Result<()> {
    let mut text = format!("{name}\n");
    for value in values {
        writeln!(text, "{value}")?;
    }
    Ok(fs::write(file, text)?)
}

/// Values of a healthy machine: bell-shaped about `mean`, within 1.5 times `spread` of it, the same ones each time.
///
/// No two are alike, so that both ends of the range are rare and beyond them is anomalous to an isolation forest.
pub(crate) fn healthy(count: u32, mean: f64, spread: f64) -> impl Iterator<Item = f64> {
    let fraction = |number: u32, step: f64| (f64::from(number) * step).fract();
    (0..count).map(move |number| {
        let bell = [0.618_034, 0.414_214, 0.732_051].map(|step| fraction(number, step)).iter().sum::<f64>() - 1.5;
        mean + spread * bell
    })
}

/// Waits until a model that learns from a file is in use: the adapter is ready before that.
pub(crate) async fn until_trained(adapter: &Adapter) -> Result<()> {
    let trained = |metrics: &tagwise_tests::Metrics| {
        metrics.sum("tagwise_model_retrains_total", &[("result", "succeeded")]) >= 1.0
    };
    adapter.metrics_where("the model is trained", trained).await.map(drop)
}
