//! A model of several inputs finds its columns by name.

use crate::rig::{Folder, table};

/// `joint`, trained on columns in one order, and tables with them in that order and in another.
fn trained() -> Folder {
    let folder = Folder::new();
    folder.write("normal.csv", &table(&["time", "vibration", "speed"], 400));
    folder.write("same.csv", &table(&["time", "vibration", "speed", "label"], 300));
    folder.write("swapped.csv", &table(&["speed", "label", "vibration", "time"], 300));
    folder.succeed("train line1.yaml joint --input normal.csv --time time --output joint.model");
    folder
}

#[test]
fn swapped_columns_give_the_same_scores_and_figures() {
    let folder = trained();
    folder.succeed("score joint.model --input same.csv --time time --output same.scores");
    folder.succeed("score joint.model --input swapped.csv --time time --output swapped.scores");
    let scores = folder.read("same.scores");
    assert_eq!(String::from_utf8_lossy(&scores).lines().count(), 301);
    assert_eq!(folder.read("swapped.scores"), scores);
    let judge = |table: &str| folder.succeed(&format!("eval joint.model --input {table} --time time --label label"));
    assert_eq!(judge("swapped.csv"), judge("same.csv"));
}

#[test]
fn columns_that_are_named_win_over_those_of_the_training() {
    let folder = trained();
    folder.succeed("score joint.model --input same.csv --time time --output by-name.scores");
    let named = "score joint.model --input same.csv --time time --output named.scores --columns";
    folder.succeed(&format!("{named} speed,vibration"));
    assert_ne!(folder.read("named.scores"), folder.read("by-name.scores"), "the wrong order gives other scores");
    folder.succeed(&format!("{named} vibration,speed"));
    assert_eq!(folder.read("named.scores"), folder.read("by-name.scores"));
    assert!(folder.fail(&format!("{named} vibration")).contains("takes 2 values at a time"));
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let folder = trained();
    folder.write("other.csv", "vibration,value\n1,2\n");
    for command in ["score joint.model --output o.csv", "eval joint.model --label value"] {
        let said = folder.fail(&format!("{command} --input other.csv"));
        assert!(said.contains("it has no column `speed`, which the model was trained on"), "{said}");
        assert!(said.contains("--columns"), "{said}");
    }
}

#[test]
fn a_model_of_several_inputs_without_names_wants_columns() {
    let folder = Folder::new();
    // Two columns of one name cannot lend it, which is no reason to lose the training.
    folder.write("twice.csv", &table(&["vibration", "speed"], 100).replacen("vibration,speed", "v,v", 1));
    let trained = folder.run("train line1.yaml mewma_t2 --input twice.csv --output nameless.model");
    let said = String::from_utf8(trained.stderr).unwrap();
    assert_eq!(trained.status.code(), Some(0), "{said}");
    assert!(said.contains(r#"two inputs are called "v""#), "{said}");
    assert!(folder.succeed("models show nameless.model").contains("inputs     2: without names\n"));
    folder.write("data.csv", "a,b\n1,5\n");
    let said = folder.fail("score nameless.model --input data.csv --output o.csv");
    assert!(said.contains("does not know their names; name their columns with --columns"), "{said}");
    folder.succeed("score nameless.model --input data.csv --output o.csv --columns a,b");
}

#[test]
fn show_lists_the_inputs_and_names_the_features_after_them() {
    let shown = trained().succeed("models show joint.model");
    assert!(shown.contains("inputs     2: vibration, speed\n"), "{shown}");
    assert!(shown.contains("features   2: vibration, difference(speed)\n"), "{shown}");
}
