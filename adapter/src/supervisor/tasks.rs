//! Named tasks that live as long as the process, ended in phases.
//!
//! A task that ends or panics before the shutdown brings the process down with its name, so that systemd or Kubernetes
//! restarts a whole process rather than keeping half of one.

use std::{borrow::Cow, collections::HashMap, future::Future, time::Duration};

use thiserror::Error;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The order in which tasks are told to end. A phase begins when every task of the one before has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Commands stop; the one in hand is finished.
    Commands,
    /// The OPC UA session is closed, which closes the ingress queue.
    Intake,
    /// What waits in the ingress queue is scored and spooled; this phase ends by itself.
    Pipeline,
    /// What waits in the spool is delivered, then the broker is left.
    Delivery,
    /// Everything that only watches.
    Watching,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Commands, Self::Intake, Self::Pipeline, Self::Delivery, Self::Watching];
}

/// A task that ended when it should not have.
#[derive(Debug, Error)]
pub enum TaskFailed {
    /// It returned.
    #[error("task `{name}` ended, which it must not do before a shutdown")]
    Ended {
        /// The task's name.
        name: Cow<'static, str>,
    },
    /// It panicked.
    #[error("task `{name}` panicked: {cause}")]
    Panicked {
        /// The task's name.
        name: Cow<'static, str>,
        /// The panic's message.
        cause: String,
    },
    /// It did not end in the time that the shutdown has.
    #[error("the shutdown was cut short after {limit:?}; still running: {tasks}; what is undelivered is lost")]
    Overdue {
        /// The time that the shutdown had.
        limit: Duration,
        /// The names of the tasks that did not end.
        tasks: String,
    },
}

/// Holds all tasks.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<()>,
    names: HashMap<Id, (Cow<'static, str>, Phase)>,
    tokens: HashMap<Phase, CancellationToken>,
}

impl Supervisor {
    /// The token that is cancelled when `phase` begins.
    pub fn token(&mut self, phase: Phase) -> CancellationToken {
        self.tokens.entry(phase).or_default().clone()
    }

    /// Starts a task that ends in `phase`.
    pub fn spawn(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        phase: Phase,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, (name.into(), phase));
    }

    /// The names of all tasks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(|(name, _)| name.as_ref())
    }

    /// Waits until `stop` is ready or a task fails, then ends all tasks phase by phase, within `limit` in all.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        limit: Duration,
        on_stop: impl FnOnce(),
    ) -> Result<(), TaskFailed> {
        let failure = tokio::select! {
            () = stop => None,
            ended = self.tasks.join_next_with_id() => ended.and_then(|ended| self.note(ended, true)),
        };
        on_stop();
        let drained = self.drain(limit).await;
        failure.map_or(drained, Err)
    }

    async fn drain(&mut self, limit: Duration) -> Result<(), TaskFailed> {
        let deadline = Instant::now() + limit;
        let mut failure = None;
        for phase in Phase::ALL {
            if let Some(token) = self.tokens.get(&phase) {
                token.cancel();
            }
            while self.names.values().any(|(_, of)| *of == phase) {
                match tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await {
                    Ok(Some(ended)) => failure = failure.or(self.note(ended, false)),
                    Ok(None) => self.names.clear(),
                    Err(_) => {
                        let mut tasks: Vec<_> = self.names.values().map(|(name, _)| name.as_ref()).collect();
                        tasks.sort_unstable();
                        let tasks = tasks.join(", ");
                        self.tasks.shutdown().await;
                        return Err(TaskFailed::Overdue { limit, tasks });
                    }
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Forgets a task that has ended; says what was wrong with that, if anything.
    fn note(&mut self, ended: Result<(Id, ()), JoinError>, is_early: bool) -> Option<TaskFailed> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let (name, _) = self.names.remove(&id)?;
        match ended {
            Ok(_) => is_early.then_some(TaskFailed::Ended { name }),
            Err(error) => Some(TaskFailed::Panicked { name, cause: panic_message(error) }),
        }
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "it was aborted".to_owned() };
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn phases_end_in_order() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut supervisor = Supervisor::default();
        for (name, phase) in [("http", Phase::Watching), ("mqtt", Phase::Delivery), ("opcua", Phase::Intake)] {
            let (order, token) = (Arc::clone(&order), supervisor.token(phase));
            supervisor.spawn(name, phase, async move {
                token.cancelled().await;
                order.lock().unwrap().push(name);
            });
        }
        supervisor.run(async {}, LIMIT, || {}).await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["opcua", "mqtt", "http"]);
    }

    #[tokio::test]
    async fn a_task_that_panics_brings_the_others_down_in_order_and_is_named() {
        let mut supervisor = Supervisor::default();
        let token = supervisor.token(Phase::Watching);
        supervisor.spawn("http", Phase::Watching, async move { token.cancelled().await });
        supervisor.spawn("opcua", Phase::Intake, async { panic!("no such node") });
        let error = supervisor.run(std::future::pending(), LIMIT, || {}).await.unwrap_err();
        assert_eq!(error.to_string(), "task `opcua` panicked: no such node");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_named_when_time_is_up() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("mqtt", Phase::Delivery, std::future::pending());
        let error = supervisor.run(async {}, LIMIT, || {}).await.unwrap_err();
        assert!(error.to_string().contains("still running: mqtt"), "{error}");
    }

    #[tokio::test]
    async fn a_task_that_ends_early_is_a_failure() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("status", Phase::Watching, async {});
        let error = supervisor.run(std::future::pending(), LIMIT, || {}).await.unwrap_err();
        assert_eq!(error.to_string(), "task `status` ended, which it must not do before a shutdown");
    }
}
