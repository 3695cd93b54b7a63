//! `tagwise write`: one value to one node, by the checks that a command passes, and only when asked for twice.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{
    connection::usage,
    entry::{DONE, FAILED},
    online_args::Write,
    printable::{json as value_json, printable},
    run::block_on,
};
use crate::{
    config::effective::Range,
    domain::{NodeDescription, NodeLocator, TagValue},
    opcua::{Explorer, status_symbol},
    pipeline::southbound::{coerce::coerce, range, unique_keys},
};

/// Writes; 1 when it is not done.
pub(super) fn write(arguments: &Write) -> anyhow::Result<u8> {
    let target = match arguments.connection.target(arguments.places.clone())? {
        Ok(target) => target,
        Err(code) => return Ok(code),
    };
    let [name, value] = target.places.as_slice() else {
        return usage("one node and one value are due; put a value with spaces in it in quotes");
    };
    let known = target.memory(&target.tags)?;
    let place = match target.place(name, &known) {
        Ok(place) => place,
        Err(message) => return usage(&message),
    };
    let json: Value = match unique_keys::parse(value.as_bytes()) {
        Ok(json) => json,
        Err(error) => return usage(&format!("`{value}` is no JSON ({error}); a text is written '\"so\"'")),
    };
    if !arguments.yes && !io::stdin().is_terminal() {
        return usage("there is nobody to ask before the value is written; say --yes if that is meant");
    }
    let ranges = target.ranges(name);
    if ranges.as_ref().is_some_and(Vec::is_empty) {
        tracing::warn!(
            tag = name,
            "no southbound mapping allows this tag to be written by a command; no `range` is looked at"
        );
    }
    let ranges = ranges.unwrap_or_default();
    let is_good = block_on(
        target.with_explorer(async |explorer| write_one(explorer, &place, &json, &ranges, arguments.yes).await),
    )?;
    Ok(if is_good { DONE } else { FAILED })
}

async fn write_one(
    explorer: &Explorer,
    place: &NodeLocator,
    json: &Value,
    ranges: &[Range],
    is_sure: bool,
) -> anyhow::Result<bool> {
    let place = &explorer.by_uri(place);
    let description = explorer.describe(place).await?;
    let value = value_for(&description, json, ranges)?;
    let type_name = description.data_type.map_or_else(String::new, |data_type| data_type.to_string());
    let shown = format!("{} := {} ({type_name})", printable(&place.to_string()), value_json(&value));
    if !is_sure && !confirm(&shown).await? {
        anyhow::bail!("nothing was written");
    }
    let status = explorer.write(place, value).await?;
    writeln!(io::stdout().lock(), "{shown}: {}", status_symbol(status))?;
    Ok(status.is_good())
}

/// The value as the node takes it; the same checks as for a command under one of the mappings with these ranges.
fn value_for(description: &NodeDescription, json: &Value, ranges: &[Range]) -> anyhow::Result<TagValue> {
    ensure!(
        description.is_writable,
        "the node's AccessLevel or UserAccessLevel does not allow CurrentWrite; allow it in the PLC"
    );
    let data_type = description.data_type.context("the node's DataType is none that can be written from JSON")?;
    let value = coerce(json, data_type, description.value_rank).context("nothing was written")?;
    range::allow(&value, ranges).map_err(anyhow::Error::msg).context("nothing was written")?;
    Ok(value)
}

/// Asks the person at the terminal; anything but a yes is a no.
async fn confirm(what: &str) -> anyhow::Result<bool> {
    let question = format!("{what}\nwrite it? [y/N] ");
    let answer = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let mut err = io::stderr().lock();
        err.write_all(question.as_bytes())?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    Ok(is_yes(&answer.await??))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::DataType;

    #[test]
    fn a_value_is_held_against_the_node_as_a_command_is() {
        let node = NodeDescription { data_type: Some(DataType::Int16), value_rank: -1, is_writable: true };
        assert_eq!(value_for(&node, &json!(1500), &[]).unwrap(), TagValue::Int16(1500));
        let refused = |node: &NodeDescription, json: Value| format!("{:#}", value_for(node, &json, &[]).unwrap_err());
        let range = [Range { min: Some(0.0), max: Some(100.0) }];
        let outside = format!("{:#}", value_for(&node, &json!(5000), &range).unwrap_err());
        assert!(outside.contains("nothing was written") && outside.contains("at most 100"), "{outside}");
        assert_eq!(value_for(&node, &json!(100), &range).unwrap(), TagValue::Int16(100));
        assert!(refused(&node, json!(70_000)).contains("nothing was written"));
        assert!(refused(&NodeDescription { is_writable: false, ..node.clone() }, json!(1)).contains("CurrentWrite"));
        assert!(refused(&NodeDescription { data_type: None, ..node }, json!(1)).contains("DataType"));
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("n") && !is_yes("yess"));
    }
}
