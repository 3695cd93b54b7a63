//! `tagwise read` and `tagwise write`: one look, one value, by the same rules as the adapter.

use std::{fs, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};
use tagwise_tests::{Output, Simulator, UaServer, peer_or_skip, run_to_end};

const DEADLINE: Duration = Duration::from_mins(1);

async fn tagwise(arguments: &[&str]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    run_to_end(arguments, folder.path(), DEADLINE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_asyncua_are_read_as_messages_carry_them() -> Result<()> {
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let node = |name: &str| UaServer::node(&format!("Types.{name}"));
    let (int64, text, array) = (node("Int64"), node("String"), node("BooleanArray"));
    let output = tagwise(&["read", &server.url(), &int64, &text, &array, "--format", "json"]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<Value> = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let values: Vec<&Value> = lines.iter().map(|line| &line["value"]).collect();
    assert_eq!(values, [&json!(-9_007_199_254_740_993_i64), &json!("grün \"q\" \n"), &json!([true, false])]);
    assert_eq!(lines[0]["statusCode"]["symbol"], "Good");
    assert_eq!(lines[0]["dataType"], "Int64");

    let path = "/nsu=urn:tagwise:test;Types/0:Analog";
    let text = tagwise(&["read", &server.url(), path, &UaServer::node("Nowhere")]).await?;
    assert_eq!(text.code, Some(1), "one of two is not there");
    assert!(text.stdout.contains("  value   20.0\n  status  Good\n"), "{}", text.stdout);
    assert!(text.stdout.contains("BadNodeIdUnknown"), "{}", text.stdout);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_written_when_it_fits_and_somebody_is_sure() -> Result<()> {
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let (url, int16) = (server.url(), UaServer::node("Types.Int16"));
    let unasked = tagwise(&["write", &url, &int16, "7"]).await?;
    assert!(unasked.code == Some(2) && unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(server.read("Types.Int16").await?, -32768, "nothing was written");

    let written = tagwise(&["write", &url, &int16, "-7", "--yes"]).await?;
    assert_eq!(written.code, Some(0), "{written:?}");
    assert_eq!(written.stdout, format!("{int16} := -7 (Int16): Good\n"));
    assert_eq!(server.read("Types.Int16").await?, -7);

    let too_large = tagwise(&["write", &url, &int16, "70000", "--yes"]).await?;
    assert!(too_large.code == Some(1) && too_large.stderr.contains("out of range"), "{too_large:?}");
    let read_only = tagwise(&["write", &url, &UaServer::node("ReadOnly"), "1", "--yes"]).await?;
    assert!(read_only.code == Some(1) && read_only.stderr.contains("CurrentWrite"), "{read_only:?}");
    let no_json = tagwise(&["write", &url, &int16, "seven", "--yes"]).await?;
    assert!(no_json.code == Some(2) && no_json.stderr.contains("no JSON"), "{no_json:?}");
    assert_eq!(server.read("Types.Int16").await?, -7);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_lends_its_server_and_the_names_of_its_tags() -> Result<()> {
    let simulator = Simulator::start().await?;
    let folder = tempfile::tempdir()?;
    let text = format!(
        "version: 1
opcua: {{ uri: '{}', security: {{ policy: none }} }}
broker: {{ url: mqtt://127.0.0.1 }}
tags: [ {{ name: line1/speed, node: '{}', topic: speed }} ]
",
        simulator.url(),
        Simulator::node("Machine", "SpeedSetpoint")
    );
    fs::write(folder.path().join("line1.yaml"), text)?;
    let written =
        run_to_end(&["write", "--config", "line1.yaml", "line1/speed", "1234", "--yes"], folder.path(), DEADLINE);
    assert_eq!(written.await?.code, Some(0));
    let read = run_to_end(&["read", "--config", "line1.yaml", "line1/speed"], folder.path(), DEADLINE).await?;
    assert!(read.stdout.contains("  value   1234\n") && read.stdout.contains("Int16  read/write"), "{read:?}");
    assert!(!folder.path().join("state").exists(), "looking leaves no state behind");
    Ok(())
}
