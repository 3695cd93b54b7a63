//! Standard output in the place of a file, and readers that have seen enough.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use crate::rig::{Folder, table};

fn trained() -> Folder {
    let folder = Folder::new();
    folder.write("one.csv", &table(&["vibration"], 400));
    folder.succeed("train line1.yaml drift --input one.csv --output drift.model");
    folder
}

#[test]
fn a_reader_of_the_scores_that_leaves_early_is_no_failure() {
    let folder = trained();
    // More than a pipe holds, so that the writing is still under way when the reader leaves.
    folder.write("long.csv", &table(&["vibration"], 50_000));
    let mut command = folder.command("score drift.model --input long.csv --output -");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((line.as_str(), child.wait().unwrap().code(), said.as_str()), ("score,label,status\n", Some(0), ""));
}

#[test]
fn a_model_on_standard_output_is_the_file_and_the_report_stays_out_of_it() {
    let folder = trained();
    let output = folder.run("train line1.yaml drift --input one.csv --output -");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(output.stdout == folder.read("drift.model"), "the bytes are those of the file");
    assert!(said.contains("scores of the training rows") && said.contains("<- threshold"), "{said}");
}

#[test]
fn nobody_who_hears_the_report_is_no_failure_either() {
    let folder = trained();
    for line in ["train line1.yaml drift --input one.csv --output other.model", "models show drift.model"] {
        // The reader is gone before anything is written.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.command(line).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{line}");
    }
    assert_eq!(folder.read("other.model"), folder.read("drift.model"));
}
