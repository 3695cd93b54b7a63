//! The table at the end.

use serde_json::Value;

use crate::{Results, load::Load};

/// Says what is going on.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes and says where it is")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Prints all figures.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn print(load: &Load, model: &str, results: &Results) {
    let Results { adapter, bare_opcua, bare_mqtt } = results;
    let [all, receiving, publishing] = [adapter, bare_opcua, bare_mqtt].map(cpu_per_100k);
    println!(
        "\n{} Double tags at {} Hz, publishing {} ms, sampling {} ms, model {model}, QoS 1, {} s\n",
        load.tags, load.rate, load.publishing, load.sampling, load.seconds
    );
    println!("{:<34}{:>12}{:>16}{:>16}", "", "adapter", "bare OPC UA", "bare MQTT");
    row("values", [adapter, bare_opcua, bare_mqtt].map(|result| text(&result["values"])));
    row("values per second", [adapter, bare_opcua, bare_mqtt].map(|result| rate(result, load)));
    row("tags seen", [text(&adapter["tags"]), text(&bare_opcua["tags"]), dash()]);
    row("lost", [text(&adapter["lost"]), text(&bare_opcua["lost"]), dash()]);
    row("duplicates", [text(&adapter["duplicates"]), dash(), dash()]);
    row("out of order", [text(&adapter["out_of_order"]), dash(), dash()]);
    row("scored", [share(adapter), dash(), dash()]);
    row("delay p50 / p99, ms", [delays(adapter), dash(), dash()]);
    row("CPU-seconds per 100,000 values", [all, receiving, publishing].map(|figure| format!("{figure:.3}")));
    row("peak resident memory, MB", [adapter, bare_opcua, bare_mqtt].map(megabytes));
    println!("\nadapter / (bare OPC UA + bare MQTT) = {:.2}", all / (receiving + publishing));
}

/// Prints the figures of each round: the bare client's, then the link's.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn receiving(load: &Load, rounds: &[(Value, Value)]) {
    println!(
        "\n{} Double tags at {} Hz, publishing {} ms, sampling {} ms, {} s a turn\n",
        load.tags, load.rate, load.publishing, load.sampling, load.seconds
    );
    println!(
        "{:<8}{:>14}{:>10}{:>14}{:>10}{:>14}{:>8}",
        "round", "bare values/s", "lost", "link values/s", "lost", "CPU-s / 100k", "ratio"
    );
    let mut ratios = Vec::new();
    for (round, (bare, link)) in rounds.iter().enumerate() {
        let [of_bare, of_link] = [bare, link].map(cpu_per_100k);
        ratios.push(of_link / of_bare);
        println!(
            "{:<8}{:>14}{:>10}{:>14}{:>10}{:>14}{:>8.2}",
            round + 1,
            rate(bare, load),
            text(&bare["lost"]),
            rate(link, load),
            text(&link["lost"]),
            format!("{of_bare:.3}/{of_link:.3}"),
            of_link / of_bare
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("\nlink / bare, median of the rounds = {:.2}", ratios[ratios.len() / 2]);
    for (round, (_, link)) in rounds.iter().enumerate() {
        println!(
            "round {}, from a notification's receipt to the ingress queue's end, µs: p50 {}, p99 {}, of {} notifications",
            round + 1,
            text(&link["delay_p50_us"]),
            text(&link["delay_p99_us"]),
            text(&link["notifications"])
        );
    }
    println!("peak resident memory of the link, MB: {}", rounds.last().map_or_else(dash, |(_, link)| megabytes(link)));
}

#[expect(clippy::print_stdout, reason = "the result")]
fn row(title: &str, [adapter, bare_opcua, bare_mqtt]: [String; 3]) {
    println!("{title:<34}{adapter:>12}{bare_opcua:>16}{bare_mqtt:>16}");
}

/// CPU-seconds for 100,000 values, or messages where that is what was counted.
pub(crate) fn cpu_per_100k(result: &Value) -> f64 {
    let count = if result["values"].is_null() { &result["messages"] } else { &result["values"] };
    number(&result["cpu_seconds"]) * 100_000.0 / number(count)
}

fn rate(result: &Value, load: &Load) -> String {
    let seconds = result["seconds"].as_f64().unwrap_or(load.seconds as f64);
    format!("{:.0}", number(&result["values"]) / seconds)
}

fn share(result: &Value) -> String {
    format!("{:.1} %", 100.0 * number(&result["scored"]) / number(&result["values"]))
}

fn delays(result: &Value) -> String {
    format!("{} / {}", text(&result["delay_p50_ms"]), text(&result["delay_p99_ms"]))
}

/// The most memory, in MB.
pub(crate) fn megabytes(result: &Value) -> String {
    format!("{:.1}", number(&result["peak_resident_bytes"]) / 1e6)
}

/// A number, or none.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn text(value: &Value) -> String {
    if value.is_null() { dash() } else { value.to_string() }
}

fn dash() -> String {
    "-".to_owned()
}
