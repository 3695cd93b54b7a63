//! Whatever stands in the file: a diagnostic with its line, never a panic.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    time::Duration,
};

use anyhow::Result;
use tagwise_tests::{Output, run_to_end};

const DEADLINE: Duration = Duration::from_mins(1);

const HEAD: &str =
    "version: 1\nopcua: { uri: opc.tcp://plc:4840, security: { policy: none } }\nbroker: { url: mqtt://broker:1883 }\n";

async fn check_file(path: &Path) -> Result<Output> {
    let folder = path.parent().unwrap_or(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let output = run_to_end(&["check", &name], folder, DEADLINE).await?;
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    assert_eq!(output.code, Some(78), "{output:?}");
    Ok(output)
}

/// Nine levels of nine aliases each: 387 million items from some hundred bytes.
fn alias_bomb() -> String {
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (last, this) in ('a'..='h').zip('b'..='i') {
        let aliases = vec![format!("*{last}"); 9].join(",");
        text.extend([format!("{this}: &{this} [{aliases}]\n")]);
    }
    text
}

#[tokio::test]
async fn files_that_are_no_mapping_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("line1.yaml");
    let deep = "[".repeat(100_000);
    let bomb = alias_bomb();
    let cases: [&[u8]; 9] = [
        b"",
        b"\n\n# nothing\n",
        b"\x00\x01\x02\xff\xfe",
        b"\xef\xbb\xbf",
        b"- 1\n- 2\n",
        b"just words",
        b"version: 2\n",
        deep.as_bytes(),
        bomb.as_bytes(),
    ];
    for case in cases {
        fs::write(&file, case)?;
        let output = check_file(&file).await?;
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("line1.yaml"), "{:?}: {text}", &case[..case.len().min(40)]);
    }
    Ok(())
}

#[tokio::test]
async fn a_file_of_a_hundred_megabytes_is_refused_quickly() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("line1.yaml");
    let mut writer = BufWriter::new(File::create(&file)?);
    writer.write_all(HEAD.as_bytes())?;
    for number in 0..2_500_000 {
        writeln!(writer, "# {number:036}")?;
    }
    writer.flush()?;
    drop(writer);
    check_file(&file).await.map(drop)
}

#[tokio::test]
async fn each_easy_mistake_of_yaml_gets_a_sentence_with_its_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("line1.yaml");
    let tag = |keys: &str| format!("{HEAD}tags:\n  - {{ name: a, {keys} }}\n");
    let good = "node: 'ns=3;s=a', topic: t";
    let cases = [
        (format!("{HEAD}tags:\n  - name: a\n    node: ns=3;s=a\n    topic: {{adapter}}/{{tag}}\n"), 7),
        (format!("{HEAD}tags:\n  - name: a\n    node: \"Machine\".\"Vibration\"\n    topic: t\n"), 6),
        (tag("node: 'ns=3;s=a', topic: 'a/+'"), 5),
        (tag("node: 'ns=3;s=a', topic: 'a/#'"), 5),
        (tag("node: 'ns=3', topic: t"), 5),
        (tag("node: 12, topic: t"), 5),
        (tag("node: 'ns=3;s=a', topic: t, retain: maybe"), 5),
        (tag("node: 'ns=3;s=a', topic: t, message_expiry_interval: 60"), 5),
        (format!("{HEAD}tags:\n  - {{ name: a, {good} }}\n\t- {{ name: b, {good} }}\n"), 6),
        (format!("{HEAD}tags:\n  - {{ name: a, {good} }}\n  - {{ name: a, {good} }}\n"), 6),
        (
            format!(
                "{HEAD}tags:\n  - {{ name: a, {good} }}\nsouthbound_mappings:\n  - {{ topic_filter: c, tag_name: a }}\n  \
                 - {{ topic_filter: c, tag_name: a }}\n"
            ),
            8,
        ),
        (format!("{HEAD}http: {{ listen: nowhere }}\ntags:\n  - {{ name: a, {good} }}\n"), 4),
    ];
    for (text, line) in cases {
        fs::write(&file, &text)?;
        let output = check_file(&file).await?;
        let report = format!("{}{}", output.stdout, output.stderr);
        assert!(report.contains(&format!("line1.yaml:{line}:")), "line {line} of:\n{text}\nis missing in:\n{report}");
    }
    Ok(())
}
