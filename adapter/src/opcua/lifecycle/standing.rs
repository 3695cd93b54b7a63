//! How the link stands: said to the board, the metrics and the log, and turned into pauses between attempts.

use std::{sync::Arc, time::Duration};

use tracing::{debug, warn};

use super::recovery;
use crate::opcua::{backoff::Backoff, problem::Problem};
use crate::{
    config::effective::OpcUaConfig,
    supervisor::{Board, Connection},
    telemetry::Metrics,
};

/// A server that refuses us is not asked more often than this, so that no account gets locked.
const POLITE_PAUSE: Duration = Duration::from_secs(15);
/// Where nobody takes the connection, nobody is bothered.
const FREE_PAUSE: Duration = Duration::from_millis(500);

/// The one writer of the link's state.
pub(in crate::opcua) struct Standing {
    pub(in crate::opcua) board: Arc<Board>,
    pub(in crate::opcua) metrics: Arc<Metrics>,
    uri: String,
    backoff: Backoff,
    longest_pause: Duration,
    connections: u64,
    last_problem: Option<Problem>,
}

impl Standing {
    /// Nothing has been tried yet.
    pub(in crate::opcua) fn new(config: &OpcUaConfig, board: Arc<Board>, metrics: Arc<Metrics>) -> Self {
        let connection = &config.connection;
        Self {
            board,
            metrics,
            uri: config.uri.clone(),
            backoff: Backoff::new(connection.retry_initial, connection.retry_max),
            longest_pause: connection.retry_max,
            connections: 0,
            last_problem: None,
        }
    }

    /// Data can flow. Returns the number of this connection, from 1.
    pub(in crate::opcua) fn connected(&mut self) -> u64 {
        self.metrics.opcua_connected.set(1);
        if self.connections > 0 {
            self.metrics.opcua_reconnects.inc();
        }
        self.board.set_opcua(Connection::Connected);
        self.connections += 1;
        self.last_problem = None;
        self.connections
    }

    /// Data cannot flow any more, and why.
    pub(in crate::opcua) fn disconnected(&self, problem: Option<&Problem>) {
        self.metrics.opcua_connected.set(0);
        if let Some(problem) = problem {
            self.board.set_opcua(problem.connection());
        }
    }

    /// Says what is wrong, and returns how long to wait before the next attempt.
    pub(in crate::opcua) fn trouble(&mut self, problem: Problem) -> Duration {
        let pause = if recovery::is_free(&problem) {
            FREE_PAUSE
        } else {
            let pause = self.backoff.pause();
            if problem.needs_a_person() { pause.max(POLITE_PAUSE.min(self.longest_pause)) } else { pause }
        };
        if self.last_problem.as_ref() == Some(&problem) {
            debug!(uri = self.uri, ?pause, "still: {problem}");
        } else {
            warn!(uri = self.uri, ?pause, "{problem}");
        }
        self.board.set_opcua(problem.connection());
        self.last_problem = Some(problem);
        pause
    }

    /// The server has answered: the next pause is short again.
    pub(in crate::opcua) fn heard(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        net::{TcpListener, TcpStream},
        time::{self, Instant},
    };

    use super::*;
    use crate::opcua::{connect::dial::dial, test_support};

    async fn until_taken(standing: &mut Standing, address: SocketAddr) -> TcpStream {
        loop {
            match dial(&format!("opc.tcp://{address}"), Duration::from_secs(10)).await {
                Ok(stream) => return stream,
                Err(problem) => time::sleep(standing.trouble(problem)).await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_away_for_ten_minutes_is_found_within_half_a_second_and_begins_with_a_short_pause() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let (config, metrics) = (test_support::config("opc.tcp://plc"), Arc::new(Metrics::new("line1")));
        let mut standing = Standing::new(&config, Arc::new(Board::new(0)), metrics);
        let away = Duration::from_mins(10);
        assert!(time::timeout(away, until_taken(&mut standing, address)).await.is_err());
        let _back = TcpListener::bind(address).await.unwrap();
        let returned = Instant::now();
        until_taken(&mut standing, address).await;
        assert!(returned.elapsed() <= FREE_PAUSE, "{:?}", returned.elapsed());
        let first = standing.trouble(Problem::lost("x"));
        assert!(first <= 2 * config.connection.retry_initial, "what cost nothing lengthens no pause: {first:?}");
    }
}
