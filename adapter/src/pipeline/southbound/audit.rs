//! One line for every write that was asked for, whatever became of it. Log lines of target `audit` are meant to be kept.

use tracing::{field, info};

use super::answer::Answer;
use crate::domain::{Command, TagName, Verdict};

const TARGET: &str = "audit";

/// A command and its verdict.
pub(super) fn command(command: &Command, verdict: &Verdict) {
    let value = verdict.value.as_ref().map(field::display);
    let id = verdict.id.as_ref().map(field::display);
    info!(
        target: TARGET,
        topic = command.topic,
        tag = verdict.tag_name,
        value,
        id,
        outcome = verdict.outcome.as_str(),
        reason = verdict.reason,
        status_code = verdict.status_code.map(|status| status.0),
        detail = verdict.message,
        "command"
    );
}

/// A command that was answered before.
pub(super) fn repeat(command: &Command) {
    info!(target: TARGET, topic = command.topic, "command repeated: answered with its first verdict");
}

/// A command that came again before its verdict, and for which there was no room to wait.
pub(super) fn repeat_without_verdict(command: &Command) {
    info!(target: TARGET, topic = command.topic, "command repeated: the verdict on the first one is on its way");
}

/// An alarm's bit.
pub(super) fn alarm(tag: &TagName, is_active: bool, answer: &Answer) {
    info!(
        target: TARGET,
        tag = tag.as_str(),
        value = is_active,
        outcome = answer.outcome.as_str(),
        reason = answer.reason,
        status_code = answer.status_code.map(|status| status.0),
        detail = answer.message,
        "alarm bit"
    );
}
