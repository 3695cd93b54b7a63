//! JSON numbers to integers, Float and Double.

use serde_json::{Number, Value};

use super::error::{CoerceError, describe};
use crate::domain::DataType;

/// Below this, 2^53, every integer is a Double of its own; 2^53 itself is also what its neighbour becomes.
const END_OF_EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// The integer that `json` is; `5.0` and `1e3` are integers too.
pub(super) fn integer<T: TryFrom<i128>>(json: &Value, due: DataType) -> Result<T, CoerceError> {
    let Value::Number(number) = json else { return Err(CoerceError::wrong_type(json, due)) };
    let (integer, is_exact) = match whole(number) {
        Whole::Exact(integer) => (integer, true),
        Whole::Rounded(integer) => (integer, false),
        Whole::Fraction => return Err(CoerceError::wrong_type(json, due)),
    };
    let integer = T::try_from(integer).map_err(|_| CoerceError::out_of_range(json, due))?;
    if is_exact { Ok(integer) } else { Err(CoerceError::Inexact { found: describe(json) }) }
}

enum Whole {
    Exact(i128),
    /// The parser kept 53 bits: the sender may have meant a neighbour.
    Rounded(i128),
    Fraction,
}

fn whole(number: &Number) -> Whole {
    if let Some(integer) = number.as_i64() {
        return Whole::Exact(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Whole::Exact(integer.into());
    }
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 => {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and saturating far beyond 64 bits")]
            let integer = float as i128;
            if float.abs() < END_OF_EXACT_INTEGERS { Whole::Exact(integer) } else { Whole::Rounded(integer) }
        }
        _ => Whole::Fraction,
    }
}

/// The Float nearest to the number; refuses what would become infinite, or zero without being zero.
pub(super) fn float(json: &Value) -> Result<f32, CoerceError> {
    let number = double(json).map_err(|_| CoerceError::wrong_type(json, DataType::Float))?;
    #[expect(clippy::cast_possible_truncation, reason = "the nearest Float is what is asked for")]
    let float = number as f32;
    if float.is_finite() && (float != 0.0 || number == 0.0) {
        Ok(float)
    } else {
        Err(CoerceError::out_of_range(json, DataType::Float))
    }
}

/// The Double nearest to the number.
pub(super) fn double(json: &Value) -> Result<f64, CoerceError> {
    json.as_f64().ok_or_else(|| CoerceError::wrong_type(json, DataType::Double))
}
