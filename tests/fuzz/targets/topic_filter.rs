//! Topic filters: no text makes them panic, and what they say about each other is consistent.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwise::domain::{TopicFilter, TopicName};

fuzz_target!(|texts: (&str, &str, &str)| {
    let (topic, one, other) = texts;
    let (Ok(topic), Ok(one), Ok(other)) = (TopicName::parse(topic), TopicFilter::parse(one), TopicFilter::parse(other))
    else {
        return;
    };
    if one.matches(topic.as_str()) && other.matches(topic.as_str()) {
        assert!(one.overlaps(&other), "{one} and {other} both match {topic}");
        assert!(other.overlaps(&one), "{other} and {one} both match {topic}");
    }
});
