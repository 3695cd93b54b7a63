//! Model files: no bytes make reading them panic, and what is read can be used.
//!
//! The body is also tried behind a right header, since hardly any change of a byte gets past the checksum.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise_model::{Model, Registry, Time};

fuzz_target!(|bytes: &[u8]| {
    let registry = Registry::builtin();
    use_it(Model::from_artefact(bytes, &registry).ok(), &registry);
    use_it(Model::from_artefact(&sealed(bytes), &registry).ok(), &registry);
});

fn use_it(model: Option<Model>, registry: &Registry) {
    let Some(model) = model else { return };
    let mut state = model.initial_state();
    for value in [0.0, 1.5, -1e300, 1e300] {
        // What a model cannot score yet, or at all, it says.
        let _said = model.observe(&mut state, &vec![value; model.inputs()], Time(0));
    }
    let again = Model::from_artefact(&model.to_artefact(), registry).expect("what was read can be written and read");
    assert_eq!(again.width(), model.width());
}

/// The bytes as the body of a file whose header and checksum are right.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut file = b"TAGWISEM".to_vec();
    file.extend_from_slice(&1_u32.to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let mut checked = file.clone();
    checked.extend_from_slice(body);
    file.extend_from_slice(&crc32fast::hash(&checked).to_le_bytes());
    file.extend_from_slice(body);
    file
}
