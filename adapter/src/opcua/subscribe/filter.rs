//! The DataChangeFilter of a MonitoredItem, and what a server says that does not take it.

use opcua::types::{DataChangeFilter, DataChangeTrigger, DeadbandType, ExtensionObject, StatusCode};

use crate::config::effective::{Deadband, TagSubscription, Trigger};

/// The filter that a tag asks for; `None` where it asks for no more than every server does by itself.
pub(in crate::opcua) fn filter(subscription: &TagSubscription) -> Option<DataChangeFilter> {
    if subscription.trigger == Trigger::StatusValue && subscription.deadband.is_none() {
        return None;
    }
    // With the trigger Status a deadband has no meaning, and a server may take offence at it.
    let deadband = subscription.deadband.filter(|_| subscription.trigger != Trigger::Status);
    let (deadband_type, deadband_value) = match deadband {
        None => (DeadbandType::None, 0.0),
        Some(Deadband::Absolute(size)) => (DeadbandType::Absolute, size),
        Some(Deadband::Percent(share)) => (DeadbandType::Percent, share),
    };
    Some(DataChangeFilter {
        trigger: match subscription.trigger {
            Trigger::Status => DataChangeTrigger::Status,
            Trigger::StatusValue => DataChangeTrigger::StatusValue,
            Trigger::StatusValueTimestamp => DataChangeTrigger::StatusValueTimestamp,
        },
        deadband_type: deadband_type as u32,
        deadband_value,
    })
}

/// The filter as it travels.
pub(in crate::opcua) fn encoded(subscription: &TagSubscription) -> ExtensionObject {
    filter(subscription).map_or_else(ExtensionObject::null, ExtensionObject::from_message)
}

/// Whether the server takes the node, but not the filter.
pub(in crate::opcua) fn is_filter_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadMonitoredItemFilterUnsupported
            | StatusCode::BadMonitoredItemFilterInvalid
            | StatusCode::BadFilterNotAllowed
            | StatusCode::BadDeadbandFilterInvalid
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_a_server_s_own_way_is_asked_for() {
        let ask = |trigger, deadband| {
            let subscription = TagSubscription { trigger, deadband, ..TagSubscription::default() };
            filter(&subscription).map(|filter| (filter.trigger, filter.deadband_type, filter.deadband_value))
        };
        assert_eq!(ask(Trigger::StatusValue, None), None);
        assert!(encoded(&TagSubscription::default()).is_null());
        let (absolute, percent) = (Some(Deadband::Absolute(0.5)), Some(Deadband::Percent(2.0)));
        assert_eq!(ask(Trigger::StatusValue, absolute), Some((DataChangeTrigger::StatusValue, 1, 0.5)));
        assert_eq!(
            ask(Trigger::StatusValueTimestamp, percent),
            Some((DataChangeTrigger::StatusValueTimestamp, 2, 2.0))
        );
        assert_eq!(ask(Trigger::Status, absolute), Some((DataChangeTrigger::Status, 0, 0.0)));
    }
}
