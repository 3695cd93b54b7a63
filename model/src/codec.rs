//! How fitted detectors become bytes and come back: CBOR (RFC 8949), which names its fields, so that a later version
//! can add some and still read what an earlier one wrote.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nesting that is read at most; no artefact of ours comes near it.
const DEEPEST: usize = 32;

/// Bytes that do not hold what they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RestoreError(String);

impl RestoreError {
    /// What is wrong, as a fragment in lower case.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The bytes of a value: the same for the same value on every platform.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("invariant: memory takes everything, and our types all serialise");
    bytes
}

/// The value of bytes that [`encode`] made; what goes beyond its type is for the caller to check.
///
/// # Errors
/// Bytes of another shape, too deep, or with something behind the value.
pub fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, RestoreError> {
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, DEEPEST).map_err(|error| {
        RestoreError::new(match error {
            ciborium::de::Error::Io(_) => "it ends too early".to_owned(),
            ciborium::de::Error::Syntax(offset) => format!("byte {offset} is no CBOR"),
            ciborium::de::Error::Semantic(_, reason) => reason,
            ciborium::de::Error::RecursionLimitExceeded => format!("it is nested more than {DEEPEST} deep"),
        })
    })?;
    if bytes.is_empty() { Ok(value) } else { Err(RestoreError::new(format!("{} bytes too many", bytes.len()))) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        numbers: Vec<f64>,
        #[serde(default)]
        added_later: Option<u8>,
    }

    #[test]
    fn what_was_encoded_comes_back_with_every_bit() {
        let sample = Sample { numbers: vec![0.1, -0.0, f64::MAX, 5e-324, 3.0], added_later: None };
        let back: Sample = decode(&encode(&sample)).unwrap();
        assert_eq!(format!("{back:?}"), format!("{sample:?}"));
    }

    #[test]
    fn fields_may_be_added_and_unknown_ones_are_passed_over() {
        #[derive(Serialize)]
        struct Earlier {
            numbers: Vec<f64>,
        }
        #[derive(Serialize)]
        struct Newer {
            numbers: Vec<f64>,
            added_later: u8,
            comes_after_it: &'static str,
        }
        let earlier: Sample = decode(&encode(&Earlier { numbers: vec![1.0] })).unwrap();
        assert_eq!(earlier, Sample { numbers: vec![1.0], added_later: None });
        let newer = Newer { numbers: vec![1.0], added_later: 7, comes_after_it: "x" };
        assert_eq!(decode::<Sample>(&encode(&newer)).unwrap().added_later, Some(7));
    }

    #[test]
    fn bytes_that_hold_something_else_say_what_is_wrong() {
        let check = |bytes: &[u8], expected: &str| {
            let error = decode::<Sample>(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let bytes = encode(&Sample { numbers: vec![1.5], added_later: None });
        check(&bytes[..bytes.len() - 1], "ends too early");
        check(&[bytes.as_slice(), &[0]].concat(), "1 bytes too many");
        check(&encode(&"text"), "expected");
        check(&[0x81; 100], "expected");
        check(&[], "ends too early");
    }
}
