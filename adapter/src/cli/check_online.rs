//! `tagwise check --online`: the mapping against the server and the brokers it is for; nothing is written or published.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write as _},
    path::Path,
};

use futures_util::future::join_all;
use tagwise_model::Registry;

use super::{
    args::Format,
    check::report,
    check_report::{OnlineReport, TagLine, render_json, render_text},
    connection::Target,
    entry::{DONE, FAILED, MAPPING_INVALID},
    model_files::tolerate_closed,
    progress::bar,
    run::block_on,
};
use crate::{
    config::{self, Config, ProcessEnvironment, effective::Range},
    domain::TagId,
    mqtt::probe_broker,
    opcua::TagReport,
};

/// Checks offline, then online; 1 when something would not work.
pub(super) fn check_online(mapping: &Path, format: Format) -> anyhow::Result<u8> {
    let loaded = match config::load(mapping, &ProcessEnvironment, &Registry::builtin()) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            report(&diagnostics, format)?;
            return Ok(MAPPING_INVALID);
        }
    };
    if !loaded.warnings.list.is_empty() {
        // JSON is one document, and the one that was asked for is the report.
        report(&loaded.warnings, Format::Text)?;
    }
    let found = block_on(look(mapping, &loaded.config))?;
    let text = match format {
        Format::Text => render_text(&found),
        Format::Json => render_json(&found)?,
    };
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(if found.is_good() { DONE } else { FAILED })
}

async fn look(mapping: &Path, config: &Config) -> anyhow::Result<OnlineReport> {
    // Not the adapter's own client id: the broker would end its connection.
    let client_id = format!("{}-check-{}", config.adapter.id, std::process::id());
    let brokers = join_all(config.brokers.iter().map(|broker| probe_broker(broker, &client_id)));
    let (brokers, tags) = tokio::join!(brokers, Box::pin(look_at_tags(config)));
    let (tags, server_problem) = match tags {
        Ok(reports) => (reports, None),
        Err(error) => (Vec::new(), Some(format!("{error:#}"))),
    };
    let north: HashSet<TagId> = config.northbound_mappings.iter().map(|mapping| mapping.tag).collect();
    let mut south: HashMap<TagId, Vec<Range>> = HashMap::new();
    for mapping in &config.southbound_mappings {
        south.entry(mapping.tag).or_default().push(mapping.range);
    }
    let ranges = |tag: &TagId| south.get(tag).map_or(&[][..], Vec::as_slice);
    let lines = (0_u32..).map(TagId).zip(config.tags.iter().zip(tags));
    let lines = lines.map(|(id, (tag, report))| TagLine::judge(tag, report, north.contains(&id), ranges(&id)));
    Ok(OnlineReport {
        file: mapping.display().to_string(),
        server: config.opcua.uri.clone(),
        server_problem,
        brokers,
        tags: lines.collect(),
    })
}

async fn look_at_tags(config: &Config) -> anyhow::Result<Vec<TagReport>> {
    let target = Target::of(config);
    let memory = target.memory(&config.tags)?;
    let progress = bar("looking at tags", config.tags.len() as u64);
    let reports = target.with_memory(memory, async |explorer| {
        Ok(explorer.try_tags(&config.tags, &mut |done| progress.set_position(done as u64)).await?)
    });
    let reports = reports.await;
    progress.finish_and_clear();
    reports
}
