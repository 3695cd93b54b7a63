//! What `check --online` found: what would not work, what is worth knowing, and how it is printed.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    browse_tree::{access, type_and_rank},
    printable::printable,
};
use crate::{
    config::effective::{Deadband, Range, Tag},
    mqtt::BrokerReport,
    opcua::{Details, FilterPlace, TagReport, ValueKind, status_symbol},
    pipeline::southbound::range,
};

/// A sampling interval this much longer than asked for is worth a word.
const TOLERANCE: f64 = 1.5;

/// All that was found.
#[derive(Debug)]
pub(super) struct OnlineReport {
    pub(super) file: String,
    pub(super) server: String,
    /// Why the server could not be asked.
    pub(super) server_problem: Option<String>,
    pub(super) brokers: Vec<BrokerReport>,
    pub(super) tags: Vec<TagLine>,
}

/// What was found of one tag.
#[derive(Debug)]
pub(super) struct TagLine {
    name: String,
    line: usize,
    node: String,
    report: TagReport,
    /// Milliseconds and values, as the adapter would ask for them.
    asked: (f64, u32),
    deadband: Option<Deadband>,
    /// What would not work.
    pub(super) problems: Vec<String>,
    /// What works otherwise than one may think.
    pub(super) notes: Vec<String>,
}

impl TagLine {
    /// Holds a tag's node against what the mapping wants of it.
    /// `south` has the ranges of the southbound mappings that write it.
    pub(super) fn judge(tag: &Tag, report: TagReport, is_north: bool, south: &[Range]) -> Self {
        let mut line = Self {
            name: tag.name.to_string(),
            line: tag.line,
            node: tag.node.to_string(),
            asked: (tag.subscription.sampling_interval.as_secs_f64() * 1000.0, tag.subscription.asked_queue_size()),
            deadband: tag.subscription.deadband,
            report,
            problems: Vec::new(),
            notes: Vec::new(),
        };
        let (problems, notes) = line.findings(is_north, south);
        (line.problems, line.notes) = (problems, notes);
        line
    }

    fn findings(&self, is_north: bool, south: &[Range]) -> (Vec<String>, Vec<String>) {
        let is_south = !south.is_empty();
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        if let Some(why) = &self.report.missing {
            problems.push(format!("there is no such node ({why}); look for it with `tagwise browse`"));
            return (problems, notes);
        }
        let Some(details) = &self.report.details else {
            problems.push(match &self.report.other_class {
                Some(class) => format!("the node is of the NodeClass {class} and has no value; map a Variable"),
                None => "the node has no value; map a Variable".to_owned(),
            });
            return (problems, notes);
        };
        if is_north && !details.is_readable {
            problems.push("the user may not read it; see to the rights on the server".to_owned());
        }
        if is_south && !details.is_writable {
            problems
                .push("southbound_mappings write it, and the user may not; see to the rights on the server".to_owned());
        }
        if is_south && details.kind == ValueKind::Structure {
            problems.push(
                "southbound_mappings write it, and its values are structures, which cannot be written yet".to_owned(),
            );
        }
        let misfits =
            details.built_in.map(|data_type| south.iter().filter_map(move |one| range::misfit(*one, data_type)));
        problems.extend(misfits.into_iter().flatten());
        notes.extend(self.about_filter(details));
        match &self.report.item {
            Some(Err(why)) if is_north => problems.push(format!("the server does not monitor it: {why}")),
            Some(Ok(item)) => {
                if item.queue_size < self.asked.1 {
                    notes.push(format!("the server queues {} values instead of {}", item.queue_size, self.asked.1));
                }
                // Zero asks for the fastest there is, and whatever comes is that.
                if self.asked.0 > 0.0 && item.sampling_interval > self.asked.0 * TOLERANCE {
                    notes.push(format!(
                        "the server samples every {} ms instead of {} ms",
                        item.sampling_interval, self.asked.0
                    ));
                }
            }
            _ => {}
        }
        if let Some(status) = self.report.status.filter(|status| !status.is_good()) {
            notes.push(format!("its value is {} now", status_symbol(status)));
        }
        (problems, notes)
    }

    /// What becomes of trigger and deadband otherwise than one may think.
    fn about_filter(&self, details: &Details) -> Option<String> {
        let refused = self.report.filter_refusal.as_ref().map(|why| format!("the server refuses the filter ({why})"));
        let is_percent = matches!(self.deadband, Some(Deadband::Percent(_)));
        let is_applied_here = refused.is_some() || self.report.filter == FilterPlace::Here;
        if is_percent && is_applied_here && self.report.filter == FilterPlace::Here && !self.report.has_range {
            let what = "the node has no EURange, so a deadband in percent cannot be applied and every change is sent";
            return Some(format!("{what}; use `absolute`"));
        }
        match (self.report.filter, refused) {
            (FilterPlace::NoTimestamps, Some(refused)) => Some(format!(
                "{refused}, so a timestamp that changes alone does not come, whatever `trigger` says; `mode: poll` sees it"
            )),
            (FilterPlace::Here, Some(refused)) => Some(format!("{refused}; it is applied here")),
            (FilterPlace::NoNumber, _) => Some(format!(
                "a deadband is for numbers, and its values are none ({}), so every change is sent; `deadband: none` says that this is meant",
                details.data_type
            )),
            (FilterPlace::NoTimestamps | FilterPlace::Here | FilterPlace::Server | FilterPlace::Nowhere, _) => None,
        }
    }

    /// The deadbands that the node has what it takes for.
    fn deadbands(&self) -> &'static [&'static str] {
        match &self.report.details {
            Some(details) if details.kind != ValueKind::Number => &[],
            Some(_) if self.report.has_range => &["absolute", "percent"],
            Some(_) => &["absolute"],
            None => &[],
        }
    }
}

impl OnlineReport {
    /// Whether everything would work.
    pub(super) fn is_good(&self) -> bool {
        self.server_problem.is_none()
            && self.brokers.iter().all(|broker| broker.problem.is_none())
            && self.failing() == 0
    }

    fn failing(&self) -> usize {
        self.tags.iter().filter(|tag| !tag.problems.is_empty()).count()
    }

    fn summary(&self) -> String {
        let (count, failing) = (self.tags.len(), self.failing());
        let notes: usize = self.tags.iter().map(|tag| tag.notes.len()).sum();
        let verdict = if self.is_good() { "everything would work" } else { "not everything would work" };
        format!("{}: {verdict}; {count} tags looked at, {failing} of them would fail, {notes} notes", self.file)
    }
}

/// For people.
pub(super) fn render_text(report: &OnlineReport) -> String {
    let mut text = String::new();
    let server = report.server_problem.as_deref().unwrap_or("connected");
    push(&mut text, format_args!("opcua  {}: {}\n", printable(&report.server), printable(server)));
    for broker in &report.brokers {
        let good = || format!("reachable, credentials good, MQTT {}", broker.protocol_version.as_str());
        let found = broker.problem.clone().unwrap_or_else(good);
        push(&mut text, format_args!("{}  {}: {}\n", printable(&broker.name), broker.url, printable(&found)));
    }
    let rows: Vec<[String; 7]> = report.tags.iter().map(row).collect();
    if !rows.is_empty() {
        let header = ["tag", "type", "access", "status", "sampling", "queue", "deadband"].map(str::to_owned);
        let width = |column: usize| {
            rows.iter().chain([&header]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        text.push('\n');
        for (row, tag) in std::iter::once((&header, None)).chain(rows.iter().zip(report.tags.iter().map(Some))) {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            push(&mut text, format_args!("{}\n", line.trim_end()));
            let Some(tag) = tag else { continue };
            for (mark, finding) in
                tag.problems.iter().map(|one| ("error", one)).chain(tag.notes.iter().map(|one| ("note", one)))
            {
                let (node, line) = (printable(&tag.node), tag.line);
                push(&mut text, format_args!("    {mark}: {} ({node}, line {line})\n", printable(finding)));
            }
        }
        text.push('\n');
    }
    push(&mut text, format_args!("{}\n", printable(&report.summary())));
    text
}

fn row(tag: &TagLine) -> [String; 7] {
    let dash = || "-".to_owned();
    let details = tag.report.details.as_ref();
    let item = tag.report.item.as_ref().and_then(|item| item.as_ref().ok());
    let deadbands = tag.deadbands();
    [
        printable(&tag.name),
        details.map_or_else(dash, type_and_rank),
        details.map_or_else(dash, |details| access(details).to_owned()),
        tag.report.status.map_or_else(dash, |status| status_symbol(status).into_owned()),
        item.map_or_else(dash, |item| format!("{} ms", item.sampling_interval)),
        item.map_or_else(dash, |item| item.queue_size.to_string()),
        if deadbands.is_empty() { dash() } else { deadbands.join(", ") },
    ]
}

/// For machines: one document.
pub(super) fn render_json(report: &OnlineReport) -> anyhow::Result<String> {
    let broker = |broker: &BrokerReport| {
        json!({
            "name": broker.name,
            "url": broker.url,
            "reachable": broker.is_reachable,
            "credentialsGood": broker.is_let_in,
            "protocolVersion": broker.is_let_in.map(|_| broker.protocol_version.as_str()),
            "problem": broker.problem,
        })
    };
    let document = json!({
        "file": report.file,
        "works": report.is_good(),
        "opcua": { "uri": report.server, "connected": report.server_problem.is_none(), "problem": report.server_problem },
        "brokers": report.brokers.iter().map(broker).collect::<Vec<_>>(),
        "tags": report.tags.iter().map(tag_json).collect::<Vec<_>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn tag_json(tag: &TagLine) -> Value {
    let details = tag.report.details.as_ref();
    let item = tag.report.item.as_ref().and_then(|item| item.as_ref().ok());
    json!({
        "tagName": tag.name,
        "line": tag.line,
        "node": tag.node,
        "exists": tag.report.missing.is_none(),
        "nodeClass": details.map_or(tag.report.other_class.as_deref(), |_| Some("Variable")),
        "dataType": details.map(|details| &details.data_type),
        "valueRank": details.map(|details| details.value_rank),
        "readable": details.map(|details| details.is_readable),
        "writable": details.map(|details| details.is_writable),
        "status": tag.report.status.map(status_symbol),
        "samplingInterval": { "asked": tag.asked.0, "revised": item.map(|item| item.sampling_interval) },
        "queueSize": { "asked": tag.asked.1, "revised": item.map(|item| item.queue_size) },
        "deadbands": tag.deadbands(),
        "problems": tag.problems,
        "notes": tag.notes,
    })
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _unused: std::fmt::Result = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::effective::{ProtocolVersion, QueueSize},
        domain::{DataType, NodeAddress, StatusCode},
        opcua::GrantedItem,
    };

    fn found() -> TagReport {
        TagReport {
            details: Some(Details {
                data_type: "Float".into(),
                built_in: Some(DataType::Float),
                kind: ValueKind::Number,
                value_rank: -1,
                is_readable: true,
                is_writable: false,
            }),
            status: Some(StatusCode::GOOD),
            item: Some(Ok(GrantedItem { sampling_interval: 250.0, queue_size: 4 })),
            ..TagReport::missing(None)
        }
    }

    fn judge(report: TagReport, is_north: bool, is_south: bool) -> TagLine {
        let south: &[Range] = if is_south { &[Range { min: None, max: None }] } else { &[] };
        judge_with(report, is_north, south)
    }

    fn judge_with(report: TagReport, is_north: bool, south: &[Range]) -> TagLine {
        let node: NodeAddress = "nsu=urn:plc;s=x".parse().unwrap();
        let mut tag = Tag::new("line1/x", node);
        tag.subscription.sampling_interval = Duration::from_millis(250);
        tag.subscription.queue_size = QueueSize::Values(4);
        TagLine::judge(&tag, report, is_north, south)
    }

    #[track_caller]
    fn check(line: &TagLine, problem: Option<&str>, note: Option<&str>) {
        let holds = |findings: &[String], expected: Option<&str>| match expected {
            None => findings.is_empty(),
            Some(word) => findings.len() == 1 && findings[0].contains(word),
        };
        assert!(holds(&line.problems, problem), "{:?}", line.problems);
        assert!(holds(&line.notes, note), "{:?}", line.notes);
    }

    #[test]
    fn what_would_not_work_is_told_from_what_is_worth_knowing() {
        check(&judge(found(), true, false), None, None);
        check(&judge(found(), true, true), Some("southbound_mappings"), None);
        let gone = TagReport { missing: Some("BadNodeIdUnknown".into()), ..found() };
        check(&judge(gone, true, true), Some("BadNodeIdUnknown"), None);
        let object = TagReport { details: None, ..found() };
        check(&judge(object.clone(), true, false), Some("map a Variable"), None);
        let kind = TagReport { other_class: Some("VariableType".into()), ..object };
        check(&judge(kind, true, false), Some("NodeClass VariableType"), None);
        let mut motor = found();
        motor.details =
            motor.details.map(|details| Details { kind: ValueKind::Structure, is_writable: true, ..details });
        check(&judge(motor.clone(), true, false), None, None);
        check(&judge(motor, true, true), Some("structures"), None);
        let refused = TagReport { item: Some(Err("BadTooManyMonitoredItems".into())), ..found() };
        check(&judge(refused.clone(), true, false), Some("BadTooManyMonitoredItems"), None);
        check(&judge(refused, false, false), None, None);
        let slow = TagReport { item: Some(Ok(GrantedItem { sampling_interval: 1000.0, queue_size: 4 })), ..found() };
        check(&judge(slow, true, false), None, Some("1000 ms instead of 250 ms"));
        let short = TagReport { item: Some(Ok(GrantedItem { sampling_interval: 250.0, queue_size: 1 })), ..found() };
        check(&judge(short, true, false), None, Some("1 values instead of 4"));
        let bad = TagReport { status: Some(StatusCode(0x808C_0000)), ..found() };
        check(&judge(bad, true, false), None, Some("BadSensorFailure"));
    }

    #[test]
    fn a_range_that_the_node_cannot_meet_is_an_error() {
        let with = |data_type, max| {
            let mut report = found();
            report.details =
                report.details.map(|details| Details { built_in: Some(data_type), is_writable: true, ..details });
            judge_with(report, false, &[Range { min: Some(max - 5.0), max: Some(max) }])
        };
        check(&with(DataType::Float, 5.0), None, None);
        check(&with(DataType::String, 5.0), Some("`range`"), None);
        check(&with(DataType::Byte, 500.0), Some("`range`"), None);
    }

    #[test]
    fn a_deadband_needs_a_number_and_one_in_percent_a_range() {
        assert_eq!(judge(found(), true, false).deadbands(), ["absolute"]);
        let ranged = TagReport { has_range: true, ..found() };
        assert_eq!(judge(ranged, true, false).deadbands(), ["absolute", "percent"]);
        let mut text = found();
        text.details = text.details.map(|details| Details { kind: ValueKind::Other, ..details });
        assert!(judge(text, true, false).deadbands().is_empty());
    }

    #[test]
    fn what_becomes_of_a_filter_is_said() {
        let with = |filter, refusal: Option<&str>| {
            let report = TagReport { filter, filter_refusal: refusal.map(str::to_owned), ..found() };
            judge(report, true, false)
        };
        check(&with(FilterPlace::Server, None), None, None);
        check(&with(FilterPlace::NoNumber, None), None, Some("`deadband: none`"));
        check(&with(FilterPlace::Here, None), None, None);
        check(&with(FilterPlace::Here, Some("BadInvalidArgument")), None, Some("it is applied here"));
        let times = with(FilterPlace::NoTimestamps, Some("BadFilterNotAllowed"));
        check(&times, None, Some("does not come"));
        assert!(!times.notes[0].contains("applied here"));
    }

    #[test]
    fn a_matrix_is_shown_as_one() {
        let mut matrix = found();
        matrix.details = matrix.details.map(|details| Details { value_rank: 2, ..details });
        assert_eq!(row(&judge(matrix, true, false))[1], "Float[,]");
    }

    #[test]
    fn one_problem_anywhere_is_enough() {
        let broker = BrokerReport {
            name: "edge".into(),
            url: "mqtt://edge:1883".into(),
            is_reachable: true,
            protocol_version: ProtocolVersion::V5,
            is_let_in: Some(true),
            problem: None,
        };
        let good = |tags: Vec<TagLine>| OnlineReport {
            file: "line1.yaml".into(),
            server: "opc.tcp://plc:4840".into(),
            server_problem: None,
            brokers: vec![broker.clone()],
            tags,
        };
        let report = good(vec![judge(found(), true, false)]);
        assert!(report.is_good() && render_text(&report).contains("everything would work"));
        assert!(!good(vec![judge(found(), true, true)]).is_good());
        assert!(!OnlineReport { server_problem: Some("away".into()), ..good(Vec::new()) }.is_good());
        let refused = BrokerReport { is_let_in: Some(false), problem: Some("wrong password".into()), ..broker.clone() };
        let report = OnlineReport { brokers: vec![refused], ..good(Vec::new()) };
        assert!(!report.is_good() && render_text(&report).contains("wrong password"));
        let json: Value = serde_json::from_str(&render_json(&report).unwrap()).unwrap();
        assert_eq!((&json["works"], &json["brokers"][0]["credentialsGood"]), (&json!(false), &json!(false)));
    }
}
