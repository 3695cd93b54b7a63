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

/// The library's StatusCode as ours.
pub(in crate::opcua) fn from_library(status: opcua::types::StatusCode) -> StatusCode {
    StatusCode(status.bits())
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
    fn unknown_codes_are_shown_as_they_are() {
        assert_eq!(status_symbol(StatusCode(0x8FFE_0480)), "0x8FFE0480");
        assert_eq!(status_symbol(StatusCode(u32::MAX)), "0xFFFFFFFF");
    }
}
