//! Proves that the session lives, and keeps it alive: a Read of the server's state from time to time.

use std::{convert::Infallible, time::Duration};

use opcua::types::ServerState;
use tokio::time::{self, Instant, MissedTickBehavior};
use tracing::debug;

use crate::{
    config::effective::ConnectionOptions,
    opcua::{problem::Problem, service_error::ServiceError, session::services::Services},
    supervisor::Board,
};

/// A session is asked so often within the time that the server keeps it without a word.
const ASKED_PER_TIMEOUT: u32 = 3;
const SHORTEST: Duration = Duration::from_millis(100);

/// How often the session is proved alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// What the mapping asks for, or less where the server would forget the session before.
    interval: Duration,
    failures_allowed: u32,
}

impl KeepAlive {
    /// Under which name the board has the server's state.
    pub(super) const WARNING: &'static str = "server_state";

    /// `timeout` is what the server has granted.
    pub(super) fn new(options: &ConnectionOptions, timeout: Duration) -> Self {
        let interval = options.keep_alive_interval.min(timeout / ASKED_PER_TIMEOUT).max(SHORTEST);
        Self { interval, failures_allowed: options.keep_alive_failures_allowed }
    }

    /// Runs until the session does not answer. Whatever an answer says, it is one; a state other than Running is said.
    pub(super) async fn run(self, services: &Services, board: &Board) -> Result<Infallible, Problem> {
        let mut ticks = time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = 0;
        let mut heard = Instant::now();
        loop {
            ticks.tick().await;
            match services.server_state().await {
                Ok(state) => {
                    (failures, heard) = (0, Instant::now());
                    let warnings: Vec<String> = state.and_then(sentence).into_iter().collect();
                    board.set_warnings(Self::WARNING, &warnings);
                }
                // The end of the connection is told by the connection.
                Err(ServiceError::NotConnected | ServiceError::Lost) => {}
                Err(error @ (ServiceError::Timeout | ServiceError::NotSent(_))) => {
                    failures += 1;
                    debug!(%error, failures, "a keep-alive of the session failed");
                    if failures > self.failures_allowed {
                        return Err(Problem::Unanswered { silence: heard.elapsed() });
                    }
                }
                Err(error) => {
                    (failures, heard) = (0, Instant::now());
                    if let Some(problem) = session_is_gone(&error) {
                        return Err(problem);
                    }
                    debug!(%error, "the server does not tell its state");
                }
            }
        }
    }
}

fn session_is_gone(error: &ServiceError) -> Option<Problem> {
    use opcua::types::StatusCode as Code;
    let ServiceError::Refused(status) = error else { return None };
    let is_gone = matches!(*status, Code::BadSessionIdInvalid | Code::BadSessionClosed | Code::BadSessionNotActivated);
    is_gone.then(|| Problem::service(crate::opcua::problem::Step::KeepAlive, error, Duration::ZERO))
}

/// What a state other than Running means.
fn sentence(state: ServerState) -> Option<String> {
    let what = match state {
        ServerState::Running => return None,
        ServerState::Failed => "it has failed and is out of order",
        ServerState::NoConfiguration => "it has no configuration",
        ServerState::Suspended => "it is suspended, as by its operator",
        ServerState::Shutdown => "it is shutting down",
        ServerState::Test => "it is in test mode",
        ServerState::CommunicationFault => "it has lost its connection to the devices behind it",
        ServerState::Unknown => "it does not know",
    };
    Some(format!("the OPC UA server says of its state {state:?}: {what}; values may be old, look at the server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_asked_before_the_server_forgets_it() {
        let interval = |asked: u64, granted: u64| {
            let options =
                ConnectionOptions { keep_alive_interval: Duration::from_secs(asked), ..ConnectionOptions::default() };
            KeepAlive::new(&options, Duration::from_secs(granted)).interval.as_millis()
        };
        assert_eq!(interval(5, 120), 5_000);
        assert_eq!(interval(60, 10), 3_333);
        assert_eq!(interval(5, 4), 1_333);
        assert_eq!(interval(5, 0), 100);
    }

    #[test]
    fn every_state_but_running_is_said() {
        assert_eq!(sentence(ServerState::Running), None);
        let said = sentence(ServerState::CommunicationFault).unwrap();
        assert!(said.contains("CommunicationFault") && said.contains("devices"), "{said}");
    }
}
