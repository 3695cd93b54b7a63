//! What a server takes: what the mapping says, else what is known of servers of its kind, else what it declares.

use opcua::types::{AttributeId, DataValue, NodeId, VariableId, Variant};

use crate::config::effective::{OpcUaConfig, OpcUaLimits, ServerProfile};
use crate::opcua::session::services::Services;

/// The limits of the server of a session; `None` where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct OperationLimits {
    /// `MaxNodesPerRead`.
    pub(in crate::opcua) nodes_per_read: Option<u32>,
    /// `MaxMonitoredItemsPerCall`.
    pub(in crate::opcua) monitored_items_per_call: Option<u32>,
    /// `MaxMonitoredItemsPerSubscription`.
    pub(in crate::opcua) monitored_items_per_subscription: Option<u32>,
}

/// A server's limits and what they were taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::opcua) struct ServerLimits {
    pub(in crate::opcua) operations: OperationLimits,
    /// The kind of server, chosen or recognised.
    pub(in crate::opcua) profile: Option<ServerProfile>,
    /// What the server calls itself, for the log.
    pub(in crate::opcua) product: String,
}

/// Asks the server what it is and what it takes. All of that is optional: a server that tells nothing has no limits
/// until it refuses a call.
pub(in crate::opcua) async fn read(services: &Services, config: &OpcUaConfig) -> ServerLimits {
    let nodes = [
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        VariableId::Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
        VariableId::Server_ServerStatus_BuildInfo_ManufacturerName,
        VariableId::Server_ServerStatus_BuildInfo_ProductName,
        VariableId::Server_ServerStatus_BuildInfo_ProductUri,
    ];
    let nodes = nodes.map(|node| (NodeId::from(node), AttributeId::Value));
    let values = services.read(&nodes).await.unwrap_or_default();
    let declared = OperationLimits {
        nodes_per_read: limit(values.first()),
        monitored_items_per_call: limit(values.get(1)),
        monitored_items_per_subscription: limit(values.get(2)),
    };
    let names: Vec<String> = values.iter().skip(3).filter_map(text).filter(|name| !name.is_empty()).collect();
    let product = names.join(" ");
    let profile = config.profile.or_else(|| recognise(&product));
    let operations = merge(&config.limits, profile.map(of_profile), declared);
    ServerLimits { operations, profile, product }
}

/// 0 means that there is no limit.
fn limit(value: Option<&DataValue>) -> Option<u32> {
    match value?.value {
        Some(Variant::UInt32(limit)) if limit > 0 => Some(limit),
        _ => None,
    }
}

fn text(value: &DataValue) -> Option<String> {
    match &value.value {
        Some(Variant::String(text)) => text.value().as_deref().map(|text| text.chars().take(200).collect()),
        _ => None,
    }
}

/// The kind of server by the names it gives itself.
fn recognise(product: &str) -> Option<ServerProfile> {
    const NAMES: [(&str, ServerProfile); 8] = [
        ("s7-1200", ServerProfile::S71200),
        ("s7-1500", ServerProfile::S71500),
        ("s7_1200", ServerProfile::S71200),
        ("s7_1500", ServerProfile::S71500),
        ("kepserverex", ServerProfile::Kepware),
        ("kepware", ServerProfile::Kepware),
        ("ignition", ServerProfile::Ignition),
        ("prosys", ServerProfile::Prosys),
    ];
    let product = product.to_lowercase();
    NAMES.iter().find(|(name, _)| product.contains(name)).map(|(_, profile)| *profile)
}

/// What servers of a kind take without trouble, which is less than what some of them declare: an S7-1200 declares 1,000
/// items a call and is fifty times slower beyond 200. The figures are those that benthos-umh's users arrived at; Ignition,
/// which works on 64 operations at once, gets a cautious one of ours.
fn of_profile(profile: ServerProfile) -> OperationLimits {
    let (batch, items_per_subscription) = match profile {
        ServerProfile::S71200 => (100, Some(1_000)),
        ServerProfile::S71500 => (500, Some(10_000)),
        ServerProfile::Kepware => (1_000, None),
        ServerProfile::Ignition => (100, None),
        ServerProfile::Prosys => (800, None),
        ServerProfile::Generic => return OperationLimits::default(),
    };
    OperationLimits {
        nodes_per_read: Some(batch),
        monitored_items_per_call: Some(batch),
        monitored_items_per_subscription: items_per_subscription,
    }
}

/// The mapping's word counts, whatever anybody declares; of profile and declaration, the smaller one.
fn merge(mapping: &OpcUaLimits, profile: Option<OperationLimits>, declared: OperationLimits) -> OperationLimits {
    let profile = profile.unwrap_or_default();
    let smaller = |one: Option<u32>, other: Option<u32>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    OperationLimits {
        nodes_per_read: mapping.nodes_per_read.or(smaller(profile.nodes_per_read, declared.nodes_per_read)),
        monitored_items_per_call: mapping
            .monitored_items_per_call
            .or(smaller(profile.monitored_items_per_call, declared.monitored_items_per_call)),
        monitored_items_per_subscription: mapping
            .monitored_items_per_subscription
            .or(smaller(profile.monitored_items_per_subscription, declared.monitored_items_per_subscription)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_servers_are_recognised_by_what_they_call_themselves() {
        let check =
            |product: &str, expected: Option<ServerProfile>| assert_eq!(recognise(product), expected, "{product}");
        check("Siemens AG SIMATIC S7-1500 https://www.siemens.com/s7-1500", Some(ServerProfile::S71500));
        check("Siemens AG CPU 1212C https://www.siemens.com/s7-1200", Some(ServerProfile::S71200));
        check("Kepware KEPServerEX urn:kepware", Some(ServerProfile::Kepware));
        check("Inductive Automation Ignition OPC UA Server", Some(ServerProfile::Ignition));
        check("Prosys OPC UA Simulation Server", Some(ServerProfile::Prosys));
        check("FreeOpcUa Python Server", None);
        check("", None);
    }

    #[test]
    fn the_mapping_comes_before_profile_and_declaration_and_of_those_the_smaller_counts() {
        let limits = |one, two, three| OperationLimits {
            nodes_per_read: one,
            monitored_items_per_call: two,
            monitored_items_per_subscription: three,
        };
        let mapping = OpcUaLimits { monitored_items_per_call: Some(700), ..OpcUaLimits::default() };
        let merged = merge(&mapping, Some(limits(Some(500), Some(500), None)), limits(Some(100), Some(50), Some(9)));
        assert_eq!(merged, limits(Some(100), Some(700), Some(9)));
        assert_eq!(merge(&OpcUaLimits::default(), None, limits(None, None, None)), OperationLimits::default());
        let merged =
            merge(&OpcUaLimits::default(), Some(of_profile(ServerProfile::S71200)), limits(Some(1000), None, None));
        assert_eq!(merged, limits(Some(100), Some(100), Some(1000)));
    }

    #[test]
    fn zero_and_nonsense_are_no_limit() {
        assert_eq!(limit(Some(&DataValue::value_only(7_u32))), Some(7));
        assert_eq!(limit(Some(&DataValue::value_only(0_u32))), None);
        assert_eq!(limit(Some(&DataValue::value_only(-1_i32))), None);
        assert_eq!(limit(None), None);
    }
}
