//! Progress of long work, on stderr and only where that is a terminal.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Counts something whose end is not known, on a terminal.
pub(super) fn spinner(what: &'static str, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target());
    bar.set_style(style(&format!("{{spinner}} {{msg}}: {{human_pos}} {unit}")));
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Counts up to a known number, on a terminal.
pub(super) fn bar(what: &'static str, length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), target());
    bar.set_style(style("{msg}: {wide_bar} {human_pos}/{human_len}"));
    bar.set_message(what);
    bar
}

fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("invariant: a template of our own")
}
