//! MQTT 5 reason codes, in the words of the standard.

use std::fmt;

/// One MQTT 5 reason code. Those of MQTT 3.1.1 are translated to it, and unknown ones are kept as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::mqtt) struct Reason(pub(in crate::mqtt) u8);

macro_rules! reasons {
    ($($name:ident = $code:literal, $words:literal;)*) => {
        #[expect(dead_code, reason = "the table is whole, whoever uses what of it")]
        impl Reason {
            $(#[doc = $words] pub(in crate::mqtt) const $name: Self = Self($code);)*

            /// What the standard calls it, in lower case; `None` for what is not listed here.
            pub(in crate::mqtt) const fn words(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($words),)*
                    _ => None,
                }
            }
        }
    };
}

// MQTT 5.0, table 2-6.
reasons! {
    SUCCESS = 0x00, "success";
    NO_MATCHING_SUBSCRIBERS = 0x10, "no matching subscribers";
    UNSPECIFIED = 0x80, "unspecified error";
    MALFORMED_PACKET = 0x81, "malformed packet";
    PROTOCOL_ERROR = 0x82, "protocol error";
    IMPLEMENTATION_SPECIFIC = 0x83, "implementation specific error";
    UNSUPPORTED_PROTOCOL_VERSION = 0x84, "unsupported protocol version";
    CLIENT_ID_NOT_VALID = 0x85, "client identifier not valid";
    BAD_USER_NAME_OR_PASSWORD = 0x86, "bad user name or password";
    NOT_AUTHORIZED = 0x87, "not authorized";
    SERVER_UNAVAILABLE = 0x88, "server unavailable";
    SERVER_BUSY = 0x89, "server busy";
    BANNED = 0x8A, "banned";
    SERVER_SHUTTING_DOWN = 0x8B, "server shutting down";
    BAD_AUTHENTICATION_METHOD = 0x8C, "bad authentication method";
    KEEP_ALIVE_TIMEOUT = 0x8D, "keep alive timeout";
    SESSION_TAKEN_OVER = 0x8E, "session taken over";
    TOPIC_FILTER_INVALID = 0x8F, "topic filter invalid";
    TOPIC_NAME_INVALID = 0x90, "topic name invalid";
    PACKET_ID_IN_USE = 0x91, "packet identifier in use";
    RECEIVE_MAXIMUM_EXCEEDED = 0x93, "receive maximum exceeded";
    TOPIC_ALIAS_INVALID = 0x94, "topic alias invalid";
    PACKET_TOO_LARGE = 0x95, "packet too large";
    MESSAGE_RATE_TOO_HIGH = 0x96, "message rate too high";
    QUOTA_EXCEEDED = 0x97, "quota exceeded";
    ADMINISTRATIVE_ACTION = 0x98, "administrative action";
    PAYLOAD_FORMAT_INVALID = 0x99, "payload format invalid";
    RETAIN_NOT_SUPPORTED = 0x9A, "retain not supported";
    QOS_NOT_SUPPORTED = 0x9B, "QoS not supported";
    USE_ANOTHER_SERVER = 0x9C, "use another server";
    SERVER_MOVED = 0x9D, "server moved";
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E, "shared subscriptions not supported";
    CONNECTION_RATE_EXCEEDED = 0x9F, "connection rate exceeded";
    MAXIMUM_CONNECT_TIME = 0xA0, "maximum connect time";
    SUBSCRIPTION_IDS_NOT_SUPPORTED = 0xA1, "subscription identifiers not supported";
    WILDCARDS_NOT_SUPPORTED = 0xA2, "wildcard subscriptions not supported";
}

impl Reason {
    /// Whether it says no.
    pub(in crate::mqtt) const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// What a CONNACK says. The return codes of MQTT 3.1.1 also come to a client of MQTT 5, from a broker that does not
    /// speak it.
    pub(super) const fn of_connack(code: u8) -> Self {
        match code {
            1 => Self::UNSUPPORTED_PROTOCOL_VERSION,
            2 => Self::CLIENT_ID_NOT_VALID,
            3 => Self::SERVER_UNAVAILABLE,
            4 => Self::BAD_USER_NAME_OR_PASSWORD,
            5 => Self::NOT_AUTHORIZED,
            code => Self(code),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => write!(formatter, "{words} (0x{:02X})", self.0),
            None => write!(formatter, "reason 0x{:02X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_in_the_words_of_the_standard_and_with_its_number() {
        assert_eq!(Reason::NOT_AUTHORIZED.to_string(), "not authorized (0x87)");
        assert_eq!(Reason::SUCCESS.to_string(), "success (0x00)");
        assert_eq!(Reason(0xC3).to_string(), "reason 0xC3");
        assert_eq!(Reason(0x04).to_string(), "reason 0x04");
    }

    #[test]
    fn from_0x80_it_is_a_no() {
        assert!(!Reason::NO_MATCHING_SUBSCRIBERS.is_error() && !Reason(0x7F).is_error());
        assert!(Reason::UNSPECIFIED.is_error() && Reason(0xFF).is_error());
    }
}
