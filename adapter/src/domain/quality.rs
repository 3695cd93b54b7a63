//! OPC UA's StatusCode, which says how far a value can be trusted.

/// A StatusCode as it travels on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusCode(pub u32);

/// The two top bits of a StatusCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The value can be used.
    Good,
    /// The value can be used with care.
    Uncertain,
    /// The value cannot be used.
    Bad,
}

impl StatusCode {
    /// Good, without any further information.
    pub const GOOD: Self = Self(0);

    /// Marks that the bits below describe a DataValue (InfoType 01).
    const INFO_TYPE_DATA_VALUE: u32 = 0x0400;
    const INFO_TYPE_MASK: u32 = 0x0C00;
    const OVERFLOW: u32 = 0x0080;

    /// The severity; the reserved pattern 11 counts as bad.
    pub const fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Good,
            1 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    /// Whether the severity is good.
    pub const fn is_good(self) -> bool {
        matches!(self.severity(), Severity::Good)
    }

    /// Whether the server dropped values of this MonitoredItem from its queue before this one.
    pub const fn has_overflow(self) -> bool {
        self.0 & Self::INFO_TYPE_MASK == Self::INFO_TYPE_DATA_VALUE && self.0 & Self::OVERFLOW != 0
    }

    /// The code without its info bits: what has a symbol.
    #[must_use]
    pub const fn without_info_bits(self) -> Self {
        Self(self.0 & 0xFFFF_0000)
    }
}

impl Severity {
    /// The severity in lower case, as metrics label it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Uncertain => "uncertain",
            Self::Bad => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_bits_are_the_severity() {
        assert_eq!(StatusCode::GOOD.severity(), Severity::Good);
        assert_eq!(StatusCode(0x4090_0000).severity(), Severity::Uncertain);
        assert_eq!(StatusCode(0x808C_0000).severity(), Severity::Bad);
        assert_eq!(StatusCode(0xC000_0000).severity(), Severity::Bad);
    }

    #[test]
    fn overflow_needs_the_data_value_info_type() {
        assert!(StatusCode(0x0480).has_overflow());
        assert!(!StatusCode(0x0080).has_overflow());
        assert!(!StatusCode(0x0400).has_overflow());
        assert_eq!(StatusCode(0x808C_0480).without_info_bits(), StatusCode(0x808C_0000));
    }
}
