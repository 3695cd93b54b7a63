//! Reads a scalar as what its key wants, or says why it is not that.

use std::time::Duration;

use super::{
    duration::{DurationError, parse_duration, show_duration},
    suggest::{any_of, did_you_mean},
    tree::Scalar,
};

/// Why a scalar is not what its key wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// What is wrong; `{}` stands for the text found.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// A text: without quotes only what no YAML reader takes for something else.
pub(super) fn read_text(scalar: &Scalar) -> Result<&str, Problem> {
    if scalar.is_plain()
        && let Some(what) = other_type(&scalar.text)
    {
        return Err(Problem::new(
            format!("a text is due here, but {{}} without quotes is {what}"),
            "put it in quotes: {}",
        ));
    }
    Ok(&scalar.text)
}

/// What YAML 1.1 or 1.2 makes of a text without quotes, if not a text.
pub(super) fn other_type(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let digits = lower.trim_start_matches(['+', '-']);
    let is_based = ["0x", "0o", "0b"].iter().any(|prefix| {
        digits.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit()))
    });
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.replace('_', "").parse::<f64>().is_ok();
    match lower.as_str() {
        "true" | "false" => Some("true or false"),
        "yes" | "no" | "on" | "off" | "y" | "n" => Some("true or false to many YAML readers"),
        "null" | "~" => Some("nothing"),
        ".inf" | "-.inf" | "+.inf" | ".nan" => Some("a number"),
        _ if is_number || is_based => Some("a number"),
        _ => None,
    }
}

/// `true` or `false`.
pub(super) fn read_boolean(scalar: &Scalar) -> Result<bool, Problem> {
    let word = scalar.text.to_lowercase();
    let meant = match word.as_str() {
        "true" if !scalar.is_quoted || scalar.is_interpolated => return Ok(true),
        "false" if !scalar.is_quoted || scalar.is_interpolated => return Ok(false),
        "true" | "yes" | "on" | "y" | "1" => "true",
        "false" | "no" | "off" | "n" | "0" => "false",
        _ => {
            return Err(Problem::new(
                "`true` or `false` is due here, not {}",
                "write `true` or `false`, without quotes",
            ));
        }
    };
    let reason = match word.as_str() {
        _ if scalar.is_quoted => "in quotes it is a text",
        "0" | "1" => "that is a number",
        _ => "YAML readers do not agree on this word",
    };
    Err(Problem::new(
        format!("`true` or `false` is due here, not {{}}: {reason}"),
        format!("write `{meant}`, without quotes"),
    ))
}

/// A whole number between two others, both included.
pub(super) fn read_integer(scalar: &Scalar, min: i64, max: i64) -> Result<i64, Problem> {
    let text = number_text(scalar, "a whole number")?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let range = show_range(min, max);
        return Err(Problem::new("a whole number is due here, not {}", format!("write a number {range}, digits only")));
    }
    match text.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Problem::new("{} is out of range", format!("write a number {}", show_range(min, max)))),
    }
}

fn show_range(min: i64, max: i64) -> String {
    if max == i64::MAX { format!("of {min} or more") } else { format!("from {min} to {max}") }
}

/// A finite number between two others, both included.
pub(super) fn read_number(scalar: &Scalar, min: f64, max: f64) -> Result<f64, Problem> {
    let text = number_text(scalar, "a number")?;
    let is_numeral = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    match text.parse::<f64>() {
        Ok(number) if is_numeral && number.is_finite() && (min..=max).contains(&number) => Ok(number),
        Ok(number) if is_numeral && number.is_finite() => {
            Err(Problem::new("{} is out of range", format!("write a number from {min} to {max}")))
        }
        _ => Err(Problem::new("a number is due here, not {}", "write a finite number such as `0.05`")),
    }
}

/// The text of what should be a number; refuses quotes and the leading zeros that some readers take as octal.
fn number_text<'a>(scalar: &'a Scalar, due: &str) -> Result<&'a str, Problem> {
    let text = scalar.text.as_str();
    if scalar.is_quoted && !scalar.is_interpolated {
        return Err(Problem::new(format!("{due} is due here, but {{}} in quotes is a text"), "remove the quotes"));
    }
    let digits = text.trim_start_matches('-');
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let meant = digits.trim_start_matches('0');
        let meant = if meant.is_empty() { "0" } else { meant };
        return Err(Problem::new(
            "a number that starts with `0` is octal to some YAML readers and decimal to others",
            format!("write `{meant}`"),
        ));
    }
    Ok(text)
}

/// A time between two others, both included.
pub(super) fn read_duration(scalar: &Scalar, min: Duration, max: Duration) -> Result<Duration, Problem> {
    const UNITS: &str = "units are ms, s, m, h and d, as in `250ms` or `10s`";
    let text = scalar.text.as_str();
    match parse_duration(text) {
        Ok(duration) if (min..=max).contains(&duration) => Ok(duration),
        Ok(_) => Err(Problem::new(
            "{} is out of range",
            format!("write a time from {} to {}", show_duration(min), show_duration(max)),
        )),
        Err(DurationError::NoUnit) if scalar.is_interpolated => {
            Err(Problem::new("a time is due here, but {} yields a number without a unit", UNITS))
        }
        Err(DurationError::NoUnit) if text == "0" => {
            Err(Problem::new("a time is due here, but {} has no unit", format!("write `0ms`; {UNITS}")))
        }
        Err(DurationError::NoUnit) => Err(Problem::new(
            "a time is due here, but {} has no unit",
            format!("write `{text}ms` or `{text}s`, whichever is meant; {UNITS}"),
        )),
        Err(DurationError::Spelling(meant)) if !scalar.is_interpolated => {
            Err(Problem::new("{} is no time", format!("write `{meant}`; {UNITS}")))
        }
        Err(DurationError::Fraction(Some(meant))) if !scalar.is_interpolated => {
            Err(Problem::new("a time is a whole number with its unit, not {}", format!("write `{meant}`; {UNITS}")))
        }
        Err(_) => Err(Problem::new("a time is due here, a whole number with its unit, not {}", UNITS)),
    }
}

/// One of a few words, in any case; answers with the canonical spelling.
pub(super) fn read_choice(scalar: &Scalar, options: &'static [&'static str]) -> Result<&'static str, Problem> {
    let is_same = |option: &&str| option.eq_ignore_ascii_case(&scalar.text);
    // `5` without quotes is a number even where "5" is an option.
    if scalar.is_plain()
        && other_type(&scalar.text).is_some()
        && options.iter().any(|option| other_type(option).is_some())
    {
        read_text(scalar)?;
    }
    if let Some(option) = options.iter().copied().find(is_same) {
        return Ok(option);
    }
    let quote =
        |option: &&str| if other_type(option).is_some() { format!("\"{option}\"") } else { format!("`{option}`") };
    let all: Vec<String> = options.iter().map(quote).collect();
    let all = any_of(all.iter().map(String::as_str));
    let meant = if scalar.is_interpolated { None } else { did_you_mean(&scalar.text, options.iter().copied()) };
    let guess = meant.map_or_else(String::new, |option| format!("; did you mean \"{option}\"?"));
    Err(Problem::new(format!("{{}} is none of the words that may stand here{guess}"), format!("write {all}")))
}

/// `auto`, or a whole number.
pub(super) fn read_auto_or_integer(scalar: &Scalar, min: i64, max: i64) -> Result<Option<i64>, Problem> {
    if scalar.text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    if !scalar.text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Err(Problem::new(
            "`auto` or a whole number is due here, not {}",
            format!("write `auto`, or a number {}", show_range(min, max)),
        ));
    }
    read_integer(scalar, min, max).map(Some)
}

/// Whether it is the word `none`.
pub(super) fn is_none(scalar: &Scalar) -> bool {
    scalar.text.eq_ignore_ascii_case("none")
}

/// `none`, or a number between two others, both included.
pub(super) fn read_none_or_number(scalar: &Scalar, min: f64, max: f64) -> Result<Option<f64>, Problem> {
    if is_none(scalar) {
        return Ok(None);
    }
    if scalar.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Problem::new(
            "`none` or a number is due here, not {}",
            format!("write `none`, or a number from {min} to {max}"),
        ));
    }
    read_number(scalar, min, max).map(Some)
}

/// `none`, or a time.
pub(super) fn read_none_or_duration(
    scalar: &Scalar,
    min: Duration,
    max: Duration,
) -> Result<Option<Duration>, Problem> {
    if is_none(scalar) {
        return Ok(None);
    }
    if scalar.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (min, max) = (show_duration(min), show_duration(max));
        return Err(Problem::new(
            "`none` or a time is due here, not {}",
            format!("write `none`, or a time from {min} to {max}"),
        ));
    }
    read_duration(scalar, min, max).map(Some)
}

/// The number 1.
pub(super) fn read_version(scalar: &Scalar) -> Result<(), Problem> {
    if scalar.is_plain() && scalar.text == "1" {
        return Ok(());
    }
    let message = match scalar.text.parse::<f64>() {
        Ok(number) if (number - 1.0).abs() < f64::EPSILON => "the version is the number 1, not {}",
        _ => "version {} of the mapping language is unknown to this program, which reads version 1",
    };
    Err(Problem::new(message, "write `version: 1`"))
}
