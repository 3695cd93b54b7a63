//! What the server counts of itself.

use std::{fmt, sync::Arc};

use opcua::{
    server::ServerInfo,
    types::{VariableId, Variant},
};

/// The server's own counts, as clients can read them under `ServerDiagnosticsSummary`.
pub struct Diagnostics(pub(crate) Arc<ServerInfo>);

impl Diagnostics {
    /// Sessions that are open; each counts until it is closed or times out.
    pub fn sessions(&self) -> u32 {
        self.count(VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount)
    }

    /// Sessions that were opened since the server started.
    pub fn sessions_ever(&self) -> u32 {
        self.count(VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CumulatedSessionCount)
    }

    fn count(&self, variable: VariableId) -> u32 {
        match self.0.summary().get(variable).and_then(|value| value.value) {
            Some(Variant::UInt32(count)) => count,
            _ => 0,
        }
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Diagnostics").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}
