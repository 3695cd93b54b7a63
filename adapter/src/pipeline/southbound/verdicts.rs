//! Every command gets exactly one verdict: encoded, published, counted and written to the audit log here.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{
    answer::{Answer, Rejection},
    audit,
    payload::CommandPayload,
    routes::{CommandRoutes, Destination},
};
use crate::{
    config::effective::SouthboundMapping,
    domain::{BrokerId, Command, OutboundMessage, Qos, Route, StatusCode, TagId, TagName, Timestamp, Verdict},
    telemetry::Metrics,
};

/// A value or an id longer than this, as JSON and in bytes, is not repeated in the verdict.
const LONGEST_ECHO: usize = 4 * 1024;

/// What a verdict is about, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) tag: Option<TagId>,
    pub(super) value: Option<Value>,
    pub(super) id: Option<Value>,
}

impl Subject {
    pub(super) fn new(mapping: Option<&SouthboundMapping>, payload: CommandPayload) -> Self {
        Self { tag: mapping.map(|mapping| mapping.tag), value: payload.value.ok(), id: payload.id }
    }
}

/// Where verdicts are given. `O` hands a message to the urgent lane of a broker's spool.
pub(super) struct Verdicts<O> {
    pub(super) routes: CommandRoutes,
    pub(super) tag_names: Vec<TagName>,
    pub(super) outbox: O,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: fn() -> Timestamp,
    pub(super) symbol: fn(StatusCode) -> Cow<'static, str>,
}

impl<O: Fn(BrokerId, OutboundMessage)> Verdicts<O> {
    /// Gives the one verdict on a command and returns it as it was sent.
    pub(super) fn give(&self, command: &Command, subject: Subject, answer: Answer) -> Bytes {
        let verdict = Verdict {
            outcome: answer.outcome,
            reason: answer.reason,
            message: answer.message,
            tag_name: subject.tag.and_then(|tag| self.tag_name(tag)).map(|name| name.as_str().to_owned()),
            value: subject.value.filter(is_short),
            id: subject.id.filter(is_short),
            status_code: answer.status_code,
            completed_at: (self.clock)(),
        };
        self.count(verdict.outcome.as_str());
        audit::command(command, &verdict);
        let payload = encode(&verdict, self.symbol);
        self.publish(command, payload.clone(), verdict.completed_at);
        payload
    }

    /// Gives a verdict without looking any further at the command.
    pub(super) fn refuse(&self, command: &Command, rejection: Rejection) {
        let mapping = match self.routes.find(command.broker, &command.topic) {
            Destination::Verdict => return self.ignore(command),
            Destination::Command(mapping) => Some(&**mapping),
            Destination::Unmapped => None,
        };
        let payload = CommandPayload::read(&command.payload, mapping.and_then(|mapping| mapping.value.as_deref()));
        self.give(command, Subject::new(mapping, payload), rejection.into());
    }

    /// Sends the first verdict on a command again.
    pub(super) fn repeat(&self, command: &Command, payload: Bytes) {
        self.count("repeated");
        audit::repeat(command);
        self.publish(command, payload, (self.clock)());
    }

    /// Counts a repeat whose first verdict is on its way and which gets none of its own.
    pub(super) fn pass_over_repeat(&self, command: &Command) {
        self.count("repeated");
        audit::repeat_without_verdict(command);
    }

    /// Passes over a verdict that came back to us.
    pub(super) fn ignore(&self, command: &Command) {
        self.count("ignored");
        tracing::debug!(topic = command.topic, "a verdict on one of our own topics is no command");
    }

    /// Counts how a command ended.
    pub(super) fn count(&self, result: &str) {
        self.metrics.commands.with_label_values(&[result]).inc();
    }

    /// The name of a tag.
    pub(super) fn tag_name(&self, tag: TagId) -> Option<&TagName> {
        self.tag_names.get(tag.index())
    }

    fn publish(&self, command: &Command, payload: Bytes, created_at: Timestamp) {
        let Some(topic) = self.routes.verdict_topic(command) else {
            tracing::warn!(
                topic = command.topic,
                "there is no topic for the verdict that is not a command topic itself"
            );
            return;
        };
        let route = Route {
            topic,
            qos: Qos::AtLeastOnce,
            is_retained: false,
            user_properties: Vec::new(),
            message_expiry: None,
            content_type: None,
            tag_name: None,
        };
        let message = OutboundMessage {
            route: Arc::new(route),
            epoch: None,
            payload,
            sequence: None,
            user_properties: Vec::new(),
            correlation_data: command.correlation_data.clone(),
            source_timestamp: None,
            created_at,
            received_at: None,
        };
        (self.outbox)(command.broker, message);
    }
}

fn is_short(value: &Value) -> bool {
    value.to_string().len() <= LONGEST_ECHO
}

/// The verdict's JSON; what is absent is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'verdict> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'verdict str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_name: Option<&'verdict str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'verdict Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'verdict Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<StatusBody>,
    completed_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'verdict str>,
}

#[derive(Serialize)]
struct StatusBody {
    code: u32,
    symbol: Cow<'static, str>,
}

/// The verdict as one line of JSON.
fn encode(verdict: &Verdict, symbol: fn(StatusCode) -> Cow<'static, str>) -> Bytes {
    let body = Body {
        outcome: verdict.outcome.as_str(),
        reason: verdict.reason.as_deref(),
        tag_name: verdict.tag_name.as_deref(),
        value: verdict.value.as_ref(),
        id: verdict.id.as_ref(),
        status_code: verdict.status_code.map(|status| StatusBody { code: status.0, symbol: symbol(status) }),
        completed_at: verdict.completed_at.unix_millis(),
        message: verdict.message.as_deref(),
    };
    serde_json::to_vec(&body).expect("invariant: every key of a verdict is text").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Outcome;

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict {
            outcome,
            reason: None,
            message: None,
            tag_name: Some("line1/speed".into()),
            value: Some(json!(1500)),
            id: None,
            status_code: Some(StatusCode::GOOD),
            completed_at: Timestamp::from_unix_millis(1_767_225_600_000),
        }
    }

    #[track_caller]
    fn check(verdict: &Verdict, expected: &str) {
        let payload = encode(verdict, |status| if status.is_good() { "Good".into() } else { "BadTypeMismatch".into() });
        assert_eq!(String::from_utf8_lossy(&payload), expected);
    }

    #[test]
    fn a_verdict_is_one_line_without_what_is_absent() {
        check(
            &verdict(Outcome::Succeeded),
            r#"{"outcome":"succeeded","tagName":"line1/speed","value":1500,"statusCode":{"code":0,"symbol":"Good"},"completedAt":1767225600000}"#,
        );
        let failed = Verdict {
            reason: Some("bad_type_mismatch".into()),
            message: Some("the server refused the write".into()),
            id: Some(json!("a-1")),
            status_code: Some(StatusCode(0x8074_0000)),
            ..verdict(Outcome::Failed)
        };
        check(
            &failed,
            r#"{"outcome":"failed","reason":"bad_type_mismatch","tagName":"line1/speed","value":1500,"id":"a-1","statusCode":{"code":2155085824,"symbol":"BadTypeMismatch"},"completedAt":1767225600000,"message":"the server refused the write"}"#,
        );
        let unmapped =
            Verdict { tag_name: None, value: Some(json!(null)), status_code: None, ..verdict(Outcome::Rejected) };
        check(&unmapped, r#"{"outcome":"rejected","value":null,"completedAt":1767225600000}"#);
    }
}
