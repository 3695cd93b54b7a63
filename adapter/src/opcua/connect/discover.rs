//! GetEndpoints: what the server offers. A server that keeps it to a place of its own is asked there.

use std::time::Duration;

use opcua::types::{EndpointDescription, GetEndpointsRequest, NodeId, ObjectId};

use super::{channel::Channel, dial};
use crate::opcua::{
    codec::session,
    problem::{Problem, Step},
};

/// Where servers answer without security that offer none at the address of their sessions (Part 6, 7.1.2.3).
const DISCOVERY: &str = "/discovery";

/// Asks at the address, and next at its `/discovery` where the server does not answer there.
///
/// # Errors
/// What went wrong at the address itself.
pub(in crate::opcua) async fn discover(url: &str, limit: Duration) -> Result<Vec<EndpointDescription>, Problem> {
    let problem = match ask(url, limit).await {
        Ok(endpoints) if !endpoints.is_empty() => return Ok(endpoints),
        Ok(_) => Problem::NoEndpoints,
        Err(problem) if may_answer_elsewhere(&problem) => problem,
        Err(problem) => return Err(problem),
    };
    let base = url.strip_suffix('/').unwrap_or(url);
    if base.ends_with(DISCOVERY) {
        return Err(problem);
    }
    match ask(&format!("{base}{DISCOVERY}"), limit).await {
        Ok(endpoints) if !endpoints.is_empty() => Ok(endpoints),
        _ => Err(problem),
    }
}

/// The port is open, and what listens there has refused this very address, or a channel without security.
fn may_answer_elsewhere(problem: &Problem) -> bool {
    !matches!(
        problem,
        Problem::Address { .. }
            | Problem::UnknownHost { .. }
            | Problem::Refused { .. }
            | Problem::Unreachable { .. }
            | Problem::Io { .. }
            | Problem::Mute { .. }
            | Problem::Timeout { .. }
    )
}

async fn ask(url: &str, limit: Duration) -> Result<Vec<EndpointDescription>, Problem> {
    let stream = dial::dial(url, limit).await?;
    let channel = Channel::open(stream, url, None, limit, limit).await?;
    let request = GetEndpointsRequest {
        request_header: channel.header(&NodeId::null(), limit),
        endpoint_url: url.into(),
        ..GetEndpointsRequest::default()
    };
    let answer = ObjectId::GetEndpointsResponse_Encoding_DefaultBinary;
    let endpoints = channel.ask(Step::Discover, request, answer, session::endpoints, limit).await?;
    channel.close().await;
    Ok(endpoints)
}

#[cfg(test)]
mod tests {
    use opcua::types::StatusCode;

    use super::*;

    #[test]
    fn only_a_server_that_is_there_is_asked_elsewhere() {
        let refused = Problem::Refused { address: "plc:4840".into() };
        assert!(!may_answer_elsewhere(&refused));
        for status in [StatusCode::BadSecurityPolicyRejected, StatusCode::BadTcpEndpointUrlInvalid] {
            assert!(may_answer_elsewhere(&Problem::of_status(Step::Discover, status, Duration::ZERO)));
        }
        assert!(may_answer_elsewhere(&Problem::lost("the server closed it")));
    }
}
