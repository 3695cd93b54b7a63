//! `tagwise read`: what nodes hold now.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{
    args::Format,
    browse_tree::about,
    connection::usage,
    entry::{DONE, FAILED},
    model_files::tolerate_closed,
    online_args::Read,
    printable::{json as value_json, printable, time},
    run::block_on,
};
use crate::{
    domain::{NodeLocator, TagValue},
    opcua::{Reading, status_symbol},
    pipeline::northbound::non_finite,
};

/// Reads and prints; 1 when a node is not there or its value is bad.
pub(super) fn read(arguments: &Read) -> anyhow::Result<u8> {
    let target = match arguments.connection.target(arguments.places.clone())? {
        Ok(target) => target,
        Err(code) => return Ok(code),
    };
    let known = target.memory(&target.tags)?;
    let places = match target.all_places(&known) {
        Ok(places) if !places.is_empty() => places,
        Ok(_) => return usage("a node is due, such as 'nsu=urn:plc;s=Speed' or i=2258"),
        Err(message) => return usage(&message),
    };
    let readings = block_on(target.with_explorer(async |explorer| Ok(explorer.read(&places).await?)))?;
    let mut code = DONE;
    let mut text = String::new();
    for (place, reading) in places.iter().zip(&readings) {
        if !reading.as_ref().is_ok_and(|reading| reading.status.is_good() && reading.undecoded.is_none()) {
            code = FAILED;
        }
        text.push_str(&match arguments.format {
            Format::Text => paragraph(place, reading),
            Format::Json => line(place, reading)?,
        });
    }
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(code)
}

fn paragraph(place: &NodeLocator, reading: &Result<Reading, String>) -> String {
    let place = printable(&place.to_string());
    let reading = match reading {
        Ok(reading) => reading,
        Err(why) => return format!("{place}\n  status  {}\n", printable(why)),
    };
    let other = || reading.other_class.clone().unwrap_or_else(|| "no Variable".to_owned());
    let kind = reading.details.as_ref().map_or_else(other, |details| about(details, None));
    format!(
        "{place}\n  value   {}\n  status  {}\n  source  {}\n  server  {}\n  type    {kind}\n",
        shown_value(reading),
        status_symbol(reading.status),
        time(reading.source_timestamp),
        time(reading.server_timestamp),
    )
}

/// The value as a message would carry it, and what the message says beside it where that is not all.
fn shown_value(reading: &Reading) -> String {
    if let Some(why) = &reading.undecoded {
        return format!("null ({})", printable(why));
    }
    match non_finite::name_of(&reading.value) {
        Some(name) => format!("null ({name})"),
        None => value_json(&reading.value),
    }
}

fn line(place: &NodeLocator, reading: &Result<Reading, String>) -> anyhow::Result<String> {
    let answer = match reading {
        Err(why) => json!({ "node": place.to_string(), "error": why }),
        Ok(reading) => {
            let mut answer = json!({
                "node": place.to_string(),
                "value": raw(&reading.value)?,
                "statusCode": { "code": reading.status.0, "symbol": status_symbol(reading.status) },
                "sourceTimestamp": reading.source_timestamp.map(crate::domain::Timestamp::unix_millis),
                "serverTimestamp": reading.server_timestamp.map(crate::domain::Timestamp::unix_millis),
            });
            if let (Some(why), Value::Object(answer)) = (&reading.undecoded, &mut answer) {
                answer.insert("undecoded".to_owned(), json!(why));
            }
            if let (Some(details), Value::Object(answer)) = (&reading.details, &mut answer) {
                answer.insert("dataType".to_owned(), json!(details.data_type));
                answer.insert("valueRank".to_owned(), json!(details.value_rank));
                answer.insert("writable".to_owned(), json!(details.is_writable));
            }
            answer
        }
    };
    Ok(format!("{answer}\n"))
}

fn raw(value: &TagValue) -> anyhow::Result<Value> {
    let mut out = Vec::new();
    crate::pipeline::northbound::value_json::write_value(&mut out, value);
    Ok(serde_json::from_slice(&out)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{StatusCode, Timestamp},
        opcua::{Details, ValueKind},
    };

    fn reading(value: TagValue) -> Reading {
        Reading {
            value,
            undecoded: None,
            status: StatusCode::GOOD,
            source_timestamp: Some(Timestamp::from_unix_millis(1_767_225_600_250)),
            server_timestamp: None,
            other_class: None,
            details: Some(Details {
                data_type: "UInt64".into(),
                built_in: None,
                kind: ValueKind::Number,
                value_rank: -1,
                is_readable: true,
                is_writable: false,
            }),
        }
    }

    #[test]
    fn a_value_is_shown_as_a_message_carries_it() {
        let place: NodeLocator = "i=7".parse().unwrap();
        let text = paragraph(&place, &Ok(reading(TagValue::UInt64(u64::MAX))));
        assert_eq!(
            text,
            "i=7\n  value   18446744073709551615\n  status  Good\n  source  2026-01-01T00:00:00.250Z\n  server  -\n  type    UInt64  read\n"
        );
        assert!(paragraph(&place, &Ok(reading(TagValue::Double(f64::NAN)))).contains("null (NaN)"));
        assert!(paragraph(&place, &Err("BadNoMatch".into())).contains("BadNoMatch"));
    }

    #[test]
    fn a_machine_gets_a_line_a_node_with_all_digits() {
        let place: NodeLocator = "i=7".parse().unwrap();
        let text = line(&place, &Ok(reading(TagValue::UInt64(u64::MAX)))).unwrap();
        assert!(
            text.starts_with("{\"node\":\"i=7\",\"value\":18446744073709551615,") && text.ends_with("}\n"),
            "{text}"
        );
        let hidden = Reading { undecoded: Some("cannot be read: dimensions".into()), ..reading(TagValue::Null) };
        let text = line(&place, &Ok(hidden.clone())).unwrap();
        assert!(text.contains("\"undecoded\":\"cannot be read: dimensions\""), "{text}");
        assert!(paragraph(&place, &Ok(hidden)).contains("null (cannot be read: dimensions)"));
        assert_eq!(line(&place, &Err("why".into())).unwrap(), "{\"node\":\"i=7\",\"error\":\"why\"}\n");
    }
}
