//! From a value that has come to the ingress queue.

pub(in crate::opcua) mod clocks;
pub(in crate::opcua) mod conversion;
pub(in crate::opcua) mod deadband;
pub(in crate::opcua) mod grants;
pub(in crate::opcua) mod heartbeat;
pub(in crate::opcua) mod lost_nodes;
pub(in crate::opcua) mod overflows;
pub(in crate::opcua) mod refresh;
pub(in crate::opcua) mod shared;
pub(in crate::opcua) mod tag_table;
