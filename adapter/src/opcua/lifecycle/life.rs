//! The life of one session: subscribed, published from, and taken up again after each loss of its connection for as
//! long as the server may still have it.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::opcua::{
    intake::shared::Shared,
    lifecycle::keep_alive::KeepAlive,
    lifecycle::link,
    lifecycle::standing::Standing,
    poll::poller::Poller,
    problem::Problem,
    session::call_size::CallSize,
    session::live::LiveSession,
    session::namespaces::NamespaceMemory,
    session::open::{OpenSession, Resumed},
    session::services::Services,
    subscribe::items::Subscriber,
    subscribe::publish::Publisher,
    subscribe::room::Room,
    subscribe::subscription::Subscriptions,
    write::CurrentSession,
};
use crate::{config::effective::OpcUaConfig, domain::Timestamp};

/// A session that is lost again before anything was heard is not taken up more often than this: what ends the
/// connection may be the very message that it would begin with.
const MOST_BARREN_RESUMPTIONS: u32 = 3;

/// A server with security that hangs up on attempts may have got another certificate, which only a look at its
/// endpoints tells.
const MOST_HANG_UPS: u32 = 1;

/// What a session is lived with; all of it outlives the session.
pub(in crate::opcua) struct Life<'a> {
    pub(in crate::opcua) config: &'a OpcUaConfig,
    pub(in crate::opcua) memory: &'a Arc<NamespaceMemory>,
    pub(in crate::opcua) current: &'a CurrentSession,
    pub(in crate::opcua) shared: &'a Shared,
    pub(in crate::opcua) call_size: &'a mut CallSize,
    pub(in crate::opcua) room: &'a mut Room,
    pub(in crate::opcua) standing: &'a mut Standing,
    /// When the server was last heard of, where what it said afterwards is lost.
    pub(in crate::opcua) lost_since: &'a mut Option<Timestamp>,
    pub(in crate::opcua) cancel: &'a CancellationToken,
}

/// What has to be deleted on the server at the end of a session.
pub(in crate::opcua) struct Leave {
    live: Arc<LiveSession>,
    subscriptions: Subscriptions,
}

/// How a session came to its end.
pub(in crate::opcua) enum End {
    Cancelled,
    Problem(Problem),
    /// The server had forgotten it, and has given a new one on the same connection.
    Renewed,
}

/// What became of a session whose connection was lost.
enum Resumption {
    Resumed,
    Ended(End),
}

impl Life<'_> {
    /// Lives a session to its end. What has to be deleted on the server by then is left in `leave`.
    pub(in crate::opcua) async fn live(&mut self, open: &mut OpenSession, leave: &mut Option<Leave>) -> End {
        let cancel = self.cancel;
        let begun = tokio::select! {
            // The work knows better than the end of the connection what went wrong.
            biased;
            () = cancel.cancelled() => return End::Cancelled,
            begun = self.begin(&open.services, leave) => begun,
            problem = open.lost() => Err(problem),
        };
        match begun {
            Ok((live, subscriptions)) => self.work(open, &live, &subscriptions).await,
            Err(problem) => End::Problem(problem),
        }
    }

    async fn begin(
        &mut self,
        services: &Services,
        leave: &mut Option<Leave>,
    ) -> Result<(Arc<LiveSession>, Subscriptions), Problem> {
        let mut live = LiveSession::begin(services.clone(), self.config, Arc::clone(self.memory)).await?;
        let items_each = &mut live.limits.monitored_items_per_subscription;
        *items_each = self.room.items_each(*items_each);
        let live = Arc::new(live);
        let subscriptions = Subscriptions::create(&live, self.config, &self.shared.tags).await?;
        *leave = Some(Leave { live: Arc::clone(&live), subscriptions: subscriptions.clone() });
        self.stand(&live);
        info!(uri = self.config.uri, subscriptions = subscriptions.all().len(), "connected");
        self.shared.intake.begin_session();
        self.call_size.declare(live.limits.monitored_items_per_call);
        Ok((live, subscriptions))
    }

    fn stand(&mut self, live: &Arc<LiveSession>) {
        self.current.store(Some(Arc::clone(live)));
        self.standing.connected();
    }

    /// Subscribes and publishes, over as many connections as it takes.
    async fn work(&mut self, open: &mut OpenSession, live: &Arc<LiveSession>, subscriptions: &Subscriptions) -> End {
        let Self { config, current, shared, call_size, room, standing, lost_since, cancel, .. } = self;
        let request_timeout = config.connection.request_timeout;
        let metrics = Arc::clone(&standing.metrics);
        let gaps = metrics.opcua_sequence_gaps.clone();
        let services = live.services.clone();
        let intake = &shared.intake;
        let structures = intake.structures();
        let mut asking = pin!(structures.run(&**live, |updates| intake.take_late(updates)));
        let mut publisher = Publisher::new(services, subscriptions.all(), config, intake, gaps, lost_since.take());
        let mut subscriber = Subscriber::new(live, shared, subscriptions, call_size, room, request_timeout);
        let poller = Poller::new(live, shared, request_timeout);
        let keep_alive = KeepAlive::new(
            config.connection.keep_alive_interval,
            config.connection.keep_alive_failures_allowed,
            open.timeout,
        );
        let since = Instant::now();
        let mut barren = 0;
        let end = loop {
            let problem = tokio::select! {
                biased;
                () = cancel.cancelled() => break End::Cancelled,
                // Without a Subscription, polling tells whether the server lives.
                problem = publisher.run(), if !subscriptions.all().is_empty() => problem,
                never = poller.run() => match never { Err(problem) => problem },
                never = subscriber.run() => match never { Err(problem) => problem },
                problem = open.lost() => problem,
                never = &mut asking => match never {},
                never = link::show_age(&metrics, since) => match never {},
                proved = keep_alive.run(&live.services, &standing.board) => match proved { Err(problem) => problem },
            };
            current.store(None);
            shared.suspend();
            standing.disconnected(Some(&problem));
            subscriber.note_loss();
            let has_heard = poller.take_heard() || publisher.has_heard();
            barren = if has_heard { 0 } else { barren + 1 };
            if has_heard {
                standing.heard();
            }
            // Until every tag was asked for once, there is little to save and much to get wrong.
            if !problem.may_be_of_the_connection() || !subscriber.has_asked() || barren > MOST_BARREN_RESUMPTIONS {
                break End::Problem(problem);
            }
            let resumption = Resume { config, standing, cancel, open };
            match resumption.run(problem, &mut publisher).await {
                Resumption::Resumed => {
                    current.store(Some(Arc::clone(live)));
                    shared.intake.resume();
                    standing.connected();
                    info!(
                        uri = config.uri,
                        "connected again; the session lives on, and what the server had queued has come"
                    );
                }
                Resumption::Ended(end) => break end,
            }
        };
        **lost_since = publisher.lost_since();
        end
    }
}

/// What it takes to get a new connection for a session.
struct Resume<'a> {
    config: &'a OpcUaConfig,
    standing: &'a mut Standing,
    cancel: &'a CancellationToken,
    open: &'a mut OpenSession,
}

impl Resume<'_> {
    /// Tries until the server must have forgotten the session.
    async fn run(mut self, problem: Problem, publisher: &mut Publisher<'_>) -> Resumption {
        let deadline = Instant::now() + self.config.connection.session_timeout;
        self.open.cut();
        let mut problem = problem;
        let mut hang_ups = 0;
        loop {
            let pause = self.standing.trouble(problem.clone());
            let attempted = tokio::select! {
                () = self.cancel.cancelled() => return Resumption::Ended(End::Cancelled),
                attempted = self.attempt(pause, publisher) => attempted,
            };
            problem = match attempted {
                Ok(resumption) => return resumption,
                Err(problem) => problem,
            };
            hang_ups += u32::from(matches!(problem, Problem::Lost { .. }));
            let has_another_certificate = self.config.security.is_some() && hang_ups > MOST_HANG_UPS;
            if !problem.may_be_of_the_connection() || has_another_certificate || Instant::now() > deadline {
                return Resumption::Ended(End::Problem(problem));
            }
        }
    }

    async fn attempt(&mut self, pause: Duration, publisher: &mut Publisher<'_>) -> Result<Resumption, Problem> {
        time::sleep(pause).await;
        if self.open.resume().await? == Resumed::NewSession && !publisher.take_over().await {
            return Ok(Resumption::Ended(End::Renewed));
        }
        publisher.restart();
        match publisher.catch_up().await {
            None => Ok(Resumption::Resumed),
            Some(problem) => Err(problem),
        }
    }
}

/// In good order: Subscriptions, session, channel. The server forgets at once what it would keep until a timeout.
pub(in crate::opcua) async fn close(open: &OpenSession, leave: Option<Leave>, limit: Duration) {
    if let Some(Leave { live, subscriptions }) = leave
        && !open.services.channel().has_ended()
        && time::timeout(limit, subscriptions.delete(&live)).await.is_err()
    {
        debug!("the server did not answer the end of the subscriptions");
    }
    open.close(limit).await;
}
