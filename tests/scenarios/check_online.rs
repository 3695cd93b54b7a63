//! `tagwise check --online`: what would not work is found before it runs, and nothing is touched.

use std::{fs, time::Duration};

use anyhow::Result;
use serde_json::Value;
use tagwise_tests::{Mosquitto, MosquittoOptions, MqttProbe, Output, UaServer, free_port, peer_or_skip, run_to_end};

const DEADLINE: Duration = Duration::from_mins(1);

async fn check(server: &str, broker: &str, rest: &str, options: &[&str]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let text =
        format!("version: 1\nopcua: {{ uri: '{server}', security: {{ policy: none }} }}\nbroker: {broker}\n{rest}");
    fs::write(folder.path().join("line1.yaml"), text)?;
    let arguments: Vec<&str> = ["check", "--online", "line1.yaml"].iter().chain(options).copied().collect();
    let output = run_to_end(&arguments, folder.path(), DEADLINE).await?;
    assert!(!folder.path().join("state").exists(), "looking leaves no state behind");
    Ok(output)
}

fn good_tags() -> String {
    format!(
        "tags:
  - {{ name: counter, node: '{}', topic: counter }}
  - {{ name: analog, browse_path: 'nsu=urn:tagwise:test;Types/0:Analog', topic: analog }}
  - {{ name: text, node: 'ns=2;s=Types.String', topic: text }}
southbound_mappings:
  - {{ tag_name: text, topic_filter: text/set }}
",
        UaServer::node("Counter1")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_would_work_is_told_so_and_touches_nothing() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let mut server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let probe = MqttProbe::connect(broker.access()).await?;
    let url = format!("{{ url: '{}' }}", broker.url());
    let output = check(&server.url(), &url, &good_tags(), &[]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    for word in ["connected", "credentials good, MQTT 5", "absolute, percent", "everything would work"] {
        assert!(output.stdout.contains(word), "{word} is missing in\n{}", output.stdout);
    }
    assert!(output.stderr.contains("nsu=urn:tagwise:test;s=Types.String"), "what to write for ns=2: {}", output.stderr);

    let output = check(&server.url(), &url, &good_tags(), &["--format", "json"]).await?;
    let json: Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(json["works"], true, "{json:#}");
    let analog = &json["tags"][1];
    assert_eq!(
        (&analog["dataType"], &analog["exists"], &analog["status"]),
        (&"Double".into(), &true.into(), &"Good".into())
    );
    assert!(
        analog["samplingInterval"]["revised"].is_number() && analog["queueSize"]["revised"].is_number(),
        "{analog:#}"
    );
    probe.fence().await?;
    assert!(probe.messages().iter().all(|message| !message.topic.starts_with("tagwise/")), "nothing is published");
    assert_eq!(server.read("Types.String").await?, "grün \"q\" \n", "nothing is written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tag_that_would_not_work_is_named_with_its_line() -> Result<()> {
    let broker = Mosquitto::start(peer_or_skip!(Mosquitto)).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let tags = format!(
        "tags:
  - {{ name: counter, node: '{}', topic: counter }}
  - {{ name: gone, node: '{}', topic: gone }}
  - {{ name: lost, browse_path: 'nsu=urn:tagwise:test;Types/0:Nowhere', topic: lost }}
  - {{ name: folder, node: 'i=85', topic: folder }}
  - {{ name: fixed, node: '{}', topic: fixed }}
southbound_mappings:
  - {{ tag_name: fixed, topic_filter: fixed/set }}
",
        UaServer::node("Counter1"),
        UaServer::node("Gone"),
        UaServer::node("ReadOnly"),
    );
    let output = check(&server.url(), &format!("{{ url: '{}' }}", broker.url()), &tags, &["--format", "json"]).await?;
    assert_eq!(output.code, Some(1), "{output:?}");
    let json: Value = serde_json::from_str(&output.stdout)?;
    let expected: [(&str, u32, Option<&str>); 5] = [
        ("counter", 5, None),
        ("gone", 6, Some("BadNodeIdUnknown")),
        ("lost", 7, Some("BadNoMatch")),
        ("folder", 8, Some("map a Variable")),
        ("fixed", 9, Some("southbound_mappings")),
    ];
    for (tag, (name, line, problem)) in json["tags"].as_array().into_iter().flatten().zip(expected) {
        assert_eq!((&tag["tagName"], &tag["line"]), (&name.into(), &line.into()), "{json:#}");
        let problems = tag["problems"].to_string();
        assert!(problem.map_or(problems == "[]", |word| problems.contains(word)), "{name}: {problems}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_told_from_one_that_refuses_us_and_a_server_from_both() -> Result<()> {
    let options =
        MosquittoOptions { user: Some(("edge".to_owned(), "right".to_owned())), ..MosquittoOptions::default() };
    let broker = Mosquitto::start_with(peer_or_skip!(Mosquitto), options).await?;
    let server = UaServer::start(peer_or_skip!(Asyncua)).await?;
    let with_password =
        |password: &str| format!("{{ url: '{}', auth: {{ username: edge, password: {password} }} }}", broker.url());
    let found = async |server: &str, broker: &str| {
        let output = check(server, broker, &good_tags(), &["--format", "json"]).await?;
        let json: Value = serde_json::from_str(&output.stdout)?;
        let of_broker = &json["brokers"][0];
        Ok::<_, anyhow::Error>((
            output.code,
            of_broker["reachable"].clone(),
            of_broker["credentialsGood"].clone(),
            json["opcua"]["connected"].clone(),
        ))
    };
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    let good = found(&server.url(), &with_password("right")).await?;
    assert_eq!(good, (Some(0), yes.clone(), yes.clone(), yes.clone()));
    let wrong = found(&server.url(), &with_password("wrong")).await?;
    assert_eq!(wrong, (Some(1), yes.clone(), no.clone(), yes.clone()));
    let away = format!("{{ url: 'mqtt://127.0.0.1:{}' }}", free_port()?);
    assert_eq!(found(&server.url(), &away).await?, (Some(1), no.clone(), Value::Null, yes.clone()));
    let no_server = format!("opc.tcp://127.0.0.1:{}", free_port()?);
    assert_eq!(found(&no_server, &with_password("right")).await?, (Some(1), yes.clone(), yes, no));
    Ok(())
}
