//! What `/predict` takes: one value under any name, a list of values, or rows of features.

use serde_json::{Map, Value};
use thiserror::Error;

/// Rows that one call may ask about.
const MAX_ROWS: usize = 100_000;

/// Why a body cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// Not JSON, or no object.
    #[error("the body is no JSON object; send `{{\"value\":3.2}}`, `{{\"values\":[…]}}` or `{{\"features\":[[…]]}}`")]
    NotAnObject,
    /// None of the known keys, and not exactly one number either.
    #[error(
        "the body has no number to score; send `{{\"value\":3.2}}`, `{{\"values\":[…]}}` or `{{\"features\":[[…]]}}`"
    )]
    NothingToScore,
    /// A cell is no number.
    #[error("`{key}` has something at position {position} that is no number")]
    NotANumber {
        /// `value`, `values` or `features`, or the name the caller chose.
        key: String,
        /// Where, from 0.
        position: usize,
    },
    /// More rows than one call may ask about.
    #[error("one call takes at most {MAX_ROWS} rows; send several")]
    TooMany,
}

/// A body that has been understood.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictBody {
    /// The rows to score, in order.
    pub rows: Vec<Vec<f64>>,
    /// The caller's own name for a single value, under which it goes back.
    pub echo: Option<String>,
    /// Whether the caller sent a list and gets one.
    pub is_list: bool,
}

impl PredictBody {
    /// Understands a body.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else { return Err(BodyError::NotAnObject) };
        if let Some(values) = object.get("values").or_else(|| object.get("features")) {
            let key = if object.contains_key("values") { "values" } else { "features" };
            return list(key, values);
        }
        single(&object)
    }
}

/// The values of `{"values":[…]}`, as `/retrain` takes them too.
pub fn rows_of(key: &str, values: &Value) -> Result<Vec<Vec<f64>>, BodyError> {
    let not_a_number = |position| BodyError::NotANumber { key: key.to_owned(), position };
    let items = values.as_array().ok_or_else(|| not_a_number(0))?;
    if items.len() > MAX_ROWS {
        return Err(BodyError::TooMany);
    }
    let row = |(position, item): (usize, &Value)| {
        let row = match item {
            Value::Array(cells) => cells.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>(),
            cell => cell.as_f64().map(|value| vec![value]),
        };
        row.ok_or_else(|| not_a_number(position))
    };
    items.iter().enumerate().map(row).collect()
}

fn list(key: &str, values: &Value) -> Result<PredictBody, BodyError> {
    let rows = rows_of(key, values)?;
    if rows.is_empty() {
        return Err(BodyError::NothingToScore);
    }
    Ok(PredictBody { rows, echo: None, is_list: true })
}

/// `value`, or the only number under a name of the caller's own, as the Flask server's clients send `vibration`.
fn single(object: &Map<String, Value>) -> Result<PredictBody, BodyError> {
    let (name, value) = match object.get_key_value("value") {
        Some(entry) => entry,
        None => match object.iter().collect::<Vec<_>>().as_slice() {
            [entry] => *entry,
            _ => return Err(BodyError::NothingToScore),
        },
    };
    let value = value.as_f64().ok_or_else(|| BodyError::NotANumber { key: name.clone(), position: 0 })?;
    let echo = Some(name).filter(|name| *name != "value").cloned();
    Ok(PredictBody { rows: vec![vec![value]], echo, is_list: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<PredictBody, BodyError> {
        PredictBody::parse(text.as_bytes())
    }

    #[test]
    fn a_single_value_may_have_any_name() {
        for (name, echo) in [("vibration", Some("vibration")), ("value", None), ("temperature", Some("temperature"))] {
            let body = parse(&format!("{{\"{name}\":3.2}}")).unwrap();
            let echo = echo.map(str::to_owned);
            assert_eq!(body, PredictBody { rows: vec![vec![3.2]], echo, is_list: false });
        }
    }

    #[test]
    fn lists_and_rows_are_lists() {
        assert_eq!(parse(r#"{"values":[1,2.5]}"#).unwrap().rows, [[1.0], [2.5]]);
        assert_eq!(parse(r#"{"features":[[1,2],[3,4]]}"#).unwrap().rows, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(parse(r#"{"values":[]}"#), Err(BodyError::NothingToScore));
    }

    #[test]
    fn what_is_no_number_is_named() {
        assert_eq!(parse("[1]"), Err(BodyError::NotAnObject));
        assert_eq!(parse("{}"), Err(BodyError::NothingToScore));
        assert_eq!(parse(r#"{"a":1,"b":2}"#), Err(BodyError::NothingToScore));
        assert_eq!(
            parse(r#"{"vibration":"3.2"}"#),
            Err(BodyError::NotANumber { key: "vibration".into(), position: 0 })
        );
        assert_eq!(parse(r#"{"values":[1,null]}"#), Err(BodyError::NotANumber { key: "values".into(), position: 1 }));
    }

    proptest! {
        #[test]
        fn no_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = PredictBody::parse(&bytes);
        }
    }
}
