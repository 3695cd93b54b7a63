//! `features:`, and the tags that they are made of.

use tagwise_model::{FeatureError, FeatureSpec, Features, Statistic};

use super::{context::Context, tags::Tags};
use crate::{
    config::{
        span::Span,
        suggest::{any_of, did_you_mean},
        view::{Text, View},
    },
    domain::TagId,
};

/// The keys besides `kind`, and the kinds of feature that they go with.
const KEYS: [(&str, &[&str]); 8] = [
    ("tag", &["value", "window", "difference", "bands"]),
    ("size", &["window", "bands"]),
    ("statistics", &["window"]),
    ("lag", &["difference"]),
    ("count", &["bands"]),
    ("hop", &["bands"]),
    ("slots", &["time_of_day"]),
    ("utc_offset", &["time_of_day"]),
];
/// Minutes in a day.
const DAY: i32 = 24 * 60;

/// What a model sees of the mapping's tag and of others.
#[derive(Debug, Default)]
pub(super) struct ReadFeatures {
    pub(super) features: Features,
    /// Behind the further inputs; the first input is the mapping's own tag.
    pub(super) inputs: Vec<TagId>,
}

/// Reads the features of a model; `None` when something has been complained about.
pub(super) fn read(model: &View<'_>, tags: &Tags<'_>, context: &mut Context<'_>) -> Option<ReadFeatures> {
    let mut inputs = Vec::new();
    let mut specs = Vec::new();
    let mut is_whole = true;
    let entries = model.list("features");
    for (span, view) in &entries {
        match feature(*span, view, tags, &mut inputs, context) {
            Some(spec) => specs.push(spec),
            None => is_whole = false,
        }
    }
    if !is_whole {
        return None;
    }
    match Features::new(specs) {
        // The value itself, said or unsaid, is the same.
        Ok(features) if features.is_identity() && inputs.is_empty() => Some(ReadFeatures::default()),
        Ok(features) => Some(ReadFeatures { features, inputs }),
        Err(error) => {
            report(&error, &entries, model, context);
            None
        }
    }
}

/// The model's error counts entries; here they have places.
fn report(error: &FeatureError, entries: &[(Span, View<'_>)], model: &View<'_>, context: &mut Context<'_>) {
    const HELP: &str = "mappings/reference.yaml shows every kind of feature";
    let text = error.to_string();
    let counted = text.strip_prefix("features[").and_then(|rest| rest.split_once(']'));
    let entry = counted.and_then(|(number, rest)| Some((entries.get(number.parse::<usize>().ok()?)?, rest)));
    if let Some(((span, view), rest)) = entry {
        let key = match error {
            FeatureError::OutOfRange { key, .. } => view.entry(key),
            FeatureError::NotAPowerOfTwo { .. } => view.entry("size"),
            FeatureError::RepeatedStatistic { .. } => view.entry("statistics"),
            _ => None,
        };
        let place = key.map_or(*span, |entry| entry.value.span);
        let message = rest.strip_prefix(": ").map_or_else(|| format!("this feature{rest}"), str::to_owned);
        context.report.error(place, message).help(HELP);
    } else if let Some(entry) = model.entry("features") {
        context.report.error(entry.key_span, text).help(HELP);
    }
}

fn feature(
    span: Span,
    view: &View<'_>,
    tags: &Tags<'_>,
    inputs: &mut Vec<TagId>,
    context: &mut Context<'_>,
) -> Option<FeatureSpec> {
    let kind = view.choice("kind")?;
    stray_keys(kind, view, context)?;
    let size = || view.integer::<usize>("size");
    if matches!(kind, "window" | "bands") && !view.has("size") {
        context
            .report
            .error(span, format!("`size` is missing for the feature `{kind}`"))
            .help(format!("write `{{ kind: {kind}, size: 64, … }}`"));
        return None;
    }
    let input = input(view, tags, inputs, context)?;
    Some(match kind {
        "window" => FeatureSpec::Window { input, size: size()?, statistics: statistics(span, view, context)? },
        "difference" => FeatureSpec::Difference { input, lag: view.integer("lag")? },
        "bands" => {
            let hop = if view.has("hop") { view.integer("hop")? } else { (size()? / 2).max(1) };
            FeatureSpec::Bands { input, size: size()?, count: view.integer("count")?, hop }
        }
        "time_of_day" => FeatureSpec::TimeOfDay {
            slots: view.integer("slots")?,
            utc_offset_minutes: utc_offset(view.text("utc_offset"), context)?,
        },
        _ => FeatureSpec::Value { input },
    })
}

fn stray_keys(kind: &str, view: &View<'_>, context: &mut Context<'_>) -> Option<()> {
    let mut is_clean = true;
    for (key, homes) in KEYS.iter().filter(|(_, homes)| !homes.contains(&kind)) {
        let Some(entry) = view.entry(key) else { continue };
        let message = format!("`{key}` goes with {}, not with `{kind}`", any_of(homes.iter().copied()));
        context.report.error(entry.key_span, message).help("remove it, or correct the kind of feature");
        is_clean = false;
    }
    is_clean.then_some(())
}

/// Position among the inputs: 0 is the mapping's own tag.
fn input(view: &View<'_>, tags: &Tags<'_>, inputs: &mut Vec<TagId>, context: &mut Context<'_>) -> Option<usize> {
    if !view.has("tag") {
        return Some(0);
    }
    let tag = tags.find(view.text("tag")?, context)?;
    let known = inputs.iter().position(|input| *input == tag);
    Some(
        1 + known.unwrap_or_else(|| {
            inputs.push(tag);
            inputs.len() - 1
        }),
    )
}

fn statistics(span: Span, view: &View<'_>, context: &mut Context<'_>) -> Option<Vec<Statistic>> {
    let texts = view.texts("statistics");
    let names = || Statistic::all().into_iter().map(Statistic::name);
    if texts.is_empty() {
        context
            .report
            .error(span, "`statistics` is missing for the feature `window`")
            .help(format!("name some of {}", any_of(names())));
        return None;
    }
    let mut statistics = Vec::new();
    let mut is_whole = true;
    for text in texts {
        let found = Statistic::all().into_iter().find(|statistic| statistic.name().eq_ignore_ascii_case(text.value));
        if let Some(statistic) = found {
            statistics.push(statistic);
            continue;
        }
        let shown = context.show(text);
        let meant = if text.scalar.is_interpolated { None } else { did_you_mean(text.value, names()) };
        let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
        let help = format!("statistics are {}", any_of(names()));
        context.report.error(text.span, format!("unknown statistic {shown}{guess}")).help(help);
        is_whole = false;
    }
    is_whole.then_some(statistics)
}

/// `+01:00` in minutes.
fn utc_offset(text: Option<Text<'_>>, context: &mut Context<'_>) -> Option<i32> {
    // Without the key its default counts, which is none.
    let Some(text) = text else { return Some(0) };
    let minutes = parse_offset(text.value);
    if minutes.is_none() {
        context.reject(
            text,
            "offset from UTC",
            "it is written like `+01:00` or `-05:30`",
            "write `utc_offset: \"+01:00\"`",
        );
    }
    minutes
}

fn parse_offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<i32>().ok())?
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let offset = 60 * hours + minutes;
    (minutes < 60 && offset <= DAY).then_some(sign * offset)
}

/// Minutes as `+01:00`.
pub(in crate::config) fn show_offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_and_written() {
        let check = |text: &str, expected: Option<i32>| assert_eq!(parse_offset(text), expected, "{text}");
        check("+01:00", Some(60));
        check("-05:30", Some(-330));
        check("+24:00", Some(1440));
        check("+24:01", None);
        check("+01:60", None);
        check("01:00", None);
        check("+1:00", None);
        check("+0100", None);
        check("é1:00", None);
        for minutes in [-1440, -330, -1, 0, 59, 60, 1440] {
            assert_eq!(parse_offset(&show_offset(minutes)), Some(minutes));
        }
    }
}
