//! `subscription:`: a tag's own over `defaults.tag` over `opcua`.

use std::{collections::BTreeSet, time::Duration};

use super::context::Context;
use crate::config::{
    effective::{Deadband, Discard, Mode, QueueSize, TagSubscription, Trigger},
    span::Span,
    view::View,
};

/// A node is not read more often than this.
const FASTEST_POLL: Duration = Duration::from_millis(10);

/// The layers below a tag's own section.
pub(super) struct SubscriptionLayers<'a> {
    below: Vec<View<'a>>,
    /// Places already complained about: what stands in a layer below is wrong for many tags, but only once.
    reported: BTreeSet<Span>,
}

impl<'a> SubscriptionLayers<'a> {
    /// Reads what stands under `defaults.tag` and `opcua`.
    pub(super) fn read(root: &View<'a>, context: &mut Context<'_>) -> Self {
        let of = |section: Option<View<'a>>| section.and_then(|section| section.section("subscription"));
        let defaults = of(root.section("defaults").and_then(|defaults| defaults.section("tag")));
        let below: Vec<View<'a>> = defaults.into_iter().chain(of(root.section("opcua"))).collect();
        for layer in &below {
            check_deadband(layer, context);
        }
        Self { below, reported: BTreeSet::new() }
    }

    /// The settings of a tag with this section of its own.
    pub(super) fn resolve(&mut self, own: View<'a>, context: &mut Context<'_>) -> Option<TagSubscription> {
        check_deadband(&own, context);
        let section = self.below.iter().fold(own, View::over);
        let publishing_interval = section.duration("publishing_interval")?;
        let sampling_interval = section.duration("sampling_interval")?;
        let queue_size = section.integer("server_queue_size");
        let subscription = TagSubscription {
            mode: if section.choice("mode")? == "poll" { Mode::Poll } else { Mode::Subscribe },
            publishing_interval,
            sampling_interval,
            queue_size: queue_size.map_or(QueueSize::Auto, QueueSize::Values),
            discard: if section.choice("discard")? == "newest" { Discard::Newest } else { Discard::Oldest },
            trigger: match section.choice("trigger")? {
                "status" => Trigger::Status,
                "status_value_timestamp" => Trigger::StatusValueTimestamp,
                _ => Trigger::StatusValue,
            },
            deadband: section.nearest_section("deadband").as_ref().and_then(deadband),
            heartbeat: section.none_or_duration("heartbeat"),
            stale_after: section.none_or_duration("stale_after"),
        };
        self.check_poll(&section, &subscription, context);
        self.check_stale(&section, &subscription, context);
        Some(subscription)
    }

    fn check_poll(&mut self, section: &View<'_>, subscription: &TagSubscription, context: &mut Context<'_>) {
        if !subscription.is_polled() || subscription.sampling_interval >= FASTEST_POLL {
            return;
        }
        let Some(entry) = section.entry("sampling_interval").or_else(|| section.entry("mode")) else { return };
        if self.reported.insert(entry.value.span) {
            context
                .report
                .error(
                    entry.value.span,
                    "with `mode: poll` the sampling interval is how often a node is read, 10ms at least",
                )
                .help("write `sampling_interval: 1s`, or leave `mode` out");
        }
    }

    fn check_stale(&mut self, section: &View<'_>, subscription: &TagSubscription, context: &mut Context<'_>) {
        let Some(stale_after) = subscription.stale_after else { return };
        let (key, interval) = match subscription.mode {
            Mode::Subscribe => {
                ("publishing_interval", subscription.publishing_interval.max(subscription.sampling_interval))
            }
            Mode::Poll => ("sampling_interval", subscription.sampling_interval),
        };
        let Some(entry) = section.entry("stale_after").filter(|_| stale_after <= interval) else { return };
        if self.reported.insert(entry.value.span) {
            context
                .report
                .warning(entry.value.span, "the tag is stale before its next value can come")
                .help(format!("make `stale_after` several times the tag's `{key}`"));
        }
    }
}

fn check_deadband(layer: &View<'_>, context: &mut Context<'_>) {
    const HELP: &str = "write `{ absolute: 0.05 }` in the value's own unit, or `{ percent: 1 }` of the node's EURange";
    let (Some(entry), Some(section)) = (layer.entry("deadband"), layer.nearest_section("deadband")) else { return };
    match (section.entry("absolute"), section.entry("percent")) {
        (Some(_), Some(second)) => {
            context.report.error(second.key_span, "`absolute` and `percent` exclude each other").help(HELP);
        }
        (None, None) if section.is_misspelt("absolute") || section.is_misspelt("percent") => {}
        (None, None) => {
            context.report.error(entry.key_span, "a deadband is `absolute`, in `percent` or `none`").help(HELP);
        }
        (Some(only), None) | (None, Some(only)) => {
            if section.number(&only.key) == Some(0.0) {
                context
                    .report
                    .error(only.value.span, "a deadband of 0 is none: every change is larger")
                    .help("write `deadband: none`, or a number above 0");
            }
        }
    }
}

fn deadband(section: &View<'_>) -> Option<Deadband> {
    let absolute = section.number("absolute").map(Deadband::Absolute);
    absolute.or_else(|| section.number("percent").map(Deadband::Percent))
}
