//! What `score` says at its end.

use crate::rig::{Folder, table};

#[test]
fn only_rows_that_got_a_score_count_as_scored() {
    let folder = Folder::new();
    folder.write("one.csv", &table(&["vibration"], 400));
    folder.succeed("train line1.yaml drift --input one.csv --output drift.model");
    let said = folder.succeed("score drift.model --input one.csv --output o.csv");
    assert_eq!(said, "400 rows scored\n");
    folder.write("gaps.csv", "vibration\n2.5\nx\n2.6\n\n2.4\n");
    let said = folder.succeed("score drift.model --input gaps.csv --output o.csv");
    assert_eq!(said, "3 rows scored, 2 without a score\n");
}
