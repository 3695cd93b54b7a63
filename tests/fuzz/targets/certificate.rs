//! Certificates that a server shows: no bytes make them panic, and what is kept of them are the bytes that came.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::opcua::pki::chain;

fuzz_target!(|bytes: &[u8]| {
    match chain::split(bytes) {
        Ok((leaf, issuers)) => {
            assert!(bytes.starts_with(leaf.der()), "the leaf stands first");
            assert!(!leaf.subject.chars().any(char::is_control), "{leaf:?}");
            assert!(issuers.iter().all(|one| bytes.windows(one.der().len()).any(|part| part == one.der())));
        }
        Err(error) => assert!(!error.is_empty(), "refused without a reason"),
    }
});
