//! One session for a person who looks: browse, read, inspect, try.

pub(in crate::opcua) mod browse;
pub(in crate::opcua) mod explorer;
pub(in crate::opcua) mod inspect;
pub(in crate::opcua) mod trial;
