//! `models show` says everything that a model file holds.

use crate::rig::{Folder, table};

#[test]
fn show_tells_the_links_around_the_detector_and_the_size() {
    let folder = Folder::new();
    folder.write("normal.csv", &table(&["vibration", "speed"], 400));
    folder.succeed("train line1.yaml joint --input normal.csv --output joint.model");
    let shown = folder.succeed("models show joint.model");
    let decision = "decision   { raise_after: 3, clear_after: 10, refractory: 30s }";
    for line in ["scaler     standard", "guard      none", "smoothing  0.5", decision] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    let size = format!("size       {} bytes", folder.read("joint.model").len());
    assert!(shown.lines().any(|found| found == size), "{size}: {shown}");

    folder.write("one.csv", &table(&["vibration"], 400));
    let trained = folder.succeed("train line1.yaml drift --input one.csv --output drift.model");
    let shown = folder.succeed("models show drift.model");
    assert!(trained.starts_with(&shown), "train reports what show shows: {trained}");
    let decision = "decision   { raise_after: 1, clear_after: 1, refractory: 0s }";
    for line in ["guard      1", "smoothing  none", decision] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
}
