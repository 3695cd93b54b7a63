//! Guesses what was meant.

/// The candidate that `word` was most likely meant to be: the same but for case, `_` and `-` (Edge's `maxQos` for
/// `max_qos`), or a few letters away.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words cost time and are never misspelt names.
    const MAX_LENGTH: usize = 100;
    if word.is_empty() || word.len() > MAX_LENGTH {
        return None;
    }
    let normalised = normalise(word);
    let allowed = normalised.chars().count().div_ceil(3).min(4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_LENGTH)
        .map(|candidate| (strsim::damerau_levenshtein(&normalised, &normalise(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn normalise(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// `a, b or c`
pub(super) fn any_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.into_iter().collect();
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        Some(only) => only.to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(did_you_mean(word, ["max_qos", "topic", "tag_name", "include_timestamp", "vibration"]), expected);
    }

    #[test]
    fn what_is_near_is_offered_and_what_is_far_is_not() {
        check("maxQoS", Some("max_qos"));
        check("tagName", Some("tag_name"));
        check("vibraton", Some("vibration"));
        check("include_timestamps", Some("include_timestamp"));
        check("topci", Some("topic"));
        check("publishing_interval", None);
        check("", None);
    }
}
