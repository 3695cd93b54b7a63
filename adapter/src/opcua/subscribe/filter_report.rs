//! What is said of filters that are applied elsewhere than one may think.

use tracing::{info, warn};

use crate::opcua::{
    intake::grants::{FilterPlace, TagGrants},
    subscribe::item::Item,
};
use crate::{config::effective::Tag, domain::TagId};

/// Tags that a warning names; the others are counted.
const MOST_NAMED: usize = 10;

/// Says where trigger and deadband of items are applied whose filter the server refuses.
pub(in crate::opcua) fn refused(tags: &[Tag], items: &[Item]) {
    let with = |place| items.iter().filter(move |item| item.filter.place == place);
    let here = with(FilterPlace::Here).count();
    if here > 0 {
        info!(tags = here, "the server refuses the filter of these tags; it is applied here");
    }
    let name = |item: &Item| tags[item.tag.index()].name.to_string();
    let without_time: Vec<String> = with(FilterPlace::NoTimestamps).map(name).collect();
    if !without_time.is_empty() {
        warn!(
            tags = without_time.len(),
            names = without_time[..without_time.len().min(MOST_NAMED)].join(", "),
            "the server refuses the trigger `status_value_timestamp` of these tags, so a timestamp that changes alone does not come; `mode: poll` sees it"
        );
    }
}

/// Says once of each of these tags that a deadband is not for it.
pub(in crate::opcua) fn no_numbers(tags: &[Tag], grants: &TagGrants, found: &[TagId]) {
    let news: Vec<_> = found.iter().filter(|tag| grants.is_first_told(**tag)).collect();
    if let Some(first) = news.first() {
        let example = &tags[first.index()];
        warn!(
            tags = news.len(),
            example = %example.name,
            line = example.line,
            "a deadband is for numbers, and the values of these tags are none, so every change is sent; `deadband: none` says that this is meant"
        );
    }
}
