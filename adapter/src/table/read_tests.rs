use super::*;
use crate::table::Columns;

fn read(text: &str, options: &TableOptions) -> Result<Table, String> {
    Table::read(text.as_bytes(), options, &mut |_| ()).map_err(|error| error.to_string())
}

fn inputs(names: &[&str]) -> TableOptions {
    TableOptions::inputs(names.iter().map(|name| (*name).to_owned()).collect())
}

fn first_column(table: &Table) -> Vec<f64> {
    table.rows().column(0).collect()
}

#[test]
fn the_only_column_or_the_tags_or_value_is_the_input_of_a_model_of_one() {
    let check = |text: &str, expected: &[f64]| {
        assert_eq!(first_column(&read(text, &inputs(&["line1/vibration"])).unwrap()), expected, "{text}");
    };
    check("anything\n1\n2.5\n", &[1.0, 2.5]);
    check("time,line1/vibration,value\n0,1,9\n0,2,9\n", &[1.0, 2.0]);
    check("time,value\n0, 1e3\n", &[1000.0]);
    let error = read("a,b\n1,2\n", &inputs(&["line1/vibration"])).unwrap_err();
    assert_eq!(error, "it has no column `line1/vibration`; its columns are `a`, `b`");
}

#[test]
fn several_inputs_are_found_by_name_in_their_own_order() {
    let table = read("b,other,a\n1,2,3\n4,5,6\n", &inputs(&["a", "b"])).unwrap();
    assert_eq!((table.rows().row(0), table.rows().row(1)), (&[3.0, 1.0][..], &[6.0, 4.0][..]));
    let table = read("b,value\n1,2\n", &inputs(&["a", "b"])).unwrap();
    assert_eq!(table.rows().row(0), &[2.0, 1.0]);
    assert!(read("a,value\n1,2\n", &inputs(&["a", "b"])).unwrap_err().contains("no column `b`"));
    assert!(read("a,a,b\n1,2,3\n", &inputs(&["a", "b"])).unwrap_err().contains("more than one column `a`"));
}

#[test]
fn the_columns_of_the_training_are_found_by_name_and_nothing_stands_in_for_them() {
    let trained = |names: &[&str]| TableOptions {
        columns: Columns::Trained(names.iter().map(|name| (*name).to_owned()).collect()),
        ..TableOptions::plain()
    };
    let table = read("b,other,a\n1,2,3\n", &trained(&["a", "b"])).unwrap();
    assert_eq!((table.names(), table.rows().row(0)), (&["a".to_owned(), "b".to_owned()][..], &[3.0, 1.0][..]));
    assert_eq!(first_column(&read("anything\n1\n", &trained(&["a"])).unwrap()), [1.0]);
    let error = read("value,b\n1,2\n", &trained(&["a", "b"])).unwrap_err();
    let expected = "it has no column `a`, which the model was trained on; its columns are `value`, `b`; ";
    assert!(error.starts_with(expected), "{error}");
    assert!(read("value,b\n1,2\n", &trained(&["a"])).unwrap_err().contains("no column `a`"));
    assert!(read("a,b,a\n1,2,3\n", &trained(&["a", "b"])).unwrap_err().contains("more than one column `a`"));
}

#[test]
fn all_columns_means_all_but_time_and_label() {
    let options =
        TableOptions { time: Some("t".into()), label: Some("label".into()), delimiter: b';', ..TableOptions::plain() };
    let table = read("t;x;label;y\n2026-01-01;1;0;2\n1767225600001;3;1;4\n", &options).unwrap();
    assert_eq!(table.names(), ["x", "y"]);
    assert_eq!(table.labels(), [false, true]);
    assert_eq!(table.time(1), Time(1_767_225_600_001_000));
    let named = TableOptions { columns: Columns::Named(vec!["y".into()]), ..options };
    assert_eq!(first_column(&read("t;x;label;y\n0;1;0;2\n", &named).unwrap()), [2.0]);
}

#[test]
fn every_bad_cell_is_named_with_line_and_column_up_to_ten() {
    let error = read("a,b\n1,\n2,x\nNaN,3\n4,-inf\n", &TableOptions::plain()).unwrap_err();
    let expected = "line 2, column `b`: the cell is empty\nline 3, column `b`: `x` is no finite number\n\
                    line 4, column `a`: `NaN` is not finite\nline 5, column `b`: `-inf` is not finite";
    assert_eq!(error, expected);
    let many = format!("a\n{}", "x\n".repeat(25));
    assert!(read(&many, &TableOptions::plain()).unwrap_err().ends_with("\nand 15 more"));
}

#[test]
fn empty_lines_do_not_shift_the_places_and_are_missing_cells_where_there_is_one_column() {
    let error = read("a,b\n1,2\n\n\n3,x\n", &TableOptions::plain()).unwrap_err();
    assert_eq!(error, "line 5, column `b`: `x` is no finite number");
    let error = read("a\n1\n\n2\nx", &TableOptions::plain()).unwrap_err();
    assert_eq!(error, "line 3, column `a`: the cell is empty\nline 5, column `a`: `x` is no finite number");
    assert_eq!(
        read("a\n1\n2\n\n\n", &TableOptions::plain()).unwrap().rows().count(),
        2,
        "at the end they mean nothing"
    );
}

#[test]
fn bad_rows_can_be_kept_and_are_marked() {
    let options = TableOptions { keeps_bad_rows: true, ..TableOptions::plain() };
    let table = read("a,b\n1,2\n,2\n3,4\n", &options).unwrap();
    assert_eq!([0, 1, 2].map(|row| table.is_bad(row)), [false, true, false]);
    assert!(table.rows().row(1)[0].is_nan());
    assert_eq!(table.bad_cells().count, 1);
}

#[test]
fn what_is_no_table_is_said() {
    let check = |text: &str, expected: &str| {
        let error = read(text, &TableOptions::plain()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check("", "it is empty");
    check("a,b\n", "no rows below its header");
    check("a,b\n1,2,3\n", "no CSV with a header");
    let labelled = TableOptions { label: Some("label".into()), ..TableOptions::plain() };
    assert!(read("label\n0\n", &labelled).unwrap_err().contains("no column of values"));
    let error = read("a,label\n1,yes\n", &labelled).unwrap_err();
    assert_eq!(error, "line 2, column `label`: `yes` is no label; write 0 for normal and 1 for an anomaly");
    let timed = TableOptions { time: Some("t".into()), ..TableOptions::plain() };
    assert!(read("t,a\nnow,1\n", &timed).unwrap_err().contains("line 2, column `t`: `now` is no time"));
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let table = Table::read(&[b'v', b'\n', 0xFF, 0xFE, b'\n'][..], &TableOptions::plain(), &mut |_| ());
    assert!(matches!(table, Err(TableError::Csv(_))));
}
