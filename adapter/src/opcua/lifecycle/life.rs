//! The life of one session: subscribed, published from, and taken up again after each loss of its connection for as
//! long as the server may still have it. What follows each trouble is decided in `recovery`.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    keep_alive::KeepAlive,
    lessons::Lessons,
    link,
    recovery::{self, Remedy, Situation},
    standing::Standing,
};
use crate::opcua::{
    connect::channel::Channel,
    intake::shared::Shared,
    poll::poller::{PollState, Poller},
    problem::Problem,
    session::{
        live::LiveSession,
        namespaces::NamespaceMemory,
        open::{OpenSession, Resumed},
        services::Services,
    },
    subscribe::{items::Subscriber, publish::Publisher, refresher::Refresher, subscription::Subscriptions},
    write::CurrentSession,
};
use crate::{config::effective::OpcUaConfig, domain::Timestamp};

/// What a session is lived with; all of it outlives the session.
pub(super) struct Life<'a> {
    pub(super) config: &'a OpcUaConfig,
    pub(super) memory: &'a Arc<NamespaceMemory>,
    pub(super) current: &'a CurrentSession,
    pub(super) shared: &'a Shared,
    pub(super) polls: &'a PollState,
    pub(super) lessons: &'a mut Lessons,
    pub(super) standing: &'a mut Standing,
    /// When the server was last heard of, where what it said afterwards is lost.
    pub(super) lost_since: &'a mut Option<Timestamp>,
    pub(super) cancel: &'a CancellationToken,
}

/// What has to be deleted on the server at the end of a session.
pub(in crate::opcua) struct Leave {
    live: Arc<LiveSession>,
    subscriptions: Arc<Subscriptions>,
}

/// How a session came to its end.
pub(super) enum End {
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
    pub(super) async fn live(&mut self, open: &mut OpenSession, leave: &mut Option<Leave>) -> End {
        let cancel = self.cancel;
        let services = open.services.clone().knowing(self.shared.intake.structures());
        let begun = tokio::select! {
            // The work knows better than the end of the connection what went wrong.
            biased;
            () = cancel.cancelled() => return End::Cancelled,
            begun = self.begin(&services, leave) => begun,
            problem = open.lost() => Err(problem),
        };
        match begun {
            Ok((live, subscriptions)) => Box::pin(self.work(open, &live, &subscriptions)).await,
            Err(problem) => End::Problem(problem),
        }
    }

    async fn begin(
        &mut self,
        services: &Services,
        leave: &mut Option<Leave>,
    ) -> Result<(Arc<LiveSession>, Arc<Subscriptions>), Problem> {
        let mut live = LiveSession::begin(services.clone(), self.config, Arc::clone(self.memory)).await?;
        let items_each = &mut live.limits.monitored_items_per_subscription;
        *items_each = self.lessons.room.items_each(*items_each);
        let live = Arc::new(live);
        let notifications = self.lessons.notifications.most(Instant::now());
        let subscriptions = Subscriptions::create(&live, self.config, &self.shared.tags, notifications).await?;
        let subscriptions = Arc::new(subscriptions);
        *leave = Some(Leave { live: Arc::clone(&live), subscriptions: Arc::clone(&subscriptions) });
        self.current.store(Some(Arc::clone(&live)));
        self.standing.connected();
        info!(uri = self.config.uri, subscriptions = subscriptions.all().len(), "connected");
        self.shared.intake.begin_session();
        self.lessons.call_size.declare(live.limits.monitored_items_per_call);
        Ok((live, subscriptions))
    }

    /// Subscribes and publishes, over as many connections as it takes.
    async fn work(
        &mut self,
        open: &mut OpenSession,
        live: &Arc<LiveSession>,
        subscriptions: &Arc<Subscriptions>,
    ) -> End {
        let Self { config, current, shared, polls, lessons, standing, lost_since, cancel, .. } = self;
        let request_timeout = config.connection.request_timeout;
        let metrics = Arc::clone(&standing.metrics);
        let board = Arc::clone(&standing.board);
        let intake = &shared.intake;
        let structures = intake.structures();
        let Lessons { call_size, room, requests, notifications } = &mut **lessons;
        let mut asking = pin!(structures.run(&**live, |updates| intake.take_late(updates)));
        let mut publisher = Publisher::new(
            live.services.clone(),
            subscriptions,
            config,
            intake,
            requests,
            metrics.opcua_sequence_gaps.clone(),
            lost_since.take(),
        );
        let mut subscriber = Subscriber::new(live, shared, subscriptions, call_size, room, request_timeout);
        let mut refresher = Refresher::new(live, shared, subscriptions);
        let poller = Poller::new(live, shared, polls, request_timeout);
        let since = Instant::now();
        let end = loop {
            let keep_alive = KeepAlive::new(&config.connection, open.timeout);
            let problem = tokio::select! {
                biased;
                () = cancel.cancelled() => break End::Cancelled,
                problem = publisher.run() => problem,
                never = poller.run() => match never { Err(problem) => problem },
                never = subscriber.run() => match never { Err(problem) => problem },
                problem = open.lost() => problem,
                proved = keep_alive.run(&live.services, &board) => match proved { Err(problem) => problem },
                never = refresher.run() => match never {},
                never = &mut asking => match never {},
                never = link::show_age(&metrics, since) => match never {},
            };
            let problem = examine(problem, open, &live.services).await;
            if let Problem::Silent { subscription, .. } = problem
                && !publisher.is_given_up(subscription)
            {
                continue;
            }
            if problem.is_of_size() {
                notifications.refused(Instant::now());
            }
            let has_heard = poller.take_heard() || publisher.has_heard();
            if has_heard {
                standing.heard();
            }
            let situation = Situation { has_session: true, has_asked: subscriber.has_asked(), has_heard };
            match recovery::remedy(&problem, situation) {
                Remedy::Resubscribe { subscription } => {
                    warn!("{problem}");
                    let Some(position) = publisher.position_of(subscription) else { break End::Problem(problem) };
                    let recreated = tokio::select! {
                        () = cancel.cancelled() => break End::Cancelled,
                        recreated = subscriptions.recreate(live, position) => recreated,
                    };
                    match recreated {
                        Ok(created) => {
                            publisher.replace(position, created);
                            subscriber.resubscribe(position);
                        }
                        Err(problem) => break End::Problem(problem),
                    }
                }
                Remedy::Resume => {
                    warn!(uri = config.uri, "{problem}");
                    current.store(None);
                    shared.suspend();
                    standing.disconnected(Some(&problem));
                    subscriber.note_loss();
                    let resumption = Resume { standing, cancel, open: &mut *open };
                    match resumption.run(&mut publisher).await {
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
                }
                Remedy::NewSession | Remedy::WaitForPerson => {
                    subscriber.note_loss();
                    break End::Problem(problem);
                }
            }
        };
        board.set_warnings(KeepAlive::WARNING, &[]);
        **lost_since = publisher.lost_since();
        end
    }
}

/// Finds out what is behind a trouble: a silent Subscription on a connection that answers nothing is a matter of the
/// connection, and the end of the connection knows its own reason.
async fn examine(problem: Problem, open: &OpenSession, services: &Services) -> Problem {
    match problem {
        Problem::Silent { silence, .. } if !services.is_answering().await => Problem::Unanswered { silence },
        Problem::Lost { .. } if services.channel().has_ended() => open.lost().await,
        problem => problem,
    }
}

/// What it takes to get a new connection for a session.
struct Resume<'a> {
    standing: &'a mut Standing,
    cancel: &'a CancellationToken,
    open: &'a mut OpenSession,
}

impl Resume<'_> {
    /// Tries until a secure channel is open; what fails then is not tried again. A server that has forgotten the session
    /// by that time may still have its Subscriptions.
    async fn run(mut self, publisher: &mut Publisher<'_>) -> Resumption {
        let cancel = self.cancel;
        let resumed = tokio::select! {
            () = cancel.cancelled() => return Resumption::Ended(End::Cancelled),
            resumed = self.resume(publisher) => resumed,
        };
        resumed.unwrap_or_else(|problem| Resumption::Ended(End::Problem(problem)))
    }

    async fn resume(&mut self, publisher: &mut Publisher<'_>) -> Result<Resumption, Problem> {
        let channel = self.channel().await?;
        if self.open.resume(channel).await? == Resumed::NewSession && !publisher.take_over().await {
            return Ok(Resumption::Ended(End::Renewed));
        }
        publisher.restart();
        match publisher.catch_up().await {
            None => Ok(Resumption::Resumed),
            Some(problem) => Err(problem),
        }
    }

    async fn channel(&mut self) -> Result<Arc<Channel>, Problem> {
        loop {
            match self.open.reconnect().await {
                Err(problem) if recovery::leaves_the_session(&problem) => {
                    time::sleep(self.standing.trouble(problem)).await;
                }
                opened => return opened,
            }
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
