//! `tagwise browse`: the tree of a server's nodes, or a mapping of it.

use std::io::{self, Write as _};

use anyhow::Context;
use indicatif::ProgressBar;

use super::{
    browse_tree::{Filter, Shown, render_json, render_tree},
    connection::{Target, usage},
    emit_yaml::emit_yaml,
    entry::{DONE, FAILED},
    model_files::tolerate_closed,
    online_args::{Browse, TreeFormat},
    progress::spinner,
    run::block_on,
};
use crate::{
    domain::NodeLocator,
    opcua::{BrowseRequest, Class, Details, Explorer, Tree},
};

/// Browses and prints.
pub(super) fn browse(arguments: &Browse) -> anyhow::Result<u8> {
    let target = match arguments.connection.target(arguments.uri.iter().cloned().collect())? {
        Ok(target) => target,
        Err(code) => return Ok(code),
    };
    let known = target.memory(&target.tags)?;
    let from = match target.place(&arguments.from, &known) {
        Ok(from) => from,
        Err(message) => return usage(&message),
    };
    let filter = match Filter::new(arguments.glob.as_deref(), arguments.data_type.as_deref()) {
        Ok(filter) => filter,
        Err(message) => return usage(&message),
    };
    let shown = block_on(look(&target, from, &filter, arguments))?;
    let text = if arguments.emit_yaml {
        if let Some(text) = emit_yaml(&shown, &target.opcua) {
            text
        } else {
            tracing::error!("there is no Variable to make a tag of; look elsewhere with --from, or less narrowly");
            return Ok(FAILED);
        }
    } else if arguments.format == TreeFormat::Json {
        render_json(&shown)?
    } else {
        render_tree(&shown)
    };
    tolerate_closed(io::stdout().lock().write_all(text.as_bytes())).context("cannot write to standard output")?;
    warn_of_what_is_left_out(&shown.tree, arguments);
    Ok(DONE)
}

async fn look(target: &Target, from: NodeLocator, filter: &Filter, arguments: &Browse) -> anyhow::Result<Shown> {
    let bar = spinner("browsing", "nodes");
    let request = BrowseRequest { from, depth: usize::from(arguments.depth), max_nodes: arguments.max as usize };
    let shown = target.with_explorer(async |explorer| gather(explorer, &request, filter, &bar).await).await;
    bar.finish_and_clear();
    shown
}

async fn gather(
    explorer: &Explorer,
    request: &BrowseRequest,
    filter: &Filter,
    bar: &ProgressBar,
) -> anyhow::Result<Shown> {
    let tree = explorer.browse(request, &mut |nodes| bar.set_position(nodes as u64)).await?;
    bar.set_message("reading attributes");
    let wanted: Vec<usize> = (0..tree.nodes.len()).filter(|node| filter.takes_name(&tree, *node)).collect();
    let variables: Vec<usize> =
        wanted.iter().copied().filter(|node| tree.nodes[*node].class == Class::Variable).collect();
    let nodes: Vec<_> = variables.iter().map(|node| &tree.nodes[*node]).collect();
    let mut details: Vec<Option<Details>> = vec![None; tree.nodes.len()];
    for (node, of_node) in variables.iter().zip(explorer.details(&nodes).await?) {
        details[*node] = of_node;
    }
    let mut is_wanted = vec![false; tree.nodes.len()];
    for node in wanted {
        is_wanted[node] = filter.takes_type(details[node].as_ref());
    }
    // The unit of a Variable stands in a property below it, which the filter need not take.
    let holds_unit = |node: &usize| {
        let candidate = &tree.nodes[*node];
        candidate.is_property
            && candidate.name == "EngineeringUnits"
            && candidate.parent.is_some_and(|parent| is_wanted[parent])
    };
    let properties: Vec<usize> = (0..tree.nodes.len()).filter(holds_unit).collect();
    let nodes: Vec<_> = properties.iter().map(|node| &tree.nodes[*node]).collect();
    let mut units = vec![None; tree.nodes.len()];
    for (node, unit) in properties.iter().zip(explorer.units(&nodes).await?) {
        if let Some(parent) = tree.nodes[*node].parent {
            units[parent] = unit;
        }
    }
    Ok(Shown { tree, is_wanted, details, units })
}

fn warn_of_what_is_left_out(tree: &Tree, arguments: &Browse) {
    if tree.is_cut {
        tracing::warn!(
            max = arguments.max,
            "there are more nodes than --max; raise it, or begin further down with --from"
        );
    }
    if tree.unopened > 0 {
        tracing::warn!(nodes = tree.unopened, depth = arguments.depth, "nodes at --depth were not opened");
    }
    if tree.refused > 0 {
        tracing::warn!(nodes = tree.refused, "nodes were not opened, since the server refused it");
    }
}
