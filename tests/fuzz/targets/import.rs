//! Models from Python: no bytes make importing them panic, and what is imported can be used and written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise_model::{Model, Registry, Time, import_json};

fuzz_target!(|bytes: &[u8]| {
    let registry = Registry::builtin();
    match import_json(bytes, &registry) {
        Ok(model) => {
            let mut state = model.initial_state();
            for value in [0.0, 1.5, -1e300, 1e300] {
                let _said = model.observe(&mut state, &vec![value; model.inputs()], Time(0));
            }
            Model::from_artefact(&model.to_artefact(), &registry).expect("what was imported can be written and read");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
});
