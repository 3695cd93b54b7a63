//! Bodies of `/predict`: no bytes make them panic, and what is understood asks about something finite.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::http::predict_body::PredictBody;

fuzz_target!(|bytes: &[u8]| {
    match PredictBody::parse(bytes) {
        Ok(body) => {
            assert!(!body.rows.is_empty(), "understood, and nothing to score");
            assert!(body.is_list || body.rows.len() == 1, "a single answer for several rows");
            assert!(body.rows.iter().flatten().all(|cell| cell.is_finite()), "JSON has finite numbers only");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
});
