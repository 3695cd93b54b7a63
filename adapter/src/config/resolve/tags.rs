//! `tags:`

use std::collections::HashMap;

use super::{context::Context, node, subscription::SubscriptionLayers};
use crate::config::{
    effective,
    keys::NORTHBOUND_KEYS,
    span::Span,
    suggest::did_you_mean,
    view::{Text, View},
};
use crate::domain::{Codepoint, FieldPath, NodeLocator, TagId, TagName, field_path::FieldPathError, unsendable};

/// The tags, also those with mistakes, so that what refers to them is not called unknown.
pub(super) struct Tags<'a> {
    pub(super) list: Vec<ReadTag<'a>>,
    by_name: HashMap<String, TagId>,
}

/// A tag as far as it could be read.
pub(super) struct ReadTag<'a> {
    pub(super) view: View<'a>,
    pub(super) name: Text<'a>,
    pub(super) span: Span,
    config: Option<effective::Tag>,
}

impl ReadTag<'_> {
    /// Whether the tag's own line makes it a northbound mapping.
    pub(super) fn is_mapping(&self) -> bool {
        NORTHBOUND_KEYS.iter().any(|key| self.view.has_own(key.name))
    }
}

impl<'a> Tags<'a> {
    /// Reads `tags:`.
    pub(super) fn read(root: &View<'a>, context: &mut Context<'_>) -> Self {
        let mut tags = Self { list: Vec::new(), by_name: HashMap::new() };
        let mut layers = SubscriptionLayers::read(root, context);
        let mut first_index = None;
        let mut indexed = 0;
        let entries = root.list("tags");
        if let Some(entry) = root.entry("tags").filter(|entry| entry.value.as_sequence().is_some_and(<[_]>::is_empty)) {
            context.report.error(entry.key_span, "`tags` is empty").help("list at least one tag");
        }
        for (span, view) in entries {
            let node = node::read(&view, span, context);
            if let Some((span, node)) = &node
                && !node.namespace_indices().is_empty()
            {
                first_index.get_or_insert(*span);
                indexed += 1;
            }
            let Some(name) = view.text("name") else { continue };
            if !tags.claim(name, context) {
                continue;
            }
            let field = field(&view, context);
            let subscription = view.section("subscription").and_then(|own| layers.resolve(own, context));
            let config = build(name, span, &view, node.map(|(_, node)| node), field, subscription);
            tags.list.push(ReadTag { view, name, span, config });
        }
        if let Some(span) = first_index {
            let others = if indexed > 1 { format!(" ({indexed} nodes of this file do)") } else { String::new() };
            context
                .report
                .note(span, format!("this node id names its namespace by index, which a server may change{others}"))
                .help("`nsu=<namespace uri>;…` stays right; at its first connection the adapter logs what to write, and so does `check --online`");
        }
        tags
    }

    /// The tag of a name; what is unknown goes into the report.
    pub(super) fn find(&self, text: Text<'_>, context: &mut Context<'_>) -> Option<TagId> {
        if let Some(id) = self.by_name.get(text.value) {
            return Some(*id);
        }
        let shown = context.show(text);
        // Guessing among 10,000 names is worth it only while somebody will read the guess.
        let is_guessable = !text.scalar.is_interpolated && !context.report.is_full();
        let names = self.list.iter().filter(|tag| !tag.name.scalar.is_interpolated).map(|tag| tag.name.value);
        let meant = if is_guessable { did_you_mean(text.value, names) } else { None };
        let guess = meant.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
        context.report.error(text.span, format!("unknown tag {shown}{guess}")).help("tags are named under `tags:`");
        None
    }

    /// The tag at a position.
    pub(super) fn get(&self, id: TagId) -> &ReadTag<'a> {
        &self.list[id.index()]
    }

    /// All tags with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TagId, &ReadTag<'a>)> {
        (0_u32..).map(TagId).zip(&self.list)
    }

    /// The tags, if all of them are good.
    pub(super) fn into_configs(self) -> Option<Vec<effective::Tag>> {
        self.list.into_iter().map(|tag| tag.config).collect()
    }

    /// Takes a name for the next tag; not if it is taken, or is no name at all.
    fn claim(&mut self, name: Text<'_>, context: &mut Context<'_>) -> bool {
        const MAX_LENGTH: usize = 1024;
        let help = "choose a name that says what is measured, such as `line1/vibration`";
        if name.value.is_empty() || name.value.len() > MAX_LENGTH {
            context.reject(name, "tag name", "a name has 1 to 1024 bytes", help);
            return false;
        }
        if let Some(character) = unsendable(name.value) {
            let reason = format!("the character {} must not stand in it", Codepoint(character));
            context.reject(name, "tag name", reason, help);
            return false;
        }
        let next = TagId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        if let Some(first) = self.by_name.get(name.value) {
            let line = self.list[first.index()].name.span.line;
            let shown = context.show(name);
            context
                .report
                .error(name.span, format!("the tag {shown} stands here a second time; the first is on line {line}"))
                .help("rename one of the two; two tags may share a node, and a tag may have several mappings");
            return false;
        }
        self.by_name.insert(name.value.to_owned(), next);
        true
    }
}

/// An error is reported already.
fn field(view: &View<'_>, context: &mut Context<'_>) -> Result<Option<FieldPath>, FieldPathError> {
    let Some(text) = view.text("field") else { return Ok(None) };
    text.value.parse().map(Some).inspect_err(|error| {
        let help = "write the way to the member, such as `pressure.inlet`, `limits[2].high` or `[0]`";
        context.reject(text, "way to a member", error, help);
    })
}

fn build(
    name: Text<'_>,
    span: Span,
    view: &View<'_>,
    node: Option<NodeLocator>,
    field: Result<Option<FieldPath>, FieldPathError>,
    subscription: Option<effective::TagSubscription>,
) -> Option<effective::Tag> {
    Some(effective::Tag {
        name: TagName::new(name.value),
        node: node?,
        field: field.ok()?,
        enumeration: match view.choice("enumeration")? {
            "name" => effective::EnumerationForm::Name,
            _ => effective::EnumerationForm::Number,
        },
        unit: view.text("unit").map(|text| text.value.to_owned()),
        description: view.text("description").map(|text| text.value.to_owned()),
        subscription: subscription?,
        line: span.line,
    })
}
