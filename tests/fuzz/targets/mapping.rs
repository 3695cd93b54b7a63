//! Mapping files: no text makes the reader panic, every mistake has a place in the file, and what `check --resolved`
//! prints of a good mapping is itself a good mapping.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tagwise::config::{Diagnostics, Loaded, parse, resolved_yaml};
use tagwise_model::Registry;

fn read(text: &str) -> Result<Loaded, Diagnostics> {
    let no_variables: [(&str, &str); 0] = [];
    parse(text, Path::new("line1.yaml"), &no_variables, &Registry::builtin())
}

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(loaded) => {
            let resolved = resolved_yaml(&loaded);
            if let Err(diagnostics) = read(&resolved) {
                panic!("the effective mapping is refused:\n{diagnostics}\n{resolved}");
            }
        }
        Err(diagnostics) => {
            assert!(!diagnostics.list.is_empty(), "refused without a reason");
            let last = text.lines().count() + 1;
            for diagnostic in &diagnostics.list {
                assert!((1..=last).contains(&diagnostic.line), "line {} of {last}", diagnostic.line);
            }
            assert!(!diagnostics.to_string().is_empty(), "a report without words");
        }
    }
});
