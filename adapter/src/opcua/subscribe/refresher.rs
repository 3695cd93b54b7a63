//! Reads values anew that may have been lost on the way, so that nobody keeps an old one until the next change.

use std::{convert::Infallible, time::Duration};

use opcua::types::NodeId;
use tokio::time;
use tracing::{debug, info, warn};

use crate::{
    config::effective::Tag,
    domain::{NodeLocator, TagId},
    opcua::{
        intake::{conversion::Intake, shared::Shared},
        session::{call_size::CallSize, failure::Failure, live::LiveSession},
        subscribe::subscription::Subscriptions,
    },
};

/// Nodes in one Read at first: a PLC has other things to do.
const MOST_AT_ONCE: usize = 500;
/// What gets lost together is read together; and a queue that is full has time to drain.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads for one session.
pub(in crate::opcua) struct Refresher<'a> {
    live: &'a LiveSession,
    tags: &'a [Tag],
    intake: &'a Intake,
    subscriptions: &'a Subscriptions,
    size: CallSize,
    /// What is being read. A run that is given up in the middle of it has not read them.
    reading: Vec<TagId>,
}

impl<'a> Refresher<'a> {
    /// Nothing is lost yet.
    pub(in crate::opcua) fn new(live: &'a LiveSession, shared: &'a Shared, subscriptions: &'a Subscriptions) -> Self {
        let mut size = CallSize::new(MOST_AT_ONCE);
        size.declare(live.limits.nodes_per_read);
        Self { live, tags: &shared.tags, intake: &shared.intake, subscriptions, size, reading: Vec::new() }
    }

    /// Reads whatever is asked for, for as long as the session lasts.
    pub(in crate::opcua) async fn run(&mut self) -> Infallible {
        let refresh = self.intake.refresh();
        if !self.reading.is_empty() {
            refresh.want(std::mem::take(&mut self.reading));
        }
        loop {
            refresh.news().await;
            time::sleep(PAUSE).await;
            let wanted = refresh.take(self.size.current());
            // What is polled is read anyway.
            let tags: Vec<TagId> =
                wanted.into_iter().filter(|tag| self.subscriptions.position_of(*tag).is_some()).collect();
            if !tags.is_empty() {
                self.reading.clone_from(&tags);
                self.read(tags).await;
                self.reading.clear();
            }
        }
    }

    async fn read(&mut self, tags: Vec<TagId>) {
        let places: Vec<&NodeLocator> = tags.iter().map(|tag| &self.tags[tag.index()].node).collect();
        let Ok(found) = self.live.locate(&places).await else {
            // Whatever is wrong ends the session, or does not last.
            return self.intake.refresh().want(tags);
        };
        let known = tags.into_iter().zip(found).filter_map(|(tag, node)| Some((tag, node.ok()?)));
        let (tags, nodes): (Vec<TagId>, Vec<NodeId>) = known.unzip();
        self.intake.begin_refresh(&tags);
        match self.live.services.read_values(&nodes).await {
            Ok(values) => {
                info!(values = values.len(), "values were read anew, since changes of them may be lost");
                self.intake.take_refreshed(tags.into_iter().zip(values).collect());
            }
            Err(error) => {
                debug!(%error, values = tags.len(), "values were not read anew");
                let is_smaller = match Failure::of(&error) {
                    Failure::Size | Failure::Call | Failure::Late => self.size.refused(tags.len()),
                    Failure::Session | Failure::Items => true,
                };
                if is_smaller {
                    self.intake.refresh().want(tags);
                } else if let Some(tag) = tags.first() {
                    let tag = &self.tags[tag.index()].name;
                    warn!(%tag, %error, "a value was not read anew, though a change of it may be lost: it may be old until its next change");
                }
            }
        }
    }
}
