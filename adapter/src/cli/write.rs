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
    domain::{NodeDescription, NodeLocator, TagValue},
    opcua::{Explorer, status_symbol},
    pipeline::southbound::coerce::coerce,
};

/// Writes; 1 when it is not done.
pub(super) fn write(arguments: &Write) -> anyhow::Result<u8> {
    let target = match arguments.connection.target(arguments.places.clone())? {
        Ok(target) => target,
        Err(code) => return Ok(code),
    };
    let [place, value] = target.places.as_slice() else {
        return usage("one node and one value are due; put a value with spaces in it in quotes");
    };
    let place = match target.place(place) {
        Ok(place) => place,
        Err(message) => return usage(&message),
    };
    let json: Value = match serde_json::from_str(value) {
        Ok(json) => json,
        Err(error) => return usage(&format!("`{value}` is no JSON ({error}); a text is written '\"so\"'")),
    };
    if !arguments.yes && !io::stdin().is_terminal() {
        return usage("there is nobody to ask before the value is written; say --yes if that is meant");
    }
    let is_good =
        block_on(target.with_explorer(async |explorer| write_one(explorer, &place, &json, arguments.yes).await))?;
    Ok(if is_good { DONE } else { FAILED })
}

async fn write_one(explorer: &Explorer, place: &NodeLocator, json: &Value, is_sure: bool) -> anyhow::Result<bool> {
    let description = explorer.describe(place).await?;
    let value = value_for(&description, json)?;
    let type_name = description.data_type.map_or_else(String::new, |data_type| data_type.to_string());
    let shown = format!("{} := {} ({type_name})", printable(&place.to_string()), value_json(&value));
    if !is_sure && !confirm(&shown).await? {
        anyhow::bail!("nothing was written");
    }
    let status = explorer.write(place, value).await?;
    writeln!(io::stdout().lock(), "{shown}: {}", status_symbol(status))?;
    Ok(status.is_good())
}

/// The value as the node takes it; the same checks as for a command.
fn value_for(description: &NodeDescription, json: &Value) -> anyhow::Result<TagValue> {
    ensure!(
        description.is_writable,
        "the node's AccessLevel or UserAccessLevel does not allow CurrentWrite; allow it in the PLC"
    );
    let data_type = description.data_type.context("the node's DataType is none that can be written from JSON")?;
    coerce(json, data_type, description.value_rank).context("nothing was written")
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
        assert_eq!(value_for(&node, &json!(1500)).unwrap(), TagValue::Int16(1500));
        let refused = |node: &NodeDescription, json: Value| format!("{:#}", value_for(node, &json).unwrap_err());
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
