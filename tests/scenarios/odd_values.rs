//! One value that cannot be decoded costs only itself: alone in its message and among good ones, subscribed, polled and
//! read.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tagwise_tests::{Adapter, UaServer, run_to_end};

use crate::{
    odd_stand::{SOON, WITH_METADATA, count_after, has_flag, heard, heard_after, odd, tag, warnings},
    stacks::Stand,
};

/// What becomes of the bytes.
enum Becomes {
    /// This value, Good.
    Value(Value),
    /// This text with U+FFFD, flagged.
    Lossy(Value),
    /// null, flagged.
    Undecoded,
    /// null or empty, flagged or not: nobody can say what the bytes mean.
    Null,
    /// This value, or null and flagged: standard and other clients disagree.
    Either(Value),
}

/// Bytes of Variants that are wrong, by names of tags.
fn malformed() -> Vec<(&'static str, &'static str, Becomes)> {
    use Becomes::{Either, Lossy, Null, Undecoded, Value};
    let nested = "9801000000".repeat(150) + "0101";
    let nested: &'static str = Box::leak(nested.into_boxed_str());
    vec![
        ("raw_text", "0c0300000054fc52", Lossy(json!("T\u{FFFD}R"))),
        ("raw_cut_text", "0c030000005374c3", Lossy(json!("St\u{FFFD}"))),
        ("raw_text_array", "8c02000000020000006f6b0300000054fc52", Lossy(json!(["ok", "T\u{FFFD}R"]))),
        ("raw_localized_text", "15030200000064650300000054fc52", Lossy(json!({"locale": "de", "text": "T\u{FFFD}R"}))),
        ("raw_qualified_name", "1400000300000054fc52", Lossy(json!({"name": "T\u{FFFD}R"}))),
        ("raw_xml_element", "100300000054fc52", Lossy(json!("T\u{FFFD}R"))),
        ("raw_node_id", "110302000300000054fc52", Lossy(json!("ns=2;s=T\u{FFFD}R"))),
        ("raw_boolean_2", "0102", Value(json!(true))),
        ("raw_boolean_255", "01ff", Value(json!(true))),
        ("raw_boolean_array", "81030000000002ff", Value(json!([false, true, true]))),
        ("raw_empty_matrix", "cb00000000020000000300000002000000", Either(json!([]))),
        ("raw_wrong_dimensions", "c60200000001000000020000000200000003000000 02000000", Either(json!([1, 2]))),
        ("raw_zero_dimension", "c602000000010000000200000002000000 0000000002000000", Either(json!([1, 2]))),
        ("raw_negative_dimension", "c602000000010000000200000002000000 ffffffff02000000", Either(json!([1, 2]))),
        ("raw_null_dimensions", "c6020000000100000002000000 ffffffff", Either(json!([1, 2]))),
        ("raw_huge_dimensions", "c60100000007000000 03000000 ffffff7fffffff7fffffff7f", Either(json!([7]))),
        ("raw_text_length", "0cfeffffff", Null),
        ("raw_bytes_length", "0ffbffffff", Null),
        ("raw_array_length", "86feffffff", Null),
        ("raw_text_too_long", "0cffffff7f", Undecoded),
        ("raw_array_too_long", "86ffffff7f", Undecoded),
        ("raw_reserved_type", "1a020000000102", Either(json!("AQI="))),
        ("raw_reserved_array", "9f01000000 0100000007", Either(json!(["Bw=="]))),
        ("raw_no_type", "3f00000000", Undecoded),
        ("raw_node_id_encoding", "1107", Undecoded),
        ("raw_extension_encoding", "160100760305", Undecoded),
        ("raw_nested_too_deep", nested, Undecoded),
    ]
}

/// A value of its type, and one good tag behind each wrong one, so that what stands behind it is seen to be right.
async fn tags_among_good_ones(stand: &mut Stand, more: &str) -> Result<String> {
    let mut tags = WITH_METADATA.to_owned();
    for (name, bytes, _) in malformed() {
        stand.server.tell(&format!("add-raw {name} {}", bytes.replace(' ', ""))).await?;
        tags.push_str(&tag(name, name, more));
        tags.push_str(&tag(&format!("behind_{name}"), "Types.Int16", more));
    }
    tags.push_str(&tag("counter", "Counter1", more));
    Ok(tags)
}

/// Whether a message (or what `read` prints) is what shall become of the bytes.
fn check(name: &str, message: &Value, becomes: &Becomes) -> Result<()> {
    let value = &message["value"];
    let flags = &message["metadata"]["flags"];
    let (is_undecoded, is_lossy) = (has_flag(message, "undecoded"), has_flag(message, "lossy_text"));
    let is_right = match becomes {
        Becomes::Value(wanted) => value == wanted && !is_undecoded && !is_lossy,
        Becomes::Lossy(wanted) => value == wanted && is_lossy && !is_undecoded,
        Becomes::Undecoded => value.is_null() && is_undecoded,
        Becomes::Null => is_nothing(value),
        Becomes::Either(wanted) => (value == wanted && !is_undecoded) || (value.is_null() && is_undecoded),
    };
    ensure!(is_right, "{name}: {value} with the flags {flags}");
    Ok(())
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value == &json!([]) || value == ""
}

async fn check_all(stand: &Stand, adapter: &Adapter) -> Result<()> {
    for (name, _, becomes) in malformed() {
        let message = heard(&stand.probe, name, &format!("{name} came"), |_| true).await?;
        check(name, &message, &becomes)?;
        let behind = format!("behind_{name}");
        let message = heard(&stand.probe, &behind, &format!("{behind} came"), |_| true).await?;
        ensure!(message["value"] == -32768, "what stands behind {name}: {message}");
    }
    for (name, _, becomes) in malformed() {
        let count = warnings(adapter, &[name, "undecoded"])? + warnings(adapter, &[name, "lossy_text"])?;
        let is_warned = matches!(becomes, Becomes::Undecoded);
        ensure!(count <= 1 && (count == 1 || !is_warned), "{count} warnings name {name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_among_good_values_cost_only_themselves() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let tags = tags_among_good_ones(&mut stand, "").await?;
    let adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    check_all(&stand, &adapter).await.with_context(|| adapter.log().unwrap_or_default())?;
    count_after(&stand.probe, stand.probe.mark(), "counter", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    ensure!(stand.server.count_of("Republish").await? == 0, "what cannot be decoded is not asked for again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_alone_in_their_message_cost_only_themselves() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let mut tags = WITH_METADATA.to_owned();
    for (name, _, _) in malformed() {
        stand.server.tell(&format!("add-raw {name} 0101")).await?;
        tags.push_str(&tag(name, name, ""));
    }
    tags.push_str(&tag("still", "Types.Int16", ""));
    let adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    count_after(&stand.probe, 0, "raw_nested_too_deep", 1).await?;
    for (name, bytes, becomes) in malformed() {
        let mark = stand.probe.mark();
        stand.server.tell(&format!("raw {name} {}", bytes.replace(' ', ""))).await?;
        // What stands elsewhere may have been read anew, with what it was before.
        let is_right = |message: &Value| check(name, message, &becomes).is_ok();
        let came = heard_after(&stand.probe, mark, name, &format!("{name} came"), is_right).await;
        came.with_context(|| adapter.log().unwrap_or_default())?;
        // And it is not the last word on this tag.
        stand.server.tell(&format!("raw {name} 0700000000")).await?;
        heard_after(&stand.probe, mark, name, &format!("{name} is right again"), |json| json["value"] == 0).await?;
    }
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_cost_only_themselves_when_polled() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let poll = ", subscription: { mode: poll, sampling_interval: 100ms }";
    let tags = tags_among_good_ones(&mut stand, poll).await?;
    let adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    check_all(&stand, &adapter).await.with_context(|| adapter.log().unwrap_or_default())?;
    count_after(&stand.probe, stand.probe.mark(), "counter", 5).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_are_read_beside_good_values() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    tags_among_good_ones(&mut stand, "").await?;
    let url = stand.server.url();
    let mut nodes = Vec::new();
    for (name, _, _) in malformed() {
        nodes.extend([UaServer::node(name), UaServer::node("Types.Int16")]);
    }
    let mut arguments = vec!["read", &url, "--format", "json"];
    arguments.extend(nodes.iter().map(String::as_str));
    let folder = tempfile::tempdir()?;
    let output = run_to_end(&arguments, folder.path(), SOON).await?;
    let lines: Vec<Value> = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(lines.len() == nodes.len(), "{} lines for {} nodes: {output:?}", lines.len(), nodes.len());
    for (pair, (name, _, becomes)) in lines.chunks(2).zip(malformed()) {
        let value = &pair[0]["value"];
        let is_right = match &becomes {
            Becomes::Value(wanted) | Becomes::Lossy(wanted) => value == wanted,
            Becomes::Undecoded => value.is_null(),
            Becomes::Null => is_nothing(value),
            Becomes::Either(wanted) => value == wanted || value.is_null(),
        };
        ensure!(is_right, "{name}: {}", pair[0]);
        ensure!(pair[1]["value"] == -32768, "what stands behind {name}: {}", pair[1]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_too_large_costs_only_itself() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages"]).await? else { return Ok(()) };
    let tags = ["Counter1", "Types.ByteString", "Types.Int16"].map(|node| tag(&node.to_lowercase(), node, ""));
    let text = tags.concat().replace("name: types.", "name: ").replace("topic: types.", "topic: ");
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&format!("tags:\n{text}"))).await?;
    count_after(&stand.probe, 0, "bytestring", 1).await?;
    stand.server.tell(&format!("fill Types.ByteString {}", 17 * 1024 * 1024)).await?;
    let mark = stand.probe.mark();
    stand.server.write("Types.Int16", &json!(5)).await?;
    heard_after(&stand.probe, mark, "int16", "another tag has its value", |json| json["value"] == 5).await?;
    count_after(&stand.probe, mark, "counter1", 20).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_does_not_say_its_length_is_read_by_its_type() -> Result<()> {
    let Some(mut stand) = odd(&["keeps-messages", "notification-of-unknown-length"]).await? else { return Ok(()) };
    let tags = format!("tags:\n{}{}", tag("counter", "Counter1", ""), tag("still", "Types.Int16", ""));
    let _adapter = Adapter::spawn(&stand.mapping(&stand.server.url())?.with(&tags))?;
    count_after(&stand.probe, 0, "counter", 10).await?;
    heard(&stand.probe, "still", "the other tag has its value", |json| json["value"] == -32768).await?;
    ensure!(stand.server.count_of("CreateSession").await? == 1, "one session is enough");
    Ok(())
}
