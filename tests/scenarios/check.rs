//! `tagwise check`: all mistakes at once, with their places; and the effective mapping.

use std::{fs, time::Duration};

use anyhow::Result;
use serde_json::Value;
use tagwise_tests::{Output, run_to_end};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

async fn check(text: &str, options: &[&str]) -> Result<(Output, TempDir)> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("line1.yaml"), text)?;
    let arguments: Vec<&str> = ["check", "line1.yaml"].iter().chain(options).copied().collect();
    Ok((run_to_end(&arguments, folder.path(), DEADLINE).await?, folder))
}

const GOOD: &str = r#"version: 1
opcua:  { uri: opc.tcp://plc:4840, security: { policy: none }, auth: { basic: { username: edge, password: plc-secret } } }
broker: { url: mqtt://hivemq-edge:1883, auth: { username: edge, password: "${env:CHECK_PASSWORD}" } }
tags:
  - { name: vibration, node: 'ns=3;s="Machine"."Vibration"', topic: machine/s71500/vib, model: isolation_forest }
"#;

const BAD: &str = r#"version: 1
opcua:  { uri: plc, security: { policy: none } }
broker: { url: mqtt://hivemq-edge:1883, qos: 1 }
tags:
  - { name: vibration, node: 'ns=3;s="Machine"."Vibration"', topic: machine/+/vib }
  - { name: temperature, node: 'ns=3;x=Machine', topic: machine/temperature }
northbound_mappings:
  - { tag_name: vibraton, topic: other }
"#;

#[tokio::test]
async fn all_mistakes_are_reported_at_once_with_their_lines() -> Result<()> {
    let (output, _folder) = check(BAD, &[]).await?;
    assert_eq!(output.code, Some(78), "{output:?}");
    let text = format!("{}{}", output.stdout, output.stderr);
    for place in ["line1.yaml:2:", "line1.yaml:3:", "line1.yaml:5:", "line1.yaml:6:", "line1.yaml:8:"] {
        assert!(text.contains(place), "{place} is missing in:\n{text}");
    }
    assert!(text.contains("did you mean \"vibration\"?"), "{text}");
    Ok(())
}

#[tokio::test]
async fn mistakes_as_json_can_be_read_by_a_machine() -> Result<()> {
    let (output, _folder) = check(BAD, &["--format", "json"]).await?;
    assert_eq!(output.code, Some(78), "{output:?}");
    let json: Value = serde_json::from_str(output.stdout.trim())?;
    let text = json.to_string();
    assert!(text.contains("\"line\":8"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_effective_mapping_has_every_default_and_no_secret() -> Result<()> {
    let text = GOOD.replace("${env:CHECK_PASSWORD}", "broker-secret");
    let (output, folder) = check(&text, &["--resolved"]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    let mapping: serde_yaml::Value = serde_yaml::from_str(&output.stdout)?;
    assert_eq!(mapping["adapter"]["id"].as_str(), Some("line1"));
    assert_eq!(mapping["adapter"]["drain_timeout"].as_str(), Some("10s"));
    for secret in ["plc-secret", "broker-secret"] {
        assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{secret} leaks: {output:?}");
    }

    // What it prints is itself a mapping; the masked secrets do not matter for its form.
    fs::write(folder.path().join("again.yaml"), &output.stdout)?;
    let again = run_to_end(&["check", "again.yaml"], folder.path(), DEADLINE).await?;
    assert_eq!(again.code, Some(0), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn the_sections_may_stand_in_any_order() -> Result<()> {
    let sections = [
        "version: 1",
        "opcua:  { uri: opc.tcp://plc:4840, security: { policy: none } }",
        "broker: { url: mqtt://hivemq-edge:1883 }",
        "models:\n  m: { detector: { kind: ewma_z }, training: { samples: 10 } }",
        "tags:\n  - { name: a, node: 'ns=3;s=a' }\n  - { name: b, node: 'ns=3;s=b' }",
        "northbound_mappings:\n  - { tag_name: a, topic: t, model: m, alarm: { topic: t/alarm, write_tag: b } }",
        "southbound_mappings:\n  - { tag_name: b, topic_filter: b/set }",
    ];
    let (forwards, _folder) = check(&sections.join("\n"), &["--resolved"]).await?;
    assert_eq!(forwards.code, Some(0), "{forwards:?}");
    let reversed: Vec<&str> = sections.iter().rev().copied().collect();
    let (backwards, _folder) = check(&reversed.join("\n"), &["--resolved"]).await?;
    assert_eq!(backwards.code, Some(0), "{backwards:?}");
    // The folder differs, and with it the directories beside the file.
    let is_beside = |line: &str| ["state_dir", "pki_dir"].iter().any(|key| line.contains(key));
    let without_folder =
        |output: &Output| output.stdout.lines().filter(|line| !is_beside(line)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(without_folder(&forwards), without_folder(&backwards));
    Ok(())
}

#[tokio::test]
async fn what_is_planned_is_refused_and_not_ignored() -> Result<()> {
    let (output, _folder) = check(&format!("{GOOD}tags_file: tags.csv\n"), &[]).await?;
    assert_eq!(output.code, Some(78), "{output:?}");
    let text = format!("{}{}", output.stdout, output.stderr);
    assert!(text.contains("tags_file") && text.contains("not yet"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_bad_mapping_does_not_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("line1.yaml"), BAD)?;
    let output = run_to_end(&["run", "line1.yaml"], folder.path(), DEADLINE).await?;
    assert_eq!(output.code, Some(78), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn a_missing_file_and_wrong_usage_have_their_own_exit_codes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let missing = run_to_end(&["check", "nosuch.yaml"], folder.path(), DEADLINE).await?;
    assert!(matches!(missing.code, Some(1 | 78)) && missing.stderr.contains("nosuch.yaml"), "{missing:?}");
    let usage = run_to_end(&["chekc"], folder.path(), DEADLINE).await?;
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let help = run_to_end(&["--help"], folder.path(), DEADLINE).await?;
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("tagwise run") && help.stdout.contains("demo"), "{}", help.stdout);
    let version = run_to_end(&["--version"], folder.path(), DEADLINE).await?;
    assert!(version.code == Some(0) && version.stdout.starts_with("tagwise "), "{version:?}");
    Ok(())
}
