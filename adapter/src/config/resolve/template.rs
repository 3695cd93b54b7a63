//! Topics with `{adapter}`, `{tag}` and `{tag[0]}` in them.

use thiserror::Error;

use super::context::Context;
use crate::config::view::Text;
use crate::domain::{TopicFilter, TopicName};

/// Why a template gives no topic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum TemplateError {
    #[error("`{{{0}}}` is unknown; {{adapter}} {{tag}} {{tag[0]}} {{tag[-1]}} are known")]
    Unknown(String),
    #[error("`{{` and `}}` must pair, and only stand around {{adapter}} {{tag}} {{tag[0]}} {{tag[-1]}}")]
    Unpaired,
    #[error("there is no tag here that `{{{0}}}` could stand for")]
    NoTag(String),
    #[error(
        "the tag's name has {levels} levels, so there is no `{{tag[{index}]}}`; levels count from 0, or from -1 backwards"
    )]
    NoLevel { levels: usize, index: i64 },
}

/// A topic that can be published to; what is wrong with it goes into the report.
pub(super) fn topic(text: Text<'_>, adapter: &str, tag: Option<&str>, context: &mut Context<'_>) -> Option<TopicName> {
    let parsed = expand(text.value, adapter, tag).map(|expanded| TopicName::parse(&expanded));
    match parsed {
        Ok(Ok(topic)) => Some(topic),
        Ok(Err(error)) => {
            context.reject(
                text,
                "topic",
                error,
                "a topic is 1 to 65535 bytes of UTF-8 without `+`, `#`, control characters and noncharacters",
            );
            None
        }
        Err(error) => {
            context.reject(text, "topic", error, "placeholders are {adapter} {tag} {tag[0]} {tag[-1]}");
            None
        }
    }
}

/// A filter that can be subscribed to; what is wrong with it goes into the report.
pub(super) fn filter(text: Text<'_>, adapter: &str, tag: &str, context: &mut Context<'_>) -> Option<TopicFilter> {
    let expanded = match expand(text.value, adapter, Some(tag)) {
        Ok(expanded) => expanded,
        Err(error) => {
            context.reject(text, "topic filter", error, "placeholders are {adapter} {tag} {tag[0]} {tag[-1]}");
            return None;
        }
    };
    // A wildcard that a tag's name brings along was not meant as one.
    let wildcards = |text: &str| text.matches(['+', '#']).count();
    if wildcards(&expanded) > wildcards(text.value) {
        context.reject(
            text,
            "topic filter",
            "the tag's name brings a wildcard into it",
            "rename the tag, or write the filter out",
        );
        return None;
    }
    match TopicFilter::parse(&expanded) {
        Ok(filter) => Some(filter),
        Err(error) => {
            context.reject(
                text,
                "topic filter",
                error,
                "`+` stands for one level, `#` for all that follow, as in `machine/+/set`",
            );
            None
        }
    }
}

/// Replaces the placeholders.
pub(super) fn expand(text: &str, adapter: &str, tag: Option<&str>) -> Result<String, TemplateError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(TemplateError::Unpaired)?;
        if before.contains('}') || name.contains('{') {
            return Err(TemplateError::Unpaired);
        }
        expanded.push_str(before);
        expanded.push_str(&value_of(name, adapter, tag)?);
        rest = after;
    }
    if rest.contains('}') {
        return Err(TemplateError::Unpaired);
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value_of(name: &str, adapter: &str, tag: Option<&str>) -> Result<String, TemplateError> {
    if name == "adapter" {
        return Ok(adapter.to_owned());
    }
    let index = name.strip_prefix("tag[").and_then(|rest| rest.strip_suffix(']'));
    let index = index.map(str::parse::<i64>).transpose().map_err(|_| TemplateError::Unknown(short(name)))?;
    if index.is_none() && name != "tag" {
        return Err(TemplateError::Unknown(short(name)));
    }
    let tag = tag.ok_or_else(|| TemplateError::NoTag(short(name)))?;
    let Some(index) = index else { return Ok(tag.to_owned()) };
    let levels: Vec<&str> = tag.split('/').collect();
    let count = i64::try_from(levels.len()).unwrap_or(i64::MAX);
    let position = if index < 0 { index.saturating_add(count) } else { index };
    let level = usize::try_from(position).ok().and_then(|position| levels.get(position));
    level.map(|level| (*level).to_owned()).ok_or(TemplateError::NoLevel { levels: levels.len(), index })
}

fn short(name: &str) -> String {
    name.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text, "line1", Some("press/motor/speed")).as_deref(), Ok(expected));
    }

    #[track_caller]
    fn check_error(text: &str, expected: &TemplateError) {
        assert_eq!(expand(text, "line1", Some("press/motor/speed")).as_ref(), Err(expected));
    }

    #[test]
    fn placeholders_are_replaced() {
        check("a/b", "a/b");
        check("{adapter}/{tag}", "line1/press/motor/speed");
        check("x/{tag[0]}/{tag[-1]}", "x/press/speed");
        check("{tag[2]}{tag[-3]}", "speedpress");
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        check_error("{machine}", &TemplateError::Unknown("machine".to_owned()));
        check_error("{tag[x]}", &TemplateError::Unknown("tag[x]".to_owned()));
        check_error("{tag[3]}", &TemplateError::NoLevel { levels: 3, index: 3 });
        check_error("{tag[-4]}", &TemplateError::NoLevel { levels: 3, index: -4 });
        check_error("{tag", &TemplateError::Unpaired);
        check_error("tag}", &TemplateError::Unpaired);
        check_error("{{tag}}", &TemplateError::Unpaired);
        assert_eq!(expand("{tag}", "a", None), Err(TemplateError::NoTag("tag".to_owned())));
    }

    proptest! {
        #[test]
        fn no_template_panics(text in "(\\{|\\}|tag|adapter|\\[|\\]|-?[0-9]{1,20}|/|.){0,12}") {
            drop(expand(&text, "a", Some("b/c")));
        }
    }
}
