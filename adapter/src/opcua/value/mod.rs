//! Values: from their bytes to a `TagValue`, and back to a Variant.

pub(in crate::opcua) mod bytes_form;
pub(in crate::opcua) mod reader;
pub(in crate::opcua) mod structure;
pub(in crate::opcua) mod variant;
