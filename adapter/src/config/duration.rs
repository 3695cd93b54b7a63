//! Times as the mapping writes them: a whole number and its unit.

use std::time::Duration;

/// Units, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DurationError {
    /// A number alone.
    NoUnit,
    /// A fraction; the text says the same in a smaller unit, if there is one.
    Fraction(Option<String>),
    /// Nearly right; this is what was meant.
    Spelling(String),
    /// Nothing like a time, or too large.
    Other,
}

/// Reads `250ms`, `10s`, `5m`, `24h`, `7d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(DurationError::Other)?;
    if let (Ok(number), Some((_, factor))) = (number.parse::<u64>(), UNITS.iter().find(|(name, _)| *name == unit)) {
        return number.checked_mul(*factor).map(Duration::from_millis).ok_or(DurationError::Other);
    }
    Err(explain(text))
}

/// Writes a time in the longest unit that needs no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (unit, factor) = UNITS
        .into_iter()
        .find(|(_, factor)| milliseconds >= u128::from(*factor) && milliseconds.is_multiple_of(u128::from(*factor)))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", milliseconds / u128::from(factor))
}

fn explain(text: &str) -> DurationError {
    let trimmed = text.trim().to_lowercase();
    if trimmed.parse::<f64>().is_ok() && trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        return DurationError::NoUnit;
    }
    let length = trimmed.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
    let Some((number, unit)) = trimmed.split_at_checked(length) else { return DurationError::Other };
    let unit = match unit.trim() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return DurationError::Other,
    };
    if number.parse::<u64>().is_ok() {
        return DurationError::Spelling(format!("{number}{unit}"));
    }
    if !number.contains('.') {
        return DurationError::Other;
    }
    match number.parse::<f64>() {
        Ok(value) => DurationError::Fraction(without_fraction(value, unit)),
        Err(_) => DurationError::Other,
    }
}

fn without_fraction(value: f64, unit: &str) -> Option<String> {
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let milliseconds = value * factor as f64;
    let is_whole = milliseconds.fract().abs() < f64::EPSILON && (0.0..1e15).contains(&milliseconds);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    is_whole.then(|| show_duration(Duration::from_millis(milliseconds as u64)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, DurationError>) {
        assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn a_time_is_a_whole_number_and_its_unit() {
        check("250ms", Ok(250));
        check("10s", Ok(10_000));
        check("5m", Ok(300_000));
        check("24h", Ok(86_400_000));
        check("7d", Ok(604_800_000));
        check("0ms", Ok(0));
    }

    #[test]
    fn what_is_nearly_a_time_is_recognised() {
        check("500", Err(DurationError::NoUnit));
        check("0", Err(DurationError::NoUnit));
        check("1.5", Err(DurationError::NoUnit));
        check("1.5s", Err(DurationError::Fraction(Some("1500ms".to_owned()))));
        check("0.5ms", Err(DurationError::Fraction(None)));
        check("10 s", Err(DurationError::Spelling("10s".to_owned())));
        check("10S", Err(DurationError::Spelling("10s".to_owned())));
        check("10 seconds", Err(DurationError::Spelling("10s".to_owned())));
        check("-1s", Err(DurationError::Other));
        check("1h30m", Err(DurationError::Other));
        check("99999999999999999999d", Err(DurationError::Other));
        check("18446744073709551615 d", Err(DurationError::Spelling("18446744073709551615d".to_owned())));
        check("18446744073709551615d", Err(DurationError::Other));
        check("", Err(DurationError::Other));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(milliseconds in any::<u32>()) {
            let duration = Duration::from_millis(u64::from(milliseconds));
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}|[0-9.]{0,30}(ms|s|d)") {
            drop(parse_duration(&text));
        }
    }
}
