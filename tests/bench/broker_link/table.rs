//! The tables of `link` and `backlog`.

use super::{
    measure::{Case, Pair},
    turn::Figures,
};
use crate::load::Load;

/// What stands above the rows.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn head(load: &Load) {
    println!(
        "\n{} Double tags at {} Hz, publishing {} ms, QoS 1, {} s a turn; whole adapter / bare loop over the same packets\n",
        load.tags, load.rate, load.publishing, load.seconds
    );
    println!(
        "{:<6}{:<18}{:>5}{:>8}{:>17}{:>17}{:>8}{:>8}{:>21}{:>17}{:>13}{:>9}{:>17}",
        "",
        "model",
        "subs",
        "window",
        "messages/s",
        "CPU-s / 100k",
        "ratio",
        "added",
        "PUBACK p50 / p99, ms",
        "bare, ms",
        "link, ms",
        "RSS, MB",
        "broker's core, %"
    );
}

/// One row. The delay of the link is from the receipt of an OPC UA message to the write of its PUBLISH: p50 and p99. The
/// adapter's delays are estimated within the buckets of its histograms, the bare loop's are exact.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn row(pair: &Pair) {
    let Pair { case: Case { transport, model, subscribers, window }, adapter, bare } = pair;
    let of_adapter = |figure: fn(&Figures) -> f64, digits| number(adapter.as_ref().map(figure), digits);
    let both = |figure: fn(&Figures) -> f64, digits| {
        format!("{} / {}", of_adapter(figure, digits), number(Some(figure(bare)), digits))
    };
    println!(
        "{:<6}{model:<18}{subscribers:>5}{window:>8}{:>17}{:>17}{:>8}{:>8}{:>21}{:>17}{:>13}{:>9}{:>17}",
        format!("{transport:?}").to_lowercase(),
        both(|side| side.messages_per_second, 0),
        both(|side| side.cpu_per_100k, 3),
        number(adapter.map(|adapter| adapter.cpu_per_100k / bare.cpu_per_100k), 2),
        number(adapter.map(|adapter| adapter.cpu_per_100k - bare.cpu_per_100k), 3),
        delays(adapter.map(|adapter| adapter.puback_ms)),
        delays(Some(bare.puback_ms)),
        delays(adapter.map(|adapter| adapter.link_delay_ms)),
        of_adapter(|side| side.resident_mb, 1),
        both(|side| 100.0 * side.broker_share, 0),
    );
    if let Some(adapter) = adapter
        && adapter.waiting > adapter.messages_per_second
    {
        println!("      the broker did not keep up: {:.0} messages waited at the end", adapter.waiting);
    }
}

/// The medians of each case over the rounds; the rows come round by round, `cases` in each.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn medians(pairs: &[Pair], cases: usize) {
    println!("\nmedians of the rounds");
    for (index, first) in pairs.iter().take(cases).enumerate() {
        let turns = || pairs.iter().skip(index).step_by(cases);
        let adapters: Vec<Figures> = turns().filter_map(|pair| pair.adapter).collect();
        let bares: Vec<Figures> = turns().map(|pair| pair.bare).collect();
        let Some(bare) = median(&bares) else { continue };
        row(&Pair { case: first.case.clone(), adapter: median(&adapters), bare });
    }
}

fn median(turns: &[Figures]) -> Option<Figures> {
    let of = |figure: &dyn Fn(&Figures) -> Option<f64>| {
        let mut figures: Vec<f64> = turns.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    };
    Some(Figures {
        messages_per_second: of(&|turn| Some(turn.messages_per_second))?,
        cpu_per_100k: of(&|turn| Some(turn.cpu_per_100k))?,
        puback_ms: [of(&|turn| turn.puback_ms[0]), of(&|turn| turn.puback_ms[1])],
        link_delay_ms: [of(&|turn| turn.link_delay_ms[0]), of(&|turn| turn.link_delay_ms[1])],
        resident_mb: of(&|turn| Some(turn.resident_mb))?,
        broker_share: of(&|turn| Some(turn.broker_share))?,
        waiting: of(&|turn| Some(turn.waiting))?,
    })
}

/// The rows of `backlog`: what, the adapter, and the bare loop.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn backlog_row(what: &str, adapter: &Figures, bare: &Figures) {
    println!(
        "{what:<34}{:>19}{:>8.2}{:>19}{:>8.2}{:>12.1}{:>18}",
        format!("{:.0} / {:.0}", adapter.messages_per_second, bare.messages_per_second),
        adapter.messages_per_second / bare.messages_per_second,
        format!("{:.3} / {:.3}", adapter.cpu_per_100k, bare.cpu_per_100k),
        adapter.cpu_per_100k / bare.cpu_per_100k,
        adapter.resident_mb,
        format!("{:.0} / {:.0}", 100.0 * adapter.broker_share, 100.0 * bare.broker_share),
    );
}

/// What stands above the rows of `backlog`.
#[expect(clippy::print_stdout, reason = "the result")]
pub(super) fn backlog_head() {
    println!("\nwhole adapter / bare loop over the same packets, QoS 1, a broker without a limit in flight\n");
    println!(
        "{:<34}{:>19}{:>8}{:>19}{:>8}{:>12}{:>18}",
        "", "messages/s", "ratio", "CPU-s / 100k", "ratio", "RSS, MB", "broker's core, %"
    );
}

fn delays(figures: Option<[Option<f64>; 2]>) -> String {
    let [p50, p99] = figures.unwrap_or_default();
    format!("{} / {}", number(p50, 1), number(p99, 1))
}

fn number(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}
