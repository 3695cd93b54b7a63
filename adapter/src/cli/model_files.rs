//! Files of the commands about models: `-` is standard input or output, and what is written is written whole.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Read, Write},
    path::{Path, absolute},
    time::Duration,
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagwise_model::{Model, Registry};

use crate::{
    stage::training_source::read_bounded,
    supervisor::state_dir::write_atomically,
    table::{Table, TableOptions},
};

/// Whether a path stands for standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a model file.
pub(super) fn read_model(path: &Path, registry: &Registry) -> anyhow::Result<Model> {
    let bytes = read_bounded(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Model::from_artefact(&bytes, registry).with_context(|| format!("`{}` cannot be used", path.display()))
}

/// Reads all of a file or of standard input, up to the size that a model may have.
pub(super) fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    if !is_standard(path) {
        return read_bounded(path).with_context(|| format!("cannot read `{}`", path.display()));
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(Model::MAXIMUM_ARTEFACT as u64 + 1)
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    Ok(bytes)
}

/// Reads a table, with progress on a terminal.
pub(super) fn read_table(path: &Path, options: &TableOptions) -> anyhow::Result<Table> {
    let bar = spinner("reading");
    let source: Box<dyn Read> = if is_standard(path) {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
        Box::new(BufReader::new(file))
    };
    let table = Table::read(source, options, &mut |rows| bar.set_position(rows as u64));
    bar.finish_and_clear();
    table.with_context(|| format!("cannot use `{}`", path.display()))
}

/// Writes a file whole or not at all; standard output as it is.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if is_standard(path) {
        return tolerate_closed(io::stdout().lock().write_all(bytes)).context("cannot write to standard output");
    }
    let written = absolute(path).and_then(|path| write_atomically(&path, bytes));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

/// Whoever reads our output may have seen enough: `| head` is no failure.
pub(super) fn tolerate_closed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Counts something whose end is not known, on a terminal.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target());
    bar.set_style(style("{spinner} {msg}: {human_pos} rows"));
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
