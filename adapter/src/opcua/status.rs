//! StatusCodes: OPC UA's own spelling, and the way between the library's type and ours.

use std::borrow::Cow;

use opcua::types::status_code::SubStatusCode;

use crate::domain::StatusCode;

/// The symbol of a StatusCode in OPC UA's own spelling, such as `Good` or `BadSensorFailure`, without its info bits;
/// `0xNNNNNNNN` for a code that has none.
pub fn status_symbol(status: StatusCode) -> Cow<'static, str> {
    match SubStatusCode::from_value(status.without_info_bits().0) {
        Some(code) if code != SubStatusCode::Invalid => Cow::Borrowed(code.name()),
        _ => Cow::Owned(format!("0x{:08X}", status.0)),
    }
}

/// Whether a StatusCode says that there is no value to be had from the node, rather than how good a value is.
pub(in crate::opcua) fn is_about_node(status: StatusCode) -> bool {
    use opcua::types::StatusCode as Code;
    matches!(
        Code::from(status.without_info_bits().0),
        Code::BadNodeIdUnknown
            | Code::BadNodeIdInvalid
            | Code::BadAttributeIdInvalid
            | Code::BadNotReadable
            | Code::BadUserAccessDenied
            | Code::BadSecurityModeInsufficient
    )
}

/// The library's StatusCode as ours.
pub(in crate::opcua) fn from_library(status: opcua::types::StatusCode) -> StatusCode {
    StatusCode(status.bits())
}

/// The symbol of one of the library's StatusCodes, as [`status_symbol`].
pub(in crate::opcua) fn library_symbol(status: opcua::types::StatusCode) -> Cow<'static, str> {
    status_symbol(from_library(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_in_opc_ua_spelling() {
        let check = |code: u32, expected: &str| assert_eq!(status_symbol(StatusCode(code)), expected);
        check(0, "Good");
        check(0x808C_0000, "BadSensorFailure");
        check(0x4090_0000, "UncertainLastUsableValue");
        check(0x8000_0000, "Bad");
        check(0x4000_0000, "Uncertain");
        check(0x0480, "Good");
        check(0x8034_0480, "BadNodeIdUnknown");
    }

    #[test]
    fn a_node_that_has_gone_is_told_from_a_bad_value() {
        assert!(is_about_node(StatusCode(0x8034_0480)), "info bits do not count");
        assert!(is_about_node(StatusCode(0x801F_0000)));
        assert!(!is_about_node(StatusCode(0x808C_0000)) && !is_about_node(StatusCode(0)));
    }

    #[test]
    fn unknown_codes_are_shown_as_they_are() {
        assert_eq!(status_symbol(StatusCode(0x8FFE_0480)), "0x8FFE0480");
        assert_eq!(status_symbol(StatusCode(u32::MAX)), "0xFFFFFFFF");
    }
}
