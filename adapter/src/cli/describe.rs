//! What a model is, for people.

use std::fmt::Write as _;

use tagwise_model::Model;

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
    writeln!(text, "rows       {}", model.training_samples())?;
    let threshold = serde_json::to_value(spec.threshold)?;
    writeln!(text, "threshold  {} ({threshold})", model.threshold())?;
    writeln!(text, "labelled   {:.3} % of the training rows", 100.0 * model.training_share_labelled())?;
    writeln!(text, "size       {bytes} bytes")?;
    Ok(text)
}
