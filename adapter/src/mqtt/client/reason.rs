//! MQTT 5 reason codes: what each means for the message, in the words of the standard.

use rumqttc::v5::mqttbytes::v5::{PubAckReason, SubscribeReasonCode};

use crate::mqtt::window::Answer;

/// What a PUBACK says about its message.
pub(super) const fn answer(reason: PubAckReason) -> Answer {
    match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Answer::Accepted,
        PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::PacketIdentifierInUse => Answer::RefusedForNow,
        PubAckReason::QuotaExceeded => Answer::Postponed,
        PubAckReason::NotAuthorized | PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid => {
            Answer::RefusedForGood
        }
    }
}

/// A PUBACK's reason for people.
pub(super) const fn publish_words(reason: PubAckReason) -> &'static str {
    match reason {
        PubAckReason::Success => "success",
        PubAckReason::NoMatchingSubscribers => "no matching subscribers",
        PubAckReason::UnspecifiedError => "unspecified error",
        PubAckReason::ImplementationSpecificError => "implementation specific error",
        PubAckReason::NotAuthorized => "not authorized",
        PubAckReason::TopicNameInvalid => "topic name invalid",
        PubAckReason::PacketIdentifierInUse => "packet identifier in use",
        PubAckReason::QuotaExceeded => "quota exceeded",
        PubAckReason::PayloadFormatInvalid => "payload format invalid",
    }
}

/// Why a SUBACK refuses a filter; `None` when it does not.
pub(super) const fn subscribe_refusal(reason: SubscribeReasonCode) -> Option<&'static str> {
    match reason {
        SubscribeReasonCode::Success(_) => None,
        SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified => Some("unspecified error"),
        SubscribeReasonCode::ImplementationSpecific => Some("implementation specific error"),
        SubscribeReasonCode::NotAuthorized => Some("not authorized"),
        SubscribeReasonCode::TopicFilterInvalid => Some("topic filter invalid"),
        SubscribeReasonCode::PkidInUse => Some("packet identifier in use"),
        SubscribeReasonCode::QuotaExceeded => Some("quota exceeded"),
        SubscribeReasonCode::SharedSubscriptionsNotSupported => Some("shared subscriptions not supported"),
        SubscribeReasonCode::SubscriptionIdNotSupported => Some("subscription identifiers not supported"),
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => Some("wildcard subscriptions not supported"),
    }
}
