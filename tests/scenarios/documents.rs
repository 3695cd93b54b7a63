//! What the documents tell a reader to type works as it stands there.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use tagwise_tests::{Output, run_to_end, workspace_root};

const DEADLINE: Duration = Duration::from_secs(30);

async fn run(arguments: &[&str]) -> Result<Output> {
    run_to_end(arguments, workspace_root(), DEADLINE).await
}

/// The fenced blocks of a document: the word after the fence, and the text.
fn blocks(document: &str) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(workspace_root().join(document)).with_context(|| document.to_owned())?;
    let blocks = text.split("\n```").skip(1).step_by(2);
    Ok(blocks.filter_map(|block| block.split_once('\n')).map(|(kind, text)| (kind.into(), text.into())).collect())
}

/// What follows `tagwise` on a line that one may type, without its comment.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    let rest = line.strip_prefix("tagwise ").or_else(|| line.strip_prefix("cargo run --release -- "))?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[tokio::test]
async fn every_command_and_option_that_a_document_shows_exists() -> Result<()> {
    let mut commands = 0;
    for document in ["README.md", "CONTRIBUTING.md"] {
        for (_, text) in blocks(document)?.iter().filter(|(kind, _)| kind.is_empty() || kind == "sh") {
            for words in text.lines().filter_map(arguments) {
                let command = words.first().context("a line without a command")?;
                // Some commands are families: what is there belongs to the member.
                let is_family = ["certs", "models"].contains(&command.as_str());
                let asked: Vec<&str> = words.iter().take(if is_family { 2 } else { 1 }).map(String::as_str).collect();
                let help = run(&[asked.as_slice(), &["--help"]].concat()).await?;
                assert_eq!(help.code, Some(0), "{document}: tagwise {}", words.join(" "));
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    assert!(help.stdout.contains(option.as_str()), "{document}: {command} has no {option}");
                }
                commands += 1;
            }
        }
    }
    assert!(commands >= 4, "the documents show commands: {commands}");
    Ok(())
}

#[tokio::test]
async fn every_whole_mapping_in_the_readme_is_a_good_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("line1.yaml");
    let mut mappings = 0;
    for (_, text) in blocks("README.md")?.iter().filter(|(kind, text)| kind == "yaml" && text.contains("version: 1")) {
        fs::write(&file, text)?;
        let output = run_to_end(&["check", "line1.yaml"], folder.path(), DEADLINE).await?;
        assert_eq!(output.code, Some(0), "{text}\n{output:?}");
        mappings += 1;
    }
    assert!(mappings >= 1, "the README shows a mapping");
    Ok(())
}

#[tokio::test]
async fn the_mapping_of_the_container_setup_is_a_good_one() -> Result<()> {
    let output = run(&["check", "deploy/compose/line1.yaml"]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    Ok(())
}
