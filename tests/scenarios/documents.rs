//! What the documents tell a reader to type works as it stands there.

use std::{collections::BTreeSet, fmt::Write as _, fs, time::Duration};

use anyhow::{Context, Result};
use tagwise_tests::{Output, run_to_end, run_to_end_in, workspace_root};

const DEADLINE: Duration = Duration::from_secs(30);
/// Commands that are families: what is there belongs to the member.
const FAMILIES: [&str; 3] = ["certs", "models", "spool"];
/// Variables that examples name.
const ENVIRONMENT: [(&str, &str); 4] =
    [("PLC_PASSWORD", "plc"), ("CLOUD_USER", "user"), ("CLOUD_PASSWORD", "cloud"), ("TAGWISE_TOKEN", "token")];
/// Where examples have their secrets, which is not where a test may put any.
const SECRETS: &str = "/run/secrets/";

async fn run(arguments: &[&str]) -> Result<Output> {
    run_to_end(arguments, workspace_root(), DEADLINE).await
}

/// The documents for users.
fn documents() -> Result<Vec<String>> {
    let fixed = ["README.md", "CONTRIBUTING.md", "model/README.md", "deploy/hivemq-edge/README.md"];
    let mut documents: Vec<String> = fixed.map(str::to_owned).into();
    for entry in fs::read_dir(workspace_root().join("adapter/docs"))? {
        documents.push(format!("adapter/docs/{}", entry?.file_name().to_string_lossy()));
    }
    Ok(documents)
}

fn read(document: &str) -> Result<String> {
    fs::read_to_string(workspace_root().join(document)).with_context(|| document.to_owned())
}

/// The fenced blocks of a document, those within lists, too: the word after the fence, and the text.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// What follows `tagwise` on a line that one may type, without its comment and what comes behind a pipe.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let line = [" #", " | ", " > "].iter().fold(line, |line, end| line.split(end).next().unwrap_or_default());
    let line = line.trim().trim_start_matches("$ ");
    let rest = line.strip_prefix("tagwise ").or_else(|| line.strip_prefix("cargo run --release -- "))?;
    Some(rest.split_whitespace().collect())
}

/// All such lines of a document, in its blocks and between single backticks.
fn commands(document: &str) -> Vec<Vec<&str>> {
    let typed = blocks(document).into_iter().filter(|(kind, _)| kind.is_empty() || *kind == "sh");
    let in_blocks = typed.flat_map(|(_, text)| text.lines());
    let prose = document.split("```").step_by(2).flat_map(str::lines);
    let in_prose = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
    in_blocks.chain(in_prose).filter_map(arguments).collect()
}

#[tokio::test]
async fn every_command_and_option_that_a_document_shows_exists() -> Result<()> {
    let (mut shown, mut asked) = (0, BTreeSet::new());
    for document in documents()? {
        for words in commands(&read(&document)?) {
            let command = words.first().context("a line without a command")?;
            let length = if FAMILIES.contains(command) { 2 } else { 1 };
            let name: Vec<&str> = words.iter().copied().take(length).collect();
            let options: Vec<&str> = words.iter().copied().filter(|word| word.starts_with("--")).collect();
            shown += 1;
            if !asked.insert((name.join(" "), options.join(" "))) {
                continue;
            }
            let help = run(&[name.as_slice(), &["--help"]].concat()).await?;
            assert_eq!(help.code, Some(0), "{document}: tagwise {}", words.join(" "));
            for option in options {
                assert!(help.stdout.contains(option), "{document}: {command} has no {option}");
            }
        }
    }
    assert!(shown >= 40, "the documents show commands: {shown}");
    Ok(())
}

#[tokio::test]
async fn every_mapping_in_a_document_is_a_good_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for file in ["cloud", "ca.pem", "line1.pem", "line1.key"] {
        fs::write(folder.path().join(file), "x")?;
    }
    let (mut whole, mut parts) = (0, 0);
    for document in documents()? {
        for (_, text) in blocks(&read(&document)?).iter().filter(|(kind, _)| *kind == "yaml") {
            let is_whole = text.contains("version: 1");
            *(if is_whole { &mut whole } else { &mut parts }) += 1;
            let mapping = if is_whole { (*text).to_owned() } else { completed(text)? };
            let mapping = mapping.replace(SECRETS, &format!("{}/", folder.path().display()));
            fs::write(folder.path().join("line1.yaml"), &mapping)?;
            let output = run_to_end_in(&["check", "line1.yaml"], &ENVIRONMENT, folder.path(), DEADLINE).await?;
            assert_eq!(output.code, Some(0), "{document}\n{mapping}\n{output:?}");
        }
    }
    assert!(whole >= 3 && parts >= 10, "the documents show mappings, whole ones and parts: {whole}, {parts}");
    Ok(())
}

/// A part of a mapping, with what it needs besides to be one.
fn completed(part: &str) -> Result<String> {
    let server = "uri: opc.tcp://plc:4840";
    let security = "security: { policy: none }";
    let keys: serde_yaml::Mapping = serde_yaml::from_str(part).with_context(|| part.to_owned())?;
    let mut text = part.to_owned();
    if let Some(opcua) = keys.get("opcua") {
        for (key, line) in [("uri", server), ("security", security)] {
            if opcua.get(key).is_none() {
                text = text.replacen("opcua:\n", &format!("opcua:\n  {line}\n"), 1);
            }
        }
    } else {
        writeln!(text, "opcua: {{ {server}, {security} }}")?;
    }
    if !["broker", "brokers"].iter().any(|key| keys.contains_key(key)) {
        text += "broker: { url: mqtt://hivemq-edge:1883 }\n";
    }
    if !keys.contains_key("tags") {
        text += "tags:\n";
        for (number, name) in ["line1/vibration", "line1/speed", "line1/vib_alarm", "press4/stroke"].iter().enumerate()
        {
            writeln!(text, "  - {{ name: {name}, node: 'nsu=urn:plc;i={number}', topic: 'by/{name}' }}")?;
        }
    }
    Ok(format!("version: 1\n{text}"))
}

#[tokio::test]
async fn the_mapping_of_the_container_setup_is_a_good_one() -> Result<()> {
    let output = run(&["check", "deploy/compose/line1.yaml"]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    Ok(())
}
