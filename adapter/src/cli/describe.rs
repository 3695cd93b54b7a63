//! What a model is, for people.

use std::{fmt::Write as _, time::Duration};

use tagwise_model::{Model, ModelSpec, ScalerSpec};

/// A line for each thing that there is to say; `bytes` is the size of its file.
pub(super) fn describe(model: &Model, bytes: usize) -> anyhow::Result<String> {
    let spec = model.spec();
    let mut text = String::new();
    let parameters: Vec<String> = spec.params.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    writeln!(text, "detector   {} {{ {} }}", model.kind(), parameters.join(", "))?;
    let inputs: Vec<&str> = model.input_names().iter().map(String::as_str).collect();
    let names = if inputs.is_empty() { "without names".to_owned() } else { inputs.join(", ") };
    writeln!(text, "inputs     {}: {names}", model.inputs())?;
    let names = if spec.features.is_identity() {
        "the values as they come".to_owned()
    } else {
        spec.features.names(&inputs).join(", ")
    };
    writeln!(text, "features   {}: {names}", model.width())?;
    describe_links(spec, &mut text)?;
    writeln!(text, "rows       {}", model.training_samples())?;
    let threshold = serde_json::to_value(spec.threshold)?;
    writeln!(text, "threshold  {} ({threshold})", model.threshold())?;
    writeln!(text, "labelled   {:.3} % of the training rows", 100.0 * model.training_share_labelled())?;
    writeln!(text, "size       {bytes} bytes")?;
    Ok(text)
}

/// What stands around the detector, in the mapping's words.
fn describe_links(spec: &ModelSpec, text: &mut String) -> std::fmt::Result {
    let scaler = match spec.scaler {
        ScalerSpec::None => "none",
        ScalerSpec::Standard => "standard",
    };
    writeln!(text, "scaler     {scaler}")?;
    let or_none = |number: Option<f64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    writeln!(text, "guard      {}", or_none(spec.guard))?;
    writeln!(text, "smoothing  {}", or_none(spec.smoothing))?;
    let decision = &spec.decision;
    let refractory = Duration::from_micros(u64::try_from(decision.refractory).unwrap_or(0));
    writeln!(
        text,
        "decision   {{ raise_after: {}, clear_after: {}, refractory: {} }}",
        decision.raise_after,
        decision.clear_after,
        humantime::format_duration(refractory)
    )
}
