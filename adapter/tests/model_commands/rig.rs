//! A folder with a mapping and tables, and the program in it.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const MAPPING: &str = "version: 1
opcua: { uri: opc.tcp://plc, security: { policy: none } }
broker: { url: mqtt://edge }
models:
  drift: { detector: { kind: ewma_z } }
  joint:
    detector: { kind: mewma_t2 }
    features: [ { kind: value }, { kind: difference, tag: speed } ]
    smoothing: 0.5
    decision: { raise_after: 3, clear_after: 10, refractory: 30s }
    guard: none
    scaler: standard
tags:
  - { name: vibration, node: 'nsu=urn:x;s=V', topic: a, model: joint }
  - { name: speed, node: 'nsu=urn:x;s=S', topic: b }
";

pub(crate) struct Folder(TempDir);

impl Folder {
    /// With `line1.yaml`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("line1.yaml"), MAPPING).expect("a mapping");
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).expect("a file that was written")
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwise"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("the program")
    }

    /// What a command that must succeed says on standard output.
    #[track_caller]
    pub(crate) fn succeed(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What a command that must fail says on standard error.
    #[track_caller]
    pub(crate) fn fail(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(1), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("text")
    }
}

/// A table with these columns in this order: `vibration` and `speed` of a healthy machine, `label` with every fiftieth
/// row an anomaly, `time`.
pub(crate) fn table(columns: &[&str], rows: usize) -> String {
    let mut text = columns.join(",");
    for row in 0..rows {
        let is_anomaly = row % 50 == 49;
        let cell = |column: &&str| match *column {
            "vibration" => {
                let normal = 2.5 + (row * 37 % 100) as f64 / 50.0;
                if is_anomaly { normal + 9.0 } else { normal }.to_string()
            }
            "speed" => (1500.0 + (row * 53 % 90) as f64).to_string(),
            "label" => u8::from(is_anomaly).to_string(),
            "time" => (row * 100).to_string(),
            other => panic!("no column {other}"),
        };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        write!(text, "\n{}", cells.join(",")).expect("a text takes everything");
    }
    text.push('\n');
    text
}
