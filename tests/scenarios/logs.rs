//! Logs go to stderr, as text or as JSON, and never to stdout.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;
use tagwise_tests::{Http, Mapping, PATIENCE, Process, Signal, free_port, tagwise_binary, wait_until};

/// Runs an adapter whose peers are away until it is up, ends it, and returns what it wrote to stdout and to stderr.
async fn run_shortly(options: &[&str]) -> Result<(String, String)> {
    let folder = tempfile::tempdir()?;
    let nobody = |scheme: &str| Ok::<_, anyhow::Error>(format!("{scheme}://127.0.0.1:{}", free_port()?));
    let mapping = Mapping::between(&nobody("opc.tcp")?, &nobody("mqtt")?)?
        .with("tags:\n  - { name: a, node: 'ns=3;s=a', topic: a }\n");
    fs::write(folder.path().join("line1.yaml"), mapping.text())?;
    let mut command = Command::new(tagwise_binary()?);
    command.current_dir(folder.path()).env_remove("RUST_LOG").env_remove("STATE_DIRECTORY");
    command.args(["run", "line1.yaml"]).args(options);
    let mut process = Process::spawn("tagwise", &mut command, folder.path())?;
    let http = Http::at(mapping.http_port());
    let what = "both absences are known";
    wait_until(what, PATIENCE, async || {
        let reply = http.get("/readyz").await.ok();
        Ok(reply.filter(|reply| reply.status == 503 && !reply.body.contains("not connected yet")).map(drop))
    })
    .await?;
    process.signal(Signal::Terminate)?;
    let status = process.exit_within(PATIENCE).await?;
    assert_eq!(status.code(), Some(0), "{}", process.stderr()?);
    Ok((process.stdout()?, process.stderr()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_json_each_line_is_an_object_with_time_level_and_message() -> Result<()> {
    let (stdout, stderr) = run_shortly(&["--log-format", "json"]).await?;
    assert_eq!(stdout, "", "stdout is for results");
    assert!(stderr.lines().count() >= 2, "{stderr}");
    for line in stderr.lines() {
        let entry: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        for key in ["timestamp", "level", "message"] {
            assert!(entry[key].is_string(), "{key} is missing in {line}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_text_they_are_for_people_and_as_many_as_the_level_says() -> Result<()> {
    let (stdout, stderr) = run_shortly(&["--log-level", "warn"]).await?;
    assert_eq!(stdout, "", "stdout is for results");
    assert!(stderr.contains(" WARN "), "absent peers are worth a warning:\n{stderr}");
    assert!(!stderr.contains(" INFO ") && !stderr.contains('\u{1b}'), "no news, and no colours in a file:\n{stderr}");
    Ok(())
}
