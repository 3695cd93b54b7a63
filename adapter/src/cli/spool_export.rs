//! A spooled message as a line of JSON.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    domain::{Lane, OutboundMessage, Qos, TagName, Timestamp},
    spool::Position,
};

/// Writes one line. A payload that is JSON stands in it byte for byte, so that no digit changes; any other one as base64.
pub(super) fn write_line(
    out: &mut dyn io::Write,
    broker: &str,
    lane: Lane,
    position: Position,
    message: &OutboundMessage,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(&head(broker, lane, position, message))?;
    // Instead of the closing brace.
    line.pop();
    match as_json(&message.payload) {
        Some(json) => {
            line.extend_from_slice(b",\"payload\":");
            // In JSON that is valid, a line ends only between tokens.
            line.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        }
        None => line.extend(format!(",\"payloadBase64\":\"{}\"", STANDARD.encode(&message.payload)).bytes()),
    }
    line.extend_from_slice(b"}\n");
    out.write_all(&line)
}

/// All but the payload. Times are milliseconds since 1970, as in payloads.
fn head(broker: &str, lane: Lane, position: Position, message: &OutboundMessage) -> Map<String, Value> {
    let route = &message.route;
    let of_route = route.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let of_message = message.user_properties.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
    let properties = of_route.chain(of_message).map(|(name, value)| json!({ "name": name, "value": value }));
    let qos = match route.qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
    };
    let members = [
        ("broker", json!(broker)),
        ("lane", json!(lane.as_str())),
        ("position", json!(position.0)),
        ("topic", json!(route.topic.as_str())),
        ("qos", json!(qos)),
        ("retain", json!(route.is_retained)),
        ("tagName", json!(route.tag_name.as_ref().map(TagName::as_str))),
        ("epoch", json!(message.epoch.map(|epoch| epoch.0))),
        ("sequence", json!(message.sequence.map(|sequence| sequence.0))),
        ("createdAt", json!(message.created_at.unix_millis())),
        ("sourceTimestamp", json!(message.source_timestamp.map(Timestamp::unix_millis))),
        ("messageExpiryMillis", json!(route.message_expiry.map(|expiry| u64::try_from(expiry.as_millis()).ok()))),
        ("contentType", json!(route.content_type)),
        ("userProperties", properties.collect()),
        ("correlationData", json!(message.correlation_data.as_ref().map(|data| STANDARD.encode(data)))),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn as_json(payload: &[u8]) -> Option<&str> {
    let text = str::from_utf8(payload).ok()?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{domain::Epoch, spool::sample};

    fn line(payload: &'static [u8]) -> String {
        let message = OutboundMessage {
            payload: Bytes::from_static(payload),
            epoch: Some(Epoch(4)),
            user_properties: vec![("anomaly-label".into(), "1".to_owned())],
            correlation_data: Some(Bytes::from_static(&[0, 255])),
            ..sample::message("a/b", 7)
        };
        let mut out = Vec::new();
        write_line(&mut out, "cloud", Lane::Urgent, Position(9), &message).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_says_all_that_is_known_of_a_message() {
        assert_eq!(
            line(b"{\"value\":1.0}"),
            "{\"broker\":\"cloud\",\"lane\":\"urgent\",\"position\":9,\"topic\":\"a/b\",\"qos\":1,\"retain\":false,\
             \"tagName\":\"a/b\",\"epoch\":4,\"sequence\":7,\"createdAt\":0,\"sourceTimestamp\":7,\
             \"messageExpiryMillis\":null,\"contentType\":null,\"userProperties\":[{\"name\":\"anomaly-label\",\"value\":\"1\"}],\
             \"correlationData\":\"AP8=\",\"payload\":{\"value\":1.0}}\n"
        );
    }

    #[test]
    fn a_payload_keeps_its_digits_and_one_that_is_no_json_is_encoded() {
        assert!(
            line(b"{\n\"a\": 12345678901234567890123.50\r\n}")
                .ends_with("\"payload\":{ \"a\": 12345678901234567890123.50  }}\n")
        );
        for no_json in [&b""[..], b"NaN", b"{\"a\":1", b"\"\xff\"", b"1 2", b"\"a\nb\""] {
            let line = line(no_json);
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["payloadBase64"], STANDARD.encode(no_json), "{line}");
            assert_eq!((line.matches('\n').count(), value.get("payload")), (1, None));
        }
    }
}
