//! `tagwise spool`: what waits for the brokers, also while an adapter runs. Nothing is changed.

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use tagwise_model::Registry;

use super::{
    args::Format,
    entry::{DONE, MAPPING_INVALID},
    model_files::{stream, tolerate_closed},
    spool_args::{Export, Place, SpoolCommand, Stat},
    spool_export::write_line,
    spool_text::{BrokerStat, LaneStat, SpoolStat},
};
use crate::{
    config::{self, ProcessEnvironment},
    domain::Lane,
    spool::{SpoolFiles, Tally},
    supervisor::StateDir,
};

/// Does one of the two.
pub(super) fn spool(command: &SpoolCommand) -> anyhow::Result<u8> {
    let place = match command {
        SpoolCommand::Stat(Stat { place, .. }) | SpoolCommand::Export(Export { place, .. }) => place,
    };
    let Some(found) = find(place)? else { return Ok(MAPPING_INVALID) };
    match command {
        SpoolCommand::Stat(arguments) => {
            let stat = stat(&found)?;
            let text = match arguments.format {
                Format::Text => stat.text(arguments.by_mapping),
                Format::Json => format!("{}\n", serde_json::to_string_pretty(&stat.json())?),
            };
            tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))?;
        }
        SpoolCommand::Export(arguments) => export(&found, arguments)?,
    }
    Ok(DONE)
}

/// Where the spools are, and which.
struct Found {
    state_dir: PathBuf,
    spools: Vec<SpoolFiles>,
}

/// `None` when the mapping is invalid; its mistakes have been reported.
fn find(place: &Place) -> anyhow::Result<Option<Found>> {
    let state_dir = match (&place.mapping, &place.dir) {
        (_, Some(directory)) => directory.clone(),
        (Some(mapping), None) => match config::load(mapping, &ProcessEnvironment, &Registry::builtin()) {
            Ok(loaded) => loaded.config.adapter.state_dir,
            Err(diagnostics) => {
                super::check::report(&diagnostics, Format::Text)?;
                return Ok(None);
            }
        },
        (None, None) => bail!("name the mapping, or the state directory by --dir"),
    };
    let spools = match SpoolFiles::all(&state_dir) {
        Ok(spools) => spools,
        // A mapping that never ran has nothing waiting; a directory that was typed is more likely another one.
        Err(error) if error.kind() == io::ErrorKind::NotFound && place.dir.is_none() => Vec::new(),
        Err(error) => {
            let path = state_dir.display();
            return Err(error).with_context(|| {
                format!("cannot look into `{path}/spool`; name the directory that is the mapping's `adapter.state_dir`")
            });
        }
    };
    Ok(Some(Found { state_dir, spools }))
}

fn stat(found: &Found) -> anyhow::Result<SpoolStat> {
    let path = &found.state_dir;
    let holder = StateDir::holder(path).with_context(|| format!("cannot look at the lock in `{}`", path.display()))?;
    let brokers = found.spools.iter().map(stat_of_broker).collect::<anyhow::Result<_>>()?;
    Ok(SpoolStat { state_dir: path.clone(), holder, brokers })
}

fn stat_of_broker(spool: &SpoolFiles) -> anyhow::Result<BrokerStat> {
    let broker = &spool.broker;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let reading = || format!("cannot read what waits for `{broker}` in its lane `{}`", lane.as_str());
        let Some(files) = spool.lane(lane).with_context(reading)? else { continue };
        let mut waiting = Tally::default();
        let passed = files
            .walk(|position, message| {
                if position > files.acknowledged() {
                    waiting.add(message);
                }
                ControlFlow::Continue(())
            })
            .with_context(reading)?;
        lanes.push(LaneStat { lane, acknowledged: files.acknowledged(), waiting, passed });
    }
    let dead_letters = spool.dead_letters().with_context(|| format!("cannot read the dead letters of `{broker}`"))?;
    Ok(BrokerStat { broker: broker.clone(), lanes, dead_letters })
}

fn export(found: &Found, arguments: &Export) -> anyhow::Result<()> {
    let spools = found.spools.iter().filter(|spool| arguments.broker.as_ref().is_none_or(|name| *name == spool.broker));
    let spools: Vec<_> = spools.collect();
    if let (Some(name), []) = (&arguments.broker, &spools[..]) {
        let known: Vec<_> = found.spools.iter().map(|spool| spool.broker.as_str()).collect();
        bail!("nothing was ever spooled for a broker `{name}`; there is: {}", known.join(", "));
    }
    let mut trouble = Ok(());
    let written = stream(&arguments.output, |out| {
        for spool in spools {
            for lane in
                Lane::ALL.into_iter().filter(|lane| arguments.lane.is_none_or(|wanted| Lane::from(wanted) == *lane))
            {
                // What cannot be read is no error of writing, but what could be read before it is kept.
                trouble = export_lane(spool, lane, arguments.all, out)?;
                if trouble.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    });
    written.with_context(|| format!("cannot write `{}`", arguments.output.display()))?;
    trouble
}

/// The outer error is of writing, the inner one of reading.
fn export_lane(
    spool: &SpoolFiles,
    lane: Lane,
    is_all: bool,
    out: &mut dyn io::Write,
) -> io::Result<anyhow::Result<()>> {
    let mut written = Ok(());
    let read = spool.lane(lane).and_then(|files| {
        let Some(files) = files else { return Ok(None) };
        let visit = |position, message: &_| {
            if is_all || position > files.acknowledged() {
                written = write_line(out, &spool.broker, lane, position, message);
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        files.walk(visit).map(Some)
    });
    written?;
    let (broker, lane) = (&spool.broker, lane.as_str());
    Ok(match read {
        Ok(passed) => {
            if let Some(passed) = passed.filter(|passed| passed.damaged_segments > 0) {
                let (bytes, messages) = (passed.damaged_bytes, passed.unreadable_messages);
                tracing::warn!(
                    broker,
                    lane,
                    bytes,
                    messages,
                    "some of the spool is damaged and left out; check the disk"
                );
            }
            Ok(())
        }
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("cannot read what waits for `{broker}` in `{lane}`")))
        }
    })
}
