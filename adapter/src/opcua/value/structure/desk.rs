//! Where values go that need more than a look: structures, names of enumerations, members that a tag picks.
//!
//! A value whose type is not known yet waits here, and behind it whatever else comes of its tag, while [`Structures::run`]
//! asks the server. Publishing goes on meanwhile. What cannot be decoded goes out as it is, and says so.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opcua::types::NodeId;
use tokio::{
    sync::Notify,
    time::{self, Instant},
};
use tracing::debug;

use super::{
    catalogue::{Catalogue, LoadError},
    doubts::Doubts,
    finish::{Finisher, Report, Unfinished},
    hold::{Held, Place, Waiting},
    server::TypeServer,
    types::{Forgotten, Known, Names, StructureIndex, Types},
};
use crate::{
    config::effective::{EnumerationForm, Tag},
    domain::{TagId, TagUpdate},
    opcua::service_error::ServiceError,
    opcua::value::{
        bytes_form::{BytesForm, has_two_forms},
        raw::{RawValue, Wire},
        reader::{Bodies, Malformed, Reader},
    },
};

/// How long reading one type may take before its values go out as they are.
const PATIENCE: Duration = Duration::from_secs(15);
/// Questions of one session. A server that invents an encoding id for each value gets no further.
const MAX_QUESTIONS: usize = 10_000;
/// After how long a server that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(10);

/// The desk. One for the process; what it knows of the server lasts for one session.
pub(in crate::opcua) struct Structures {
    tags: Arc<[Tag]>,
    /// By tag: even a plain value has to pass here.
    is_special: Vec<bool>,
    /// Tags whose values wait.
    waiting_tags: AtomicUsize,
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    types: Types,
    /// Names of the nodes' own enumerations, without any for a node that is none.
    names: HashMap<TagId, Arc<Names>>,
    /// In which form bytes of the tags' nodes go out.
    forms: HashMap<TagId, BytesForm>,
    doubts: Doubts,
    /// All types that were read are to be read anew.
    is_outdated: bool,
    /// Of those that were read, these are to be read anew.
    outdated: HashSet<StructureIndex>,
    held: Held,
    questions: VecDeque<Question>,
    /// Questions that were put in this session.
    put: HashSet<Question>,
    reports: Reports,
}

/// Tags about which each thing was said once.
#[derive(Default)]
struct Reports(HashSet<(TagId, std::mem::Discriminant<Report>)>);

/// What the server is to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// Which structure has this encoding id, which was met in a value of the tag?
    Encoding(NodeId, TagId),
    /// Which names do the numbers of the tag's node have?
    Names(TagId),
    /// Which form do the bytes of the tag's node have?
    Form(TagId),
    /// The same as before, since a value contradicts the answer.
    Again(Box<Self>),
}

impl Question {
    /// The same question, whichever tag it comes from.
    fn key(&self) -> Self {
        match self {
            Self::Encoding(encoding, _) => Self::Encoding(encoding.clone(), TagId(0)),
            Self::Again(question) => question.key(),
            of_node @ (Self::Names(_) | Self::Form(_)) => of_node.clone(),
        }
    }
}

impl State {
    /// Everything that the server has said is to be asked again when it is needed.
    fn forget(&mut self) {
        self.types = Types::default();
        self.names.clear();
        self.forms.clear();
        self.put.clear();
        self.is_outdated = true;
        self.outdated.clear();
    }

    /// A value contradicts the answer to this question, and to no other.
    fn doubt(&mut self, question: &Question) {
        let now = Instant::now();
        match question {
            Question::Names(tag) => {
                self.doubts.doubt_names(*tag, now);
                self.names.remove(tag);
                self.put.remove(question);
            }
            Question::Encoding(encoding, tag) => {
                self.doubts.doubt_type(encoding, now);
                let Forgotten { structures, encodings } = self.types.forget(encoding);
                for encoding in encodings {
                    self.put.remove(&Question::Encoding(encoding, TagId(0)));
                }
                self.outdated.extend(structures);
                // The node may be another one, too.
                self.names.remove(tag);
                self.forms.remove(tag);
                self.put.remove(&Question::Names(*tag));
                self.put.remove(&Question::Form(*tag));
            }
            Question::Form(_) | Question::Again(_) => {}
        }
    }
}

impl Structures {
    /// For these tags.
    pub(in crate::opcua) fn new(tags: Arc<[Tag]>) -> Self {
        let is_special = |tag: &Tag| tag.field.is_some() || tag.enumeration == EnumerationForm::Name;
        Self {
            is_special: tags.iter().map(is_special).collect(),
            tags,
            waiting_tags: AtomicUsize::new(0),
            state: Mutex::default(),
            wanted: Notify::new(),
        }
    }

    /// Whether a value may pass by: the case of nearly all values, and so without a lock.
    pub(in crate::opcua) fn may_pass(&self, tag: TagId, raw: &RawValue) -> bool {
        let is_plain = matches!(&raw.value, Wire::Plain(value) if !has_two_forms(value)) && !raw.is_lossy;
        is_plain && !self.is_special[tag.index()] && self.waiting_tags.load(Ordering::Relaxed) == 0
    }

    /// Puts a value into the batch, or lets it wait for its type.
    pub(in crate::opcua) fn take(&self, update: TagUpdate, wire: Wire, batch: &mut Vec<TagUpdate>) {
        let mut state = self.lock();
        if let Wire::Unreadable(Malformed::NoLength { encoding }) = &wire {
            // Once its type is known, it can be read without its length.
            self.ask(&mut state, Question::Encoding((**encoding).clone(), update.tag));
        }
        let back = match state.held.place(update.tag) {
            Place::Behind => state.held.push(update, wire),
            place => match self.finish(&mut state, update, wire, matches!(place, Place::Over)) {
                Ok(update) => return batch.push(update),
                Err(unfinished) => {
                    let (update, wire, question) = *unfinished;
                    self.ask(&mut state, question);
                    state.held.push(update, wire)
                }
            },
        };
        self.force(&mut state, back, batch);
        self.waiting_tags.store(state.held.len(), Ordering::Relaxed);
    }

    /// Forgets the types of the session before: they may have changed with the PLC's program. Returns what still waited.
    pub(in crate::opcua) fn begin_session(&self) -> Vec<TagUpdate> {
        let left = self.end_session();
        let mut state = self.lock();
        state.forget();
        state.doubts = Doubts::default();
        left
    }

    /// Returns what waits as it is.
    pub(in crate::opcua) fn end_session(&self) -> Vec<TagUpdate> {
        let mut state = self.lock();
        state.questions.clear();
        let mut batch = Vec::new();
        for (_, waiting) in state.held.take_all() {
            self.force(&mut state, waiting, &mut batch);
        }
        self.waiting_tags.store(state.held.len(), Ordering::Relaxed);
        batch
    }

    /// Asks the server about types for as long as the session lasts, and hands on what need not wait any more.
    pub(in crate::opcua) async fn run<S: TypeServer>(
        &self,
        server: &S,
        hand_on: impl Fn(Vec<TagUpdate>) + Send + Sync,
    ) -> Infallible {
        let mut catalogue = Catalogue::default();
        let mut unanswered = Vec::new();
        loop {
            let question = self.lock().questions.front().cloned();
            let Some(question) = question else {
                tokio::select! {
                    () = self.wanted.notified() => {}
                    () = time::sleep(RETRY), if !unanswered.is_empty() => {
                        self.lock().questions.extend(unanswered.drain(..));
                    }
                }
                continue;
            };
            self.forget_outdated(&mut catalogue);
            let answered = self.answer(&question, &mut catalogue, server).await;
            // Only now, so that no question is lost with a run that is given up in the middle of it.
            self.lock().questions.pop_front();
            if answered.is_err() {
                unanswered.push(question);
            }
            hand_on(self.release());
        }
    }

    fn forget_outdated(&self, catalogue: &mut Catalogue) {
        let mut state = self.lock();
        let outdated = std::mem::take(&mut state.outdated);
        if std::mem::take(&mut state.is_outdated) {
            *catalogue = Catalogue::default();
        } else if !outdated.is_empty() {
            catalogue.forget(&outdated);
        }
    }

    /// Answers a question one way or the other; an error says that the server is to be asked again.
    async fn answer<S: TypeServer>(
        &self,
        question: &Question,
        catalogue: &mut Catalogue,
        server: &S,
    ) -> Result<(), ()> {
        match question {
            Question::Encoding(encoding, tag) => {
                let load = async {
                    let node = self.node_of(server, *tag).await;
                    catalogue.load(server, encoding, node.as_ref()).await
                };
                let load = time::timeout(PATIENCE, load).await;
                let mut state = self.lock();
                if state.is_outdated || !state.outdated.is_empty() {
                    // What was loaded belongs to types that are gone; whoever waits asks again.
                    state.put.remove(&question.key());
                    return Ok(());
                }
                let loaded = match load {
                    Ok(Ok(loaded)) => catalogue.add(loaded, &mut state.types),
                    Ok(Err(error)) => Err(error),
                    Err(_) => {
                        state.types.note(encoding.clone(), Known::Not("the server takes too long to define it".into()));
                        return Err(());
                    }
                };
                let is_final = !matches!(loaded, Err(LoadError::Service(_)));
                let known = match loaded {
                    Ok(index) => Known::Structure(index),
                    Err(error) => Known::Not(error.to_string().into()),
                };
                debug!(%encoding, ?known, "asked the server for a type");
                state.types.note(encoding.clone(), known);
                if is_final { Ok(()) } else { Err(()) }
            }
            Question::Again(question) => Box::pin(self.answer(question, catalogue, server)).await,
            Question::Form(tag) => {
                let form = time::timeout(PATIENCE, self.form_of(server, *tag)).await;
                let is_final = matches!(form, Ok(Ok(_)));
                self.lock().forms.insert(*tag, form.ok().and_then(Result::ok).unwrap_or(BytesForm::AsSent));
                if is_final { Ok(()) } else { Err(()) }
            }
            Question::Names(tag) => {
                let ask = async {
                    match self.node_of(server, *tag).await {
                        Some(node) => super::names::of_node(server, &node).await,
                        None => Ok(Names::default()),
                    }
                };
                let names = time::timeout(PATIENCE, ask).await;
                let is_final = matches!(names, Ok(Ok(_)));
                let names = names.ok().and_then(Result::ok).unwrap_or_default();
                self.lock().names.insert(*tag, Arc::new(names));
                if is_final { Ok(()) } else { Err(()) }
            }
        }
    }

    async fn form_of<S: TypeServer>(&self, server: &S, tag: TagId) -> Result<BytesForm, ServiceError> {
        match self.node_of(server, tag).await {
            Some(node) => super::definition::bytes_form(server, &node).await,
            None => Ok(BytesForm::AsSent),
        }
    }

    async fn node_of<S: TypeServer>(&self, server: &S, tag: TagId) -> Option<NodeId> {
        server.node_of(self.tags.get(tag.index())?).await
    }

    /// What waits no more.
    fn release(&self) -> Vec<TagUpdate> {
        let mut state = self.lock();
        let mut batch = Vec::new();
        for (_, waiting) in state.held.take_all() {
            let mut waiting = waiting.into_iter();
            while let Some(Waiting { update, wire }) = waiting.next() {
                match self.finish(&mut state, update, wire, false) {
                    Ok(update) => batch.push(update),
                    Err(unfinished) => {
                        let (update, wire, question) = *unfinished;
                        self.ask(&mut state, question);
                        let mut back = state.held.push(update, wire);
                        for Waiting { update, wire } in waiting.by_ref() {
                            back.extend(state.held.push(update, wire));
                        }
                        self.force(&mut state, back, &mut batch);
                    }
                }
            }
        }
        self.waiting_tags.store(state.held.len(), Ordering::Relaxed);
        batch
    }

    /// Lets values go without the types that they lack.
    fn force(&self, state: &mut State, waiting: Vec<Waiting>, batch: &mut Vec<TagUpdate>) {
        for Waiting { update, wire } in waiting {
            batch.push(self.finish(state, update, wire, true).unwrap_or_else(|unfinished| unfinished.0));
        }
    }

    fn ask(&self, state: &mut State, question: Question) {
        if state.put.insert(question.key()) {
            state.questions.push_back(question);
            self.wanted.notify_one();
        }
    }

    fn finish(
        &self,
        state: &mut State,
        update: TagUpdate,
        wire: Wire,
        is_forced: bool,
    ) -> Result<TagUpdate, Box<Unfinished>> {
        let tag = &self.tags[update.tag.index()];
        let id = update.tag;
        let is_forced = is_forced || state.put.len() >= MAX_QUESTIONS;
        let finisher = Finisher {
            tag,
            types: &state.types,
            names: state.names.get(&id).map(|names| &**names),
            form: state.forms.get(&id).copied(),
            doubts: Some(&state.doubts).filter(|_| !is_forced),
            is_forced,
        };
        let finished = finisher.finish(update, wire).map_err(|mut unfinished| {
            if let Question::Again(question) = unfinished.2 {
                state.doubt(&question);
                unfinished.2 = *question;
            }
            unfinished
        });
        let (update, reports) = finished?;
        for report in reports {
            if state.reports.0.insert((id, std::mem::discriminant(&report))) {
                report.warn(tag);
            }
        }
        Ok(update)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bodies for Structures {
    fn pass(&self, encoding: &NodeId, reader: &mut Reader<'_>) -> Option<Result<(), Malformed>> {
        self.lock().types.pass(encoding, reader)
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
