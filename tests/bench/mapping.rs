//! The mapping that the adapter is measured with.

use std::fmt::Write;

use anyhow::Result;
use tagwise_tests::{Mapping, Simulator};

use crate::load::Load;

/// One short-form tag per load tag, at least once, each with a model instance of its own.
pub(crate) fn generate(load: &Load, model: &str, opcua: &str, broker: &str) -> Result<Mapping> {
    let has_model = model != "none";
    let mut text = String::new();
    if has_model {
        writeln!(text, "models:\n  bench:")?;
        writeln!(text, "    detector: {{ kind: {model} }}\n    per: tag\n    training: {{ samples: 200 }}")?;
    }
    let model = if has_model { ", model: bench" } else { "" };
    writeln!(text, "defaults:\n  northbound_mapping: {{ topic: \"bench/{{tag}}\", max_qos: 1 }}")?;
    writeln!(text, "tags:")?;
    for number in 1..=load.tags {
        let node = Simulator::node("Load", &format!("T{number:04}"));
        writeln!(
            text,
            "  - {{ name: T{number:04}, node: '{node}', topic: \"bench/T{number:04}\", max_qos: 1{model} }}"
        )?;
    }
    Ok(Mapping::between(opcua, broker)?.publishing(load.publishing_interval(), load.sampling).with(&text))
}
