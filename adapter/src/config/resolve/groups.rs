//! `tag_names:` in northbound mappings: settings for many tags at once.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::context::Context;
use crate::config::{
    span::Span,
    view::{Text, View},
};

/// How many globs all groups may have together: each costs memory, and time for every tag.
const MAX_GLOBS: usize = 10_000;

/// All groups, in the order of the file.
pub(super) struct Groups<'a> {
    list: Vec<Group<'a>>,
}

struct Group<'a> {
    globs: GlobSet,
    span: Span,
    view: View<'a>,
    /// Whether all of its globs could be read.
    is_whole: bool,
}

impl<'a> Groups<'a> {
    /// Reads the mappings with `tag_names`, and checks that each mapping has one of the two keys.
    pub(super) fn read(root: &View<'a>, context: &mut Context<'_>) -> Self {
        let mut list: Vec<Group<'a>> = Vec::new();
        let mut globs = 0;
        for (span, view) in root.list("northbound_mappings") {
            globs += view.texts("tag_names").len();
            if globs > MAX_GLOBS {
                let message = format!("the groups of this file have more than {MAX_GLOBS} globs");
                context.report.error(span, message).help("use `**` and `{a,b}`, or `defaults`");
                break;
            }
            match (view.has("tag_name"), view.entry("tag_names")) {
                (true, None) => {}
                (true, Some(both)) => context
                    .report
                    .error(both.key_span, "`tag_name` and `tag_names` exclude each other")
                    .help("`tag_name` is one tag, `tag_names` a glob such as \"line1/*\" or a list"),
                (false, None) if view.is_misspelt("tag_name") || view.is_misspelt("tag_names") => {}
                (false, None) => context
                    .report
                    .error(span, "this mapping does not say whose values it carries")
                    .help("write `tag_name: …`, or `tag_names: \"line1/*\"` for many tags"),
                (false, Some(_)) => list.push(read_group(span, view, context)),
            }
        }
        Self { list }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The first group that matches a tag.
    pub(super) fn first_match(&self, tag: &str) -> Option<usize> {
        self.list.iter().position(|group| group.globs.is_match(tag))
    }

    /// A group's place and settings.
    pub(super) fn get(&self, position: usize) -> (Span, View<'a>) {
        let group = &self.list[position];
        (group.span, group.view.clone())
    }

    /// Says which groups no tag follows.
    pub(super) fn warn_of_unused(&self, is_used: &[bool], context: &mut Context<'_>) {
        for (group, _) in self.list.iter().zip(is_used).filter(|(group, is_used)| !**is_used && group.is_whole) {
            context
                .report
                .warning(group.span, "no tag follows this group: none matches it, or an earlier group has them all")
                .help("`*` matches within one level of a tag's name, `**` over levels; the first group that matches counts");
        }
    }
}

fn read_group<'a>(span: Span, view: View<'a>, context: &mut Context<'_>) -> Group<'a> {
    let mut builder = GlobSetBuilder::new();
    let texts = view.texts("tag_names");
    let mut is_whole = !texts.is_empty();
    for text in texts {
        match glob(text) {
            Ok(glob) => drop(builder.add(glob)),
            Err(reason) => {
                is_whole = false;
                context.reject(
                    text,
                    "glob",
                    reason,
                    "`*` matches within a level, `**` over levels, `?` one character, `{a,b}` either",
                );
            }
        }
    }
    let globs = builder.build().unwrap_or_else(|_| GlobSet::empty());
    Group { globs, span, view, is_whole }
}

fn glob(text: Text<'_>) -> Result<globset::Glob, String> {
    // Globs become regular expressions: what comes from outside must not choose how large.
    const MAX_LENGTH: usize = 256;
    const MAX_ALTERNATIVES: usize = 16;
    if text.value.len() > MAX_LENGTH || text.value.matches('{').count() > MAX_ALTERNATIVES {
        return Err("it is too long".to_owned());
    }
    let glob = GlobBuilder::new(text.value).literal_separator(true).build();
    glob.map_err(|error| error.kind().to_string())
}
