//! Sizes as the mapping writes them: a whole number and its unit.

use std::time::Duration;

use super::{
    duration::show_duration,
    scalar::{Problem, read_duration},
    tree::Scalar,
};

/// Units, the largest first, in bytes.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// What every message about a size ends with.
const HELP: &str = "units are KiB, MiB, GiB and TiB, such as `64MiB`";

/// Writes a size in the largest unit that needs no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    let (unit, factor) =
        UNITS.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

/// Reads `512KiB`, `64MiB`, `1GiB`, within bounds that are included.
pub(super) fn read_size(scalar: &Scalar, min: u64, max: u64) -> Result<u64, Problem> {
    let text = scalar.text.as_str();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    if let (Ok(number), Some(factor)) = (number.parse::<u64>(), factor) {
        return match number.checked_mul(factor) {
            Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
            _ => Err(Problem::new(
                "{} is out of range",
                format!("write a size from {} to {}", show_size(min), show_size(max)),
            )),
        };
    }
    if scalar.is_interpolated {
        return Err(Problem::new("a size is due here, a whole number with its unit, but {} yields none", HELP));
    }
    if !number.is_empty() && unit.is_empty() {
        return Err(Problem::new("a size is due here, but {} has no unit", HELP));
    }
    match meant(number, unit) {
        Some(meant) => Err(Problem::new("{} is no size", format!("write `{meant}`; {HELP}"))),
        None => Err(Problem::new("a size is due here, a whole number with its unit, not {}", HELP)),
    }
}

/// `1 GB`, `64mb` and the like: the unit of 1024s that is nearest.
fn meant(number: &str, unit: &str) -> Option<String> {
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "ki" | "kib" => "KiB",
        "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        "t" | "tb" | "ti" | "tib" => "TiB",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

/// `always`, or a time.
pub(super) fn read_always_or_duration(
    scalar: &Scalar,
    min: Duration,
    max: Duration,
) -> Result<Option<Duration>, Problem> {
    if scalar.text.eq_ignore_ascii_case("always") {
        return Ok(None);
    }
    if scalar.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (min, max) = (show_duration(min), show_duration(max));
        return Err(Problem::new(
            "`always` or a time is due here, not {}",
            format!("write `always`, or a time from {min} to {max}"),
        ));
    }
    read_duration(scalar, min, max).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scalar(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), is_quoted: false, is_interpolated: false, source: None }
    }

    #[track_caller]
    fn check(text: &str, expected: Result<u64, &str>) {
        match (read_size(&scalar(text), 1 << 20, 1 << 40), expected) {
            (Ok(bytes), Ok(expected)) => assert_eq!(bytes, expected, "{text}"),
            (Err(problem), Err(expected)) => {
                let said = format!("{} {}", problem.message, problem.help.unwrap_or_default());
                assert!(said.contains(expected), "{text}: {said}");
            }
            (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_size_is_a_whole_number_and_its_unit() {
        check("1MiB", Ok(1 << 20));
        check("1024KiB", Ok(1 << 20));
        check("1048576B", Ok(1 << 20));
        check("1TiB", Ok(1 << 40));
    }

    #[test]
    fn what_is_no_size_is_explained() {
        check("1000", Err("has no unit units are KiB"));
        check("1GB", Err("write `1GiB`"));
        check("64 mb", Err("write `64MiB`"));
        check("1.5GiB", Err("a whole number with its unit"));
        check("512KiB", Err("out of range write a size from 1MiB to 1TiB"));
        check("99999999999TiB", Err("out of range"));
        check("much", Err("a whole number with its unit"));
        check("", Err("a whole number with its unit"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(bytes in any::<u64>()) {
            prop_assert_eq!(read_size(&scalar(&show_size(bytes)), 0, u64::MAX), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}|[0-9.]{0,30}(KiB|B|x)") {
            drop(read_size(&scalar(&text), 0, u64::MAX));
        }
    }
}
