//! The tables of `deliver`.

use serde_json::Value;

use super::{Flow, compare::Turn};
use crate::report::{cpu_per_100k, megabytes, number};

/// Prints the figures of each round, bare / adapter, and the medians of the differences.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn print(flow: &Flow, moderate: u64, rounds: &[(Turn, Turn)]) {
    let Flow { messages, mappings, batch, payload, properties, .. } = flow;
    println!(
        "\n{messages} messages of {payload} bytes with {properties} user properties, {mappings} mappings, {batch} a \
         batch, QoS 1; bare rumqttc / spool and link\n"
    );
    println!(
        "{:<7}{:>19}{:>21}{:>9}{:>19}{:>17}",
        "round", "messages/s", "CPU-s / 100k", "added", "broker's core, %", "peak RSS, MB"
    );
    for (round, (bare, spooled)) in rounds.iter().enumerate() {
        let both = [&bare.fast, &spooled.fast];
        println!(
            "{:<7}{:>19}{:>21}{:>9.3}{:>19}{:>17}",
            round + 1,
            pair(both.map(|side| format!("{:.0}", per_second(side)))),
            pair(both.map(|side| format!("{:.3}", cpu_per_100k(side)))),
            added_cpu(bare, spooled),
            pair(both.map(|side| format!("{:.0}", broker_share(side)))),
            pair(both.map(megabytes)),
        );
    }
    println!("\n{moderate} messages/s, delay from handing over, in ms\n");
    println!("{:<7}{:>19}{:>19}{:>21}{:>21}", "round", "PUBACK p50", "PUBACK p99", "subscriber p50", "subscriber p99");
    for (round, (bare, spooled)) in rounds.iter().enumerate() {
        let at_source = |name| pair([bare, spooled].map(|turn| milliseconds(&turn.moderate[name])));
        let at_subscriber = |name| pair([bare, spooled].map(|turn| milliseconds(&turn.heard[name])));
        println!(
            "{:<7}{:>19}{:>19}{:>21}{:>21}",
            round + 1,
            at_source("delay_p50_us"),
            at_source("delay_p99_us"),
            at_subscriber("delay_p50_us"),
            at_subscriber("delay_p99_us"),
        );
    }
    let median_of = |figure: &dyn Fn(&Turn, &Turn) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(|(bare, spooled)| figure(bare, spooled)).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    };
    println!("\nmedians of the rounds");
    println!("  added CPU-s per 100,000 messages   {:.3}", median_of(&added_cpu));
    println!(
        "  messages/s                         {:.0} / {:.0}",
        median_of(&|bare, _| per_second(&bare.fast)),
        median_of(&|_, spooled| per_second(&spooled.fast))
    );
    for (name, quantile) in [("p50", "delay_p50_us"), ("p99", "delay_p99_us")] {
        let to_puback = |bare: &Turn, spooled: &Turn| difference(&bare.moderate, &spooled.moderate, quantile);
        let to_subscriber = |bare: &Turn, spooled: &Turn| difference(&bare.heard, &spooled.heard, quantile);
        println!(
            "  added delay {name}, ms                {:.2} to the PUBACK, {:.2} to the subscriber",
            median_of(&to_puback),
            median_of(&to_subscriber)
        );
    }
}

fn pair([bare, spooled]: [String; 2]) -> String {
    format!("{bare} / {spooled}")
}

fn per_second(side: &Value) -> f64 {
    number(&side["messages"]) / number(&side["seconds"])
}

fn broker_share(side: &Value) -> f64 {
    100.0 * number(&side["broker_cpu_seconds"]) / number(&side["seconds"])
}

fn added_cpu(bare: &Turn, spooled: &Turn) -> f64 {
    cpu_per_100k(&spooled.fast) - cpu_per_100k(&bare.fast)
}

fn milliseconds(microseconds: &Value) -> String {
    format!("{:.2}", number(microseconds) / 1e3)
}

fn difference(bare: &Value, spooled: &Value, name: &str) -> f64 {
    (number(&spooled[name]) - number(&bare[name])) / 1e3
}
