//! Files of the commands about models: `-` is standard input or output, and what is written is written whole.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, absolute},
};

use anyhow::Context;
use tagwise_model::{Model, Registry};

use super::progress::spinner;
use crate::{
    stage::training_source::read_bounded,
    table::{Table, TableOptions},
};

/// Whether a path stands for standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// A model file, and how many bytes it has.
pub(super) fn read_model(path: &Path, registry: &Registry) -> anyhow::Result<(Model, usize)> {
    let bytes = read_bounded(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let model =
        Model::from_artefact(&bytes, registry).with_context(|| format!("`{}` cannot be used", path.display()))?;
    Ok((model, bytes.len()))
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
    let bar = spinner("reading", "rows");
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

/// Writes a file whole or not at all; what is no plain file (standard output, a device, a pipe) is written to as it is.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if is_standard(path) {
        return tolerate_closed(io::stdout().lock().write_all(bytes)).context("cannot write to standard output");
    }
    write_file(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

/// As `write`, bit by bit as `write_all` gives it. On standard output, a reader that has seen enough is no failure.
pub(super) fn stream(path: &Path, write_all: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let buffered = |out: &mut dyn Write| {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        write_all(&mut out)?;
        out.flush()
    };
    if is_standard(path) { tolerate_closed(buffered(&mut io::stdout().lock())) } else { replace(path, buffered) }
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes))
}

fn replace(path: &Path, write_all: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(path).or_else(|_| absolute(path))?;
    match fs::symlink_metadata(&target) {
        Ok(found) if !found.is_file() => return write_all(&mut File::options().write(true).open(&target)?),
        _ => {}
    }
    // A name of this process's own, that nothing else stands under.
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = target.with_file_name(name);
    let mut file = File::options().write(true).create_new(true).open(&temporary)?;
    let written = write_all(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Whoever reads our output may have seen enough: `| head` is no failure.
pub(super) fn tolerate_closed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_is_named_is_replaced_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("scores.new"), "somebody's").unwrap();
        fs::write(path("scores.csv"), "old").unwrap();
        std::os::unix::fs::symlink(path("scores.csv"), path("link")).unwrap();
        write(&path("link"), b"new").unwrap();
        assert_eq!(fs::read_to_string(path("scores.csv")).unwrap(), "new");
        assert_eq!(fs::read_to_string(path("scores.new")).unwrap(), "somebody's");
        assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
    }

    #[test]
    fn what_is_no_plain_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), b"x").is_err());
        assert!(folder.path().is_dir());
    }
}
