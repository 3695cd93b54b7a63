//! The northbound payload: one line of JSON with HiveMQ Edge's keys, in a fixed order.

use crate::{
    config::effective::Include,
    domain::{Epoch, Sequence, TagName, TagUpdate, update::TimestampSource},
    pipeline::northbound::{
        non_finite::write_non_finite,
        value_json::{write_json, write_status_code, write_value},
    },
    stage::{Assessed, Contribution, Unscored},
};

/// Encodes the messages of one mapping. What never changes is encoded once.
#[derive(Debug)]
pub struct Encoder {
    include: Include,
    /// `,"tagName":"…"`, or nothing.
    tag_name: Vec<u8>,
    /// `,"epoch":7,"sequence":`, or nothing.
    identity: Vec<u8>,
}

impl Encoder {
    /// An encoder for messages about `tag` that leave in `epoch`.
    pub fn new(include: Include, tag: &TagName, epoch: Epoch) -> Self {
        let mut tag_name = Vec::new();
        if include.tag_name {
            tag_name.extend_from_slice(b",\"tagName\":");
            write_json(&mut tag_name, tag.as_str());
        }
        let mut identity = Vec::new();
        if include.sequence {
            identity.extend_from_slice(b",\"epoch\":");
            write_json(&mut identity, &epoch.0);
            identity.extend_from_slice(b",\"sequence\":");
        }
        Self { include, tag_name, identity }
    }

    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>, update: &TagUpdate, sequence: Sequence, assessed: Option<&Assessed>) {
        out.extend_from_slice(b"{\"value\":");
        write_value(out, &update.value);
        if self.include.timestamp {
            out.extend_from_slice(b",\"timestamp\":");
            write_json(out, &update.timestamp().0.unix_millis());
        }
        out.extend_from_slice(&self.tag_name);
        if self.include.sequence {
            out.extend_from_slice(&self.identity);
            write_json(out, &sequence.0);
        }
        if self.include.metadata || !can_be_trusted(update) {
            write_metadata(out, update);
        }
        if let Some(assessed) = assessed {
            write_anomaly(out, assessed);
        }
        out.push(b'}');
    }
}

/// A value that nobody should take for good says so, whatever the mapping includes.
fn can_be_trusted(update: &TagUpdate) -> bool {
    update.status.is_good() && !update.flags.is_stale
}

fn write_metadata(out: &mut Vec<u8>, update: &TagUpdate) {
    out.extend_from_slice(b",\"metadata\":{\"statusCode\":");
    write_status_code(out, update.status);
    if let Some(time) = update.source_timestamp {
        out.extend_from_slice(b",\"sourceTimestamp\":");
        write_json(out, &time.unix_millis());
    }
    if let Some(time) = update.server_timestamp {
        out.extend_from_slice(b",\"serverTimestamp\":");
        write_json(out, &time.unix_millis());
    }
    match update.timestamp().1 {
        TimestampSource::Source => {}
        TimestampSource::Server => out.extend_from_slice(b",\"timestampSource\":\"server\""),
        TimestampSource::Receipt => out.extend_from_slice(b",\"timestampSource\":\"receipt\""),
    }
    write_non_finite(out, &update.value);
    write_flags(out, update);
    out.push(b'}');
}

fn write_flags(out: &mut Vec<u8>, update: &TagUpdate) {
    let flags = [
        (update.flags.is_initial, "initial"),
        (update.flags.has_overflow, "overflow"),
        (update.flags.is_undecoded, "undecoded"),
        (update.flags.is_lossy_text, "lossy_text"),
        (update.flags.is_missing_field, "missing_field"),
        (update.flags.is_heartbeat, "heartbeat"),
        (update.flags.is_stale, "stale"),
        (update.flags.is_held, "held"),
    ];
    let mut separator: &[u8] = b",\"flags\":[";
    for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
        out.extend_from_slice(separator);
        write_json(out, name);
        separator = b",";
    }
    if separator == b"," {
        out.push(b']');
    }
}

fn write_anomaly(out: &mut Vec<u8>, assessed: &Assessed) {
    match &assessed.result {
        Ok(assessment) => {
            out.extend_from_slice(b",\"anomaly\":{\"score\":");
            write_json(out, &assessment.score);
            out.extend_from_slice(b",\"threshold\":");
            write_json(out, &assessment.threshold);
            out.extend_from_slice(b",\"label\":");
            write_json(out, &assessment.label.as_u8());
            out.extend_from_slice(b",\"status\":\"scored\"");
        }
        Err(unscored) => {
            out.extend_from_slice(b",\"anomaly\":{\"score\":null,\"label\":null,\"status\":");
            write_json(out, Unscored::as_str(*unscored));
        }
    }
    out.extend_from_slice(b",\"model\":");
    write_json(out, &*assessed.model);
    if let Some(version) = assessed.version {
        out.extend_from_slice(b",\"version\":");
        write_json(out, &version);
    }
    write_contributions(out, &assessed.contributions);
    out.push(b'}');
}

fn write_contributions(out: &mut Vec<u8>, contributions: &[Contribution]) {
    let mut separator: &[u8] = b",\"contributions\":[";
    for contribution in contributions {
        out.extend_from_slice(separator);
        out.extend_from_slice(b"{\"feature\":");
        write_json(out, &*contribution.feature);
        out.extend_from_slice(b",\"share\":");
        // Three digits say all that an attribution can.
        write_json(out, &((contribution.share * 1000.0).round() / 1000.0));
        out.push(b'}');
        separator = b",";
    }
    if separator == b"," {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use tagwise_model::{Assessment, Label};

    use super::*;
    use crate::domain::{StatusCode, TagId, TagValue, Timestamp, UpdateFlags};

    const ALL: Include = Include { timestamp: true, tag_name: true, metadata: true, sequence: true };

    fn update() -> TagUpdate {
        TagUpdate {
            tag: TagId(0),
            value: TagValue::Double(23.5),
            status: StatusCode::GOOD,
            source_timestamp: Some(Timestamp::from_unix_millis(1_767_225_600_000)),
            server_timestamp: Some(Timestamp::from_unix_millis(1_767_225_600_003)),
            received_at: Timestamp::from_unix_millis(1_767_225_600_009),
            flags: UpdateFlags { is_initial: true, ..UpdateFlags::default() },
        }
    }

    fn encode(include: Include, update: &TagUpdate, assessed: Option<&Assessed>) -> String {
        let encoder = Encoder::new(include, &TagName::new("line1/vibration"), Epoch(7));
        let mut out = Vec::new();
        encoder.encode(&mut out, update, Sequence(4711), assessed);
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        text
    }

    fn assessed(result: Result<Assessment, Unscored>, version: Option<u64>) -> Assessed {
        Assessed { result, contributions: Vec::new(), model: "vibration".into(), version }
    }

    #[test]
    fn what_contributed_most_stands_behind_the_version() {
        let assessment = Assessment { score: 2.5, threshold: 1.0, label: Label::Anomaly };
        let contribution = |feature: &str, share| Contribution { feature: feature.into(), share };
        let contributions = vec![contribution("line1/vibration", 0.812_345), contribution("rms_64(line1/speed)", 0.1)];
        let assessed = Assessed { contributions, ..assessed(Ok(assessment), Some(3)) };
        let none = Include { timestamp: false, tag_name: false, metadata: false, sequence: false };
        assert_eq!(
            encode(none, &update(), Some(&assessed)),
            concat!(
                r#"{"value":23.5,"anomaly":{"score":2.5,"threshold":1.0,"label":1,"status":"scored","model":"vibration","#,
                r#""version":3,"contributions":[{"feature":"line1/vibration","share":0.812},"#,
                r#"{"feature":"rms_64(line1/speed)","share":0.1}]}}"#
            )
        );
    }

    #[test]
    fn a_scored_value_is_the_documented_line() {
        let assessment = Assessment { score: 0.171, threshold: 0.0, label: Label::Anomaly };
        let assessed = assessed(Ok(assessment), Some(3));
        assert_eq!(
            encode(ALL, &update(), Some(&assessed)),
            concat!(
                r#"{"value":23.5,"timestamp":1767225600000,"tagName":"line1/vibration","epoch":7,"sequence":4711,"#,
                r#""metadata":{"statusCode":{"code":0,"symbol":"Good"},"sourceTimestamp":1767225600000,"#,
                r#""serverTimestamp":1767225600003,"flags":["initial"]},"#,
                r#""anomaly":{"score":0.171,"threshold":0.0,"label":1,"status":"scored","model":"vibration","version":3}}"#
            )
        );
    }

    #[test]
    fn each_switch_only_adds_its_keys() {
        let none = Include { timestamp: false, tag_name: false, metadata: false, sequence: false };
        assert_eq!(encode(none, &update(), None), r#"{"value":23.5}"#);
        let edge = Include { timestamp: true, ..none };
        assert_eq!(encode(edge, &update(), None), r#"{"value":23.5,"timestamp":1767225600000}"#);
    }

    #[test]
    fn what_could_not_be_scored_says_why() {
        let none = Include { timestamp: false, tag_name: false, metadata: false, sequence: false };
        let assessed = assessed(Err(Unscored::WarmingUp), None);
        assert_eq!(
            encode(none, &update(), Some(&assessed)),
            r#"{"value":23.5,"anomaly":{"score":null,"label":null,"status":"warming_up","model":"vibration"}}"#
        );
    }

    #[test]
    fn metadata_tells_the_clock_and_the_number_that_json_cannot_say() {
        let mut bare = update();
        bare.value = TagValue::Float(f32::NAN);
        bare.source_timestamp = None;
        bare.server_timestamp = None;
        bare.flags = UpdateFlags { has_overflow: true, is_undecoded: true, ..UpdateFlags::default() };
        bare.status = StatusCode(0x0480);
        let only_metadata = Include { timestamp: false, tag_name: false, metadata: true, sequence: false };
        assert_eq!(
            encode(only_metadata, &bare, None),
            concat!(
                r#"{"value":null,"metadata":{"statusCode":{"code":1152,"symbol":"Good"},"timestampSource":"receipt","#,
                r#""number":"NaN","flags":["overflow","undecoded"]}}"#
            )
        );
    }

    #[test]
    fn what_cannot_be_trusted_says_so_even_without_include_metadata() {
        let none = Include { timestamp: false, tag_name: false, metadata: false, sequence: false };
        let mut held = update();
        held.status = StatusCode(0x808C_0000);
        (held.source_timestamp, held.server_timestamp) = (None, None);
        held.flags = UpdateFlags { is_held: true, ..UpdateFlags::default() };
        assert_eq!(
            encode(none, &held, None),
            concat!(
                r#"{"value":23.5,"metadata":{"statusCode":{"code":2156658688,"symbol":"BadSensorFailure"},"#,
                r#""timestampSource":"receipt","flags":["held"]}}"#
            )
        );
        let mut stale = update();
        stale.flags = UpdateFlags { is_heartbeat: true, is_stale: true, ..UpdateFlags::default() };
        assert!(encode(none, &stale, None).ends_with(r#""flags":["heartbeat","stale"]}}"#));
        stale.flags.is_stale = false;
        assert_eq!(encode(none, &stale, None), r#"{"value":23.5}"#, "a heartbeat is as good as the value it repeats");
    }
}
