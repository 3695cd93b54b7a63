//! CSV tables: no bytes make reading them panic, and what is read is whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::table::{Table, TableOptions};

fuzz_target!(|bytes: &[u8]| {
    for keeps_bad_rows in [false, true] {
        let options = TableOptions { time: None, keeps_bad_rows, ..TableOptions::plain() };
        if let Ok(table) = Table::read(bytes, &options, &mut |_| ()) {
            assert_eq!(table.rows().width(), table.names().len());
            let is_whole = table.rows().rows().all(|row| row.iter().all(|cell| cell.is_finite()));
            assert!(is_whole || keeps_bad_rows, "a cell that is no finite number got through");
        }
    }
});
