//! A deadband is for numbers: what is none changes as it did, whatever the server answers to one.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tagwise_tests::Adapter;

use crate::{
    odd_stand::{count_after, heard, odd, tag},
    stacks::Stand,
};

/// A node of each kind, all with the deadband of the defaults.
const NODES: [(&str, &str); 4] =
    [("text", "Types.String"), ("flag", "Types.Boolean"), ("array", "Types.DoubleArray"), ("number", "Types.Double")];

async fn write(stand: &mut Stand, step: u32) -> Result<()> {
    let values = [
        json!(format!("t{step}")),
        json!(step % 2 == 1),
        json!([f64::from(step), 0.0]),
        json!(100.0 + f64::from(step)),
    ];
    for ((_, node), value) in NODES.iter().zip(values) {
        stand.server.write(node, &value).await?;
    }
    Ok(())
}

async fn everything_changes_where(how: &str, trigger: &str) -> Result<()> {
    let oddities: &[&str] = if how == "accept" { &[] } else { &[&format!("filters:{how}")] };
    let Some(mut stand) = odd(oddities).await? else { return Ok(()) };
    let mut tags = "defaults: { tag: { subscription: { deadband: { absolute: 0.05 } } } }\ntags:\n".to_owned();
    tags.extend(NODES.iter().map(|(name, node)| tag(name, node, "")));
    let quick =
        format!("publishing_interval: 100ms, sampling_interval: 50ms, server_queue_size: 10, trigger: {trigger}");
    let mapping = stand.mapping(&stand.server.url())?.subscription(&quick).with(&tags);
    let adapter = Adapter::spawn(&mapping)?;
    for (name, _) in NODES {
        count_after(&stand.probe, 0, name, 1).await.with_context(|| adapter.log().unwrap_or_default())?;
    }
    for step in 1..=3 {
        write(&mut stand, step).await?;
        for (name, _) in NODES {
            let is_new = |json: &Value| {
                let value = &json["value"];
                let step = f64::from(step);
                let text = json!(format!("t{step}"));
                value == &text || value[0] == step || value == &json!(100.0 + step) || value == &json!(step % 2.0 > 0.5)
            };
            let what = format!("{name} has changed for the {step}. time");
            heard(&stand.probe, name, &what, is_new).await.with_context(|| adapter.log().unwrap_or_default())?;
        }
    }
    let mark = stand.probe.mark();
    stand.server.write("Types.Double", &json!(103.01)).await?;
    stand.server.write("Types.String", &json!("fence")).await?;
    heard(&stand.probe, "text", "the fence came", |json| json["value"] == "fence").await?;
    let small = stand.probe.messages()[mark..].iter().filter(|message| message.topic == "number").count();
    ensure!(small == 0, "the number's deadband holds, on the server or here");
    ensure!(stand.server.count_of("CreateSession").await? == 1, "in one session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_taken_for_anything() -> Result<()> {
    everything_changes_where("accept", "status_value").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_taken_and_nothing_comes() -> Result<()> {
    everything_changes_where("silent", "status_value").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_item_is_refused_with_a_code_that_does_not_name_the_filter() -> Result<()> {
    everything_changes_where("item:BadInvalidArgument", "status_value").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_is_refused() -> Result<()> {
    everything_changes_where("call:BadFilterNotAllowed", "status_value").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_filter_is_refused() -> Result<()> {
    everything_changes_where("any:BadInternalError", "status_value_timestamp").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_undoes_the_deadband_of_the_defaults() -> Result<()> {
    let Some(mut stand) = odd(&[]).await? else { return Ok(()) };
    let none = tag("all", "Types.Double", ", subscription: { deadband: none }");
    let some = tag("some", "Types.Double", "");
    let text =
        format!("defaults: {{ tag: {{ subscription: {{ deadband: {{ absolute: 0.5 }} }} }} }}\ntags:\n{none}{some}");
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&text)).await?;
    count_after(&stand.probe, 0, "some", 1).await?;
    for value in [1.25, 1.5, 3.0] {
        stand.server.write("Types.Double", &json!(value)).await?;
        heard(&stand.probe, "all", &format!("{value} came"), |json| json["value"] == value).await?;
    }
    heard(&stand.probe, "some", "the large change came", |json| json["value"] == 3.0).await?;
    let is_small = |message: &tagwise_tests::Message| message.json().is_ok_and(|json| json["value"] == 1.5);
    ensure!(!stand.probe.on_topic("some").iter().any(is_small), "the deadband of the defaults holds for the other");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_have_the_names_that_stand_beside_their_node() -> Result<()> {
    let Some(mut stand) = odd(&["multi-state"]).await? else { return Ok(()) };
    let mut tags = "tags:\n".to_owned();
    for node in ["MultiState", "MultiValue", "TwoState"] {
        tags.push_str(&tag(node, node, ", enumeration: name"));
    }
    let _adapter = Adapter::start(&stand.mapping(&stand.server.url())?.with(&tags)).await?;
    for (node, name) in [("MultiState", "Running"), ("MultiValue", "Reverse"), ("TwoState", "Open")] {
        heard(&stand.probe, node, &format!("{node} is {name}"), |json| json["value"] == name).await?;
    }
    for (node, value, name) in [
        ("MultiState", json!(1), "Starting"),
        ("MultiValue", json!(100), "Forward"),
        ("TwoState", json!(false), "Closed"),
    ] {
        stand.server.write(node, &value).await?;
        heard(&stand.probe, node, &format!("{node} is {name}"), |json| json["value"] == name).await?;
    }
    Ok(())
}
