//! What can go wrong between the adapter and a server, and how it is brought about.

use std::time::{Duration, Instant};

use anyhow::Result;
use opcua::types::StatusCode;
use tagwise_tests::{PATIENCE, Service, Signal, pause, wait_until};

use crate::fault_stand::FaultStand;

/// How long the adapter bears silence, and a little more.
const WATCHDOG: Duration = Duration::from_millis(3_500);

/// Something that goes wrong, and is over at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The network, or a firewall, resets the connection.
    Reset,
    /// A cable is pulled: nobody is told, nothing comes through.
    Hole,
    /// A line so slow that messages come in crumbs.
    Drip,
    /// The connection ends in the middle of a message.
    Cut,
    /// The server's process is frozen for longer than the watchdog waits.
    Frozen,
    /// A message with values never arrives, though the connection is fine.
    Swallowed,
    /// The server is killed, and started again.
    Killed,
    /// The server ends in order, and is started again.
    Restarted,
    /// After a restart the server refuses so many items at once.
    TooManyOperations,
    /// After a restart the server has no room for a session.
    TooManySessions,
    /// The server says that it does not know the subscription.
    SubscriptionIdInvalid,
    /// The server says that there is no subscription.
    NoSubscription,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Reset,
        Self::Hole,
        Self::Drip,
        Self::Cut,
        Self::Frozen,
        Self::Swallowed,
        Self::Killed,
        Self::Restarted,
        Self::TooManyOperations,
        Self::TooManySessions,
        Self::SubscriptionIdInvalid,
        Self::NoSubscription,
    ];

    /// The name for reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reset => "TCP reset",
            Self::Hole => "half-open hole",
            Self::Drip => "slow drip",
            Self::Cut => "cut in a message",
            Self::Frozen => "SIGSTOP and SIGCONT",
            Self::Swallowed => "message swallowed",
            Self::Killed => "killed and restarted",
            Self::Restarted => "orderly restart",
            Self::TooManyOperations => "BadTooManyOperations",
            Self::TooManySessions => "BadTooManySessions",
            Self::SubscriptionIdInvalid => "BadSubscriptionIdInvalid",
            Self::NoSubscription => "BadNoSubscription",
        }
    }

    /// Whether the server keeps the session with all that it has queued, so that no value may be missing afterwards.
    pub(crate) const fn leaves_the_queue(self) -> bool {
        matches!(self, Self::Reset | Self::Hole | Self::Drip | Self::Cut | Self::Frozen | Self::Swallowed)
    }

    /// Whether the server's counter goes on where it was, so that missing values can be told.
    pub(crate) const fn leaves_the_counter(self) -> bool {
        self.leaves_the_queue() || matches!(self, Self::SubscriptionIdInvalid | Self::NoSubscription)
    }

    /// Brings it about, for `time` where it is something that lasts. Returns when it was over.
    pub(crate) async fn play(self, stand: &mut FaultStand, time: Duration) -> Result<Instant> {
        match self {
            Self::Reset => stand.proxy.reset(),
            Self::Hole => {
                stand.proxy.open_hole();
                stand.is_down().await?;
                pause(time).await;
                stand.proxy.close_hole();
            }
            Self::Drip => {
                stand.proxy.drip(2);
                // Long enough for the watchdog to have bitten, were it wrong about a server that is only slow.
                pause(time + WATCHDOG).await;
                stand.proxy.flow();
            }
            Self::Cut => {
                let before = stand.proxy.played();
                stand.proxy.cut_within_message(40);
                stand.is_played(before + 1).await?;
            }
            Self::Frozen => {
                stand.stand.server.signal(Signal::Stop)?;
                stand.is_down().await?;
                pause(time).await;
                stand.stand.server.signal(Signal::Continue)?;
            }
            Self::Swallowed => {
                let before = stand.proxy.played();
                stand.proxy.swallow_notifications(2);
                stand.is_played(before + 2).await?;
            }
            Self::Killed | Self::Restarted => stand.restart(self == Self::Killed).await?,
            Self::TooManyOperations => {
                let status = StatusCode::BadTooManyOperations;
                refuse_after_restart(stand, Service::CreateMonitoredItems, status, 1).await?;
            }
            Self::TooManySessions => {
                refuse_after_restart(stand, Service::CreateSession, StatusCode::BadTooManySessions, 2).await?;
            }
            Self::SubscriptionIdInvalid => refuse(stand, StatusCode::BadSubscriptionIdInvalid).await?,
            Self::NoSubscription => refuse(stand, StatusCode::BadNoSubscription).await?,
        }
        Ok(Instant::now())
    }
}

async fn refuse(stand: &mut FaultStand, status: StatusCode) -> Result<()> {
    let before = stand.proxy.played();
    stand.proxy.refuse(Service::Publish, status, 1);
    stand.is_played(before + 1).await
}

async fn refuse_after_restart(
    stand: &mut FaultStand,
    service: Service,
    status: StatusCode,
    times: usize,
) -> Result<()> {
    let before = stand.proxy.played();
    stand.proxy.refuse(service, status, times);
    stand.restart(true).await?;
    stand.is_played(before + times).await
}

impl FaultStand {
    /// Waits until the adapter has noticed that it is cut off.
    async fn is_down(&mut self) -> Result<()> {
        self.adapter.readiness("the loss is noticed", |reply| reply.status == 503).await.map(drop)
    }

    async fn is_played(&self, count: usize) -> Result<()> {
        let is_so = async || Ok((self.proxy.played() >= count).then_some(()));
        wait_until("the proxy has done its worst", PATIENCE, is_so).await
    }

    async fn restart(&mut self, is_killed: bool) -> Result<()> {
        if is_killed {
            self.stand.server.kill()?;
        } else {
            self.stand.server.stop().await?;
        }
        self.is_down().await?;
        self.stand.server.resume().await
    }
}
