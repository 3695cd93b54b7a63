//! Values: from their bytes to a `TagValue`, and back to a Variant.

pub(in crate::opcua) mod attributes;
pub(in crate::opcua) mod bodies;
pub(in crate::opcua) mod bytes_form;
pub(in crate::opcua) mod notification;
pub(in crate::opcua) mod plain;
pub(in crate::opcua) mod raw;
pub(in crate::opcua) mod reader;
pub(in crate::opcua) mod skip;
pub(in crate::opcua) mod structure;
pub(in crate::opcua) mod supertypes;
#[cfg(test)]
mod test_support;
pub(in crate::opcua) mod time;
pub(in crate::opcua) mod variant;
