//! Node ids and browse paths: no text makes them panic, and one that was read survives its own text form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::domain::{BrowsePath, NodeAddress};

fuzz_target!(|text: &str| {
    match text.parse::<NodeAddress>() {
        Ok(address) => assert_eq!(address.to_string().parse(), Ok(address), "read from {text:?}"),
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
    for path in [text.parse::<BrowsePath>(), BrowsePath::from_elements([text])] {
        match path {
            Ok(path) => assert_eq!(path.to_string().parse(), Ok(path), "read from {text:?}"),
            Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
        }
    }
});
