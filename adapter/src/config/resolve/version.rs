//! What a mapping asks for and MQTT 3.1.1 cannot carry.

use std::collections::BTreeSet;

use super::context::Context;
use crate::config::{
    effective::{BrokerConfig, ProtocolVersion},
    span::Span,
    view::View,
};

/// Keys of a northbound mapping that MQTT 3.1.1 has no place for, each with what becomes of it.
const LOST: [(&str, &str, &str); 3] = [
    (
        "mqtt_user_properties",
        "MQTT 3.1.1 has no user properties, so these are not sent",
        "use `protocol_version: \"5\"`, or put what they say into the topic",
    ),
    (
        "content_type",
        "MQTT 3.1.1 has no content type, so it is not sent",
        "use `protocol_version: \"5\"`, or remove it",
    ),
    (
        "anomaly_user_properties",
        "MQTT 3.1.1 has no user properties, so score and label stand in the payload only",
        "use `protocol_version: \"5\"`, or write `anomaly_user_properties: never`",
    ),
];

/// Warns once per key, however many mappings take it over from `defaults` or a group.
#[derive(Default)]
pub(super) struct Losses {
    told: BTreeSet<Span>,
}

impl Losses {
    /// Says what of a northbound mapping does not reach its broker.
    pub(super) fn check(&mut self, view: &View<'_>, broker: &BrokerConfig, context: &mut Context<'_>) {
        if broker.protocol_version == ProtocolVersion::V5 {
            return;
        }
        for (key, message, help) in LOST {
            let is_wanted = key != "anomaly_user_properties" || view.choice(key) != Some("never");
            if let Some(entry) = view.entry(key)
                && is_wanted
                && self.told.insert(entry.key_span)
            {
                context.report.warning(entry.key_span, message).help(help);
            }
        }
        if let Some(entry) = view.entry("message_expiry_interval")
            && self.told.insert(entry.key_span)
        {
            context
                .report
                .note(
                    entry.key_span,
                    "by MQTT 3.1.1 a message expires as long as it is here, but no longer at the broker",
                )
                .help("use `protocol_version: \"5\"` if the broker is to drop it as well");
        }
    }
}

/// A broker that speaks MQTT 3.1.1 sends its retained commands anew for each subscription, and shows the retain bit on
/// no others.
pub(super) fn check_retained(southbound: &View<'_>, broker: &BrokerConfig, context: &mut Context<'_>) {
    if broker.protocol_version == ProtocolVersion::V311
        && southbound.boolean("accept_retained")
        && let Some(entry) = southbound.entry("accept_retained")
    {
        context
            .report
            .error(entry.key_span, "by MQTT 3.1.1 the broker would repeat a retained command at each new connection")
            .help(
                "remove it: what is published with the retain bit while we are connected is taken anyway; or use \
                 `protocol_version: \"5\"`",
            );
    }
}
