//! The DataChangeFilter of a MonitoredItem, and what a server says that does not take it.

use opcua::types::{DataChangeFilter, DataChangeTrigger, DeadbandType, StatusCode};

use crate::config::effective::{Deadband, TagSubscription, Trigger};
use crate::opcua::{intake::grants::FilterPlace, session::ask::Values, status};

/// What the server is asked to filter, and what becomes of the rest.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::opcua) struct Filter {
    /// `None` where no more is asked for than every server does by itself.
    pub(in crate::opcua) asked: Option<DataChangeFilter>,
    pub(in crate::opcua) place: FilterPlace,
}

/// The filter that a tag asks for whose node has such values. A deadband is for numbers alone (Part 8, 6.2), and one of
/// an array is applied here: some servers take it and are silent from then on.
pub(in crate::opcua) fn filter(subscription: &TagSubscription, values: Values) -> Filter {
    // With the trigger Status a deadband has no meaning, and a server may take offence at it.
    let deadband = subscription.deadband.filter(|_| subscription.trigger != Trigger::Status);
    match (deadband, values) {
        (None, _) => Filter { asked: asked(subscription.trigger, None), place: FilterPlace::Server },
        (deadband, Values::Number) => {
            Filter { asked: asked(subscription.trigger, deadband), place: FilterPlace::Server }
        }
        (_, Values::NoNumber) => Filter { asked: asked(subscription.trigger, None), place: FilterPlace::NoNumber },
        // With a deadband the timestamp does not count, so that the server's own way is right.
        (_, Values::Numbers | Values::Unknown) => Filter { asked: None, place: FilterPlace::Here },
    }
}

/// Whether it depends on the node's values what is asked for.
pub(in crate::opcua) fn has_deadband(subscription: &TagSubscription) -> bool {
    subscription.deadband.is_some() && subscription.trigger != Trigger::Status
}

/// Where trigger and deadband are applied when the server refuses the filter. A timestamp that changes alone comes
/// only from a server that was asked for it.
pub(in crate::opcua) fn place_without(subscription: &TagSubscription, place: FilterPlace) -> FilterPlace {
    let counts_time = subscription.trigger == Trigger::StatusValueTimestamp;
    match place {
        FilterPlace::NoNumber if counts_time => FilterPlace::NoTimestamps,
        FilterPlace::Server if counts_time && subscription.deadband.is_none() => FilterPlace::NoTimestamps,
        FilterPlace::NoNumber => FilterPlace::NoNumber,
        _ => FilterPlace::Here,
    }
}

fn asked(trigger: Trigger, deadband: Option<Deadband>) -> Option<DataChangeFilter> {
    if trigger == Trigger::StatusValue && deadband.is_none() {
        return None;
    }
    let (deadband_type, deadband_value) = match deadband {
        None => (DeadbandType::None, 0.0),
        Some(Deadband::Absolute(size)) => (DeadbandType::Absolute, size),
        Some(Deadband::Percent(share)) => (DeadbandType::Percent, share),
    };
    Some(DataChangeFilter {
        trigger: match trigger {
            Trigger::Status => DataChangeTrigger::Status,
            Trigger::StatusValue => DataChangeTrigger::StatusValue,
            Trigger::StatusValueTimestamp => DataChangeTrigger::StatusValueTimestamp,
        },
        deadband_type: deadband_type as u32,
        deadband_value,
    })
}

/// Whether the server may take the node without the filter: servers refuse filters with many codes, so that only those
/// that speak of the node, or of room, say that it will not.
pub(in crate::opcua) fn may_be_of_filter(status: StatusCode) -> bool {
    !status::is_about_node(status::from_library(status))
        && !matches!(status, StatusCode::BadTooManyMonitoredItems | StatusCode::BadOutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(trigger: Trigger, deadband: Option<Deadband>) -> TagSubscription {
        TagSubscription { trigger, deadband, ..TagSubscription::default() }
    }

    #[test]
    fn only_what_differs_from_a_server_s_own_way_is_asked_for() {
        let ask = |trigger, deadband| {
            let asked = filter(&with(trigger, deadband), Values::Number).asked;
            asked.map(|filter| (filter.trigger, filter.deadband_type, filter.deadband_value))
        };
        assert_eq!(ask(Trigger::StatusValue, None), None);
        let (absolute, percent) = (Some(Deadband::Absolute(0.5)), Some(Deadband::Percent(2.0)));
        assert_eq!(ask(Trigger::StatusValue, absolute), Some((DataChangeTrigger::StatusValue, 1, 0.5)));
        assert_eq!(
            ask(Trigger::StatusValueTimestamp, percent),
            Some((DataChangeTrigger::StatusValueTimestamp, 2, 2.0))
        );
        assert_eq!(ask(Trigger::Status, absolute), Some((DataChangeTrigger::Status, 0, 0.0)));
    }

    #[test]
    fn a_deadband_is_asked_only_for_a_number() {
        let absolute = Some(Deadband::Absolute(0.5));
        let of = |trigger, values| {
            let Filter { asked, place } = filter(&with(trigger, absolute), values);
            (asked.map(|filter| (filter.trigger, filter.deadband_type)), place)
        };
        let time = DataChangeTrigger::StatusValueTimestamp;
        assert_eq!(of(Trigger::StatusValue, Values::NoNumber), (None, FilterPlace::NoNumber));
        assert_eq!(of(Trigger::StatusValueTimestamp, Values::NoNumber), (Some((time, 0)), FilterPlace::NoNumber));
        for values in [Values::Numbers, Values::Unknown] {
            assert_eq!(of(Trigger::StatusValue, values), (None, FilterPlace::Here));
            assert_eq!(of(Trigger::StatusValueTimestamp, values), (None, FilterPlace::Here));
        }
        assert!(!has_deadband(&with(Trigger::Status, absolute)) && has_deadband(&with(Trigger::StatusValue, absolute)));
    }

    #[test]
    fn a_timestamp_that_the_server_does_not_watch_is_watched_nowhere() {
        let place = |trigger, deadband, place| place_without(&with(trigger, deadband), place);
        let absolute = Some(Deadband::Absolute(0.5));
        let time = Trigger::StatusValueTimestamp;
        assert_eq!(place(time, None, FilterPlace::Server), FilterPlace::NoTimestamps);
        assert_eq!(place(time, absolute, FilterPlace::NoNumber), FilterPlace::NoTimestamps);
        assert_eq!(place(time, absolute, FilterPlace::Server), FilterPlace::Here);
        assert_eq!(place(Trigger::Status, None, FilterPlace::Server), FilterPlace::Here);
        assert_eq!(place(Trigger::StatusValue, absolute, FilterPlace::Server), FilterPlace::Here);
    }

    #[test]
    fn any_code_that_does_not_speak_of_the_node_may_be_of_the_filter() {
        for status in [
            StatusCode::BadMonitoredItemFilterUnsupported,
            StatusCode::BadFilterNotAllowed,
            StatusCode::BadInvalidArgument,
            StatusCode::BadInternalError,
            StatusCode::Bad,
        ] {
            assert!(may_be_of_filter(status), "{status}");
        }
        for status in [
            StatusCode::BadNodeIdUnknown,
            StatusCode::BadAttributeIdInvalid,
            StatusCode::BadNotReadable,
            StatusCode::BadUserAccessDenied,
            StatusCode::BadTooManyMonitoredItems,
        ] {
            assert!(!may_be_of_filter(status), "{status}");
        }
    }
}
