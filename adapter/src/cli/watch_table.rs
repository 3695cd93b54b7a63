//! How watched values look: a line for each, or a table that stays in its place.

use std::fmt::Write as _;

use super::printable::{json, printable, time};
use crate::{
    config::effective::Tag,
    domain::{TagId, TagUpdate},
    opcua::status_symbol,
    pipeline::northbound::non_finite,
    supervisor::board::Snapshot,
};

/// Columns are no wider than this, but for the last.
const WIDEST_NAME: usize = 40;
const WIDEST_VALUE: usize = 30;

/// A value as a line: time, name, value, status, with tabs between them.
pub(super) fn line(tag: &Tag, update: &TagUpdate) -> String {
    let (at, _) = update.timestamp();
    let name = printable(tag.name.as_str());
    format!("{}\t{name}\t{}\t{}\n", time(Some(at)), value(update), status_symbol(update.status))
}

fn value(update: &TagUpdate) -> String {
    match non_finite::name_of(&update.value) {
        Some(name) => format!("null ({name})"),
        None if update.flags.is_undecoded => format!("{} (undecoded)", json(&update.value)),
        None => json(&update.value),
    }
}

/// The newest value of each tag.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// Lines that stand on the terminal now.
    drawn: usize,
}

#[derive(Debug)]
struct Row {
    name: String,
    value: String,
    status: String,
    at: String,
    changes: u64,
}

impl Table {
    pub(super) fn new(tags: &[Tag]) -> Self {
        let row = |tag: &Tag| Row {
            name: printable(tag.name.as_str()),
            value: String::new(),
            status: String::new(),
            at: String::new(),
            changes: 0,
        };
        Self { rows: tags.iter().map(row).collect(), drawn: 0 }
    }

    pub(super) fn take(&mut self, update: &TagUpdate) {
        let Some(row) = self.rows.get_mut(update.tag.index()) else { return };
        row.value = value(update);
        row.status = status_symbol(update.status).into_owned();
        row.at = time(Some(update.timestamp().0));
        row.changes += 1;
    }

    /// What draws the table over the one that stands there, in a terminal of so many columns and lines.
    pub(super) fn redraw(&mut self, state: &Snapshot, (width, height): (usize, usize)) -> String {
        let lines = self.lines(state, height.saturating_sub(1).max(3));
        let mut text = String::new();
        if self.drawn > 0 {
            push(&mut text, format_args!("\x1b[{}A", self.drawn));
        }
        for line in &lines {
            // A line that wraps would take the place of two.
            let cut: String = line.chars().take(width.saturating_sub(1)).collect();
            push(&mut text, format_args!("\r{cut}\x1b[K\n"));
        }
        text.push_str("\x1b[J");
        self.drawn = lines.len();
        text
    }

    fn lines(&self, state: &Snapshot, most: usize) -> Vec<String> {
        let connection = state.opcua.reason().map_or_else(
            || state.opcua.as_str().to_owned(),
            |reason| format!("{}: {}", state.opcua.as_str(), printable(reason)),
        );
        let widest = |column: fn(&Row) -> &str, least: usize, most: usize| {
            let widths = self.rows.iter().map(|row| column(row).chars().count());
            widths.max().unwrap_or_default().clamp(least, most)
        };
        let names = widest(|row| &row.name, 4, WIDEST_NAME);
        let values = widest(|row| &row.value, 8, WIDEST_VALUE);
        let mut lines = vec![connection];
        lines.push(format!("{:names$}  {:values$}  {:24}  {:>7}  status", "name", "value", "time", "changes"));
        let room = most.saturating_sub(lines.len());
        let shown = if self.rows.len() > room { room.saturating_sub(1) } else { self.rows.len() };
        for (tag, row) in (0_u32..).map(TagId).zip(&self.rows).take(shown) {
            let trouble = state.failed_tags.get(&tag).map(|reason| printable(reason));
            let status = trouble.as_deref().unwrap_or(&row.status);
            let (name, value) = (cut(&row.name, names), cut(&row.value, values));
            lines.push(format!("{name:names$}  {value:values$}  {:24}  {:>7}  {status}", row.at, row.changes));
        }
        if shown < self.rows.len() {
            lines.push(format!("… and {} more; make the window higher, or name fewer", self.rows.len() - shown));
        }
        lines
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _unused: std::fmt::Result = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{NodeAddress, StatusCode, TagValue, Timestamp, UpdateFlags},
        supervisor::{Board, TagState},
    };

    fn tags(names: &[&str]) -> Vec<Tag> {
        let node: NodeAddress = "i=1".parse().unwrap();
        names.iter().map(|name| Tag::new(name, node.clone())).collect()
    }

    fn update(tag: u32, value: TagValue) -> TagUpdate {
        TagUpdate {
            tag: TagId(tag),
            value,
            status: StatusCode::GOOD,
            source_timestamp: Some(Timestamp::from_unix_millis(0)),
            server_timestamp: None,
            received_at: Timestamp::from_unix_millis(9),
            flags: UpdateFlags::default(),
        }
    }

    #[test]
    fn a_line_has_time_name_value_and_status() {
        let one = line(&tags(&["a/b"])[0], &update(0, TagValue::String("x\ty".into())));
        assert_eq!(one, "1970-01-01T00:00:00.000Z\ta/b\t\"x\\ty\"\tGood\n");
    }

    #[test]
    fn a_table_stays_in_its_place_and_within_the_window() {
        let mut table = Table::new(&tags(&["a", "b", "c", "d"]));
        let board = Board::new(4);
        board.set_tags([(TagId(1), TagState::Failed { reason: "BadNodeIdUnknown: there is none".into() })]);
        table.take(&update(0, TagValue::Double(1.5)));
        table.take(&update(0, TagValue::Double(2.5)));
        let first = table.redraw(&board.snapshot(), (120, 24));
        assert!(!first.contains('A') || !first.contains("\x1b[6A"), "nothing stands there yet");
        assert!(first.contains("2.5") && !first.contains("1.5") && first.contains("BadNodeIdUnknown"), "{first}");
        assert_eq!(first.matches('\n').count(), 6);
        let second = table.redraw(&board.snapshot(), (20, 5));
        assert!(second.starts_with("\x1b[6A") && second.contains("… and 3 more"), "{second}");
        assert_eq!(second.matches('\n').count(), 4);
        let is_narrow = |line: &str| line.trim_start_matches("\x1b[6A").chars().count() <= 20 + "\r\x1b[K".len();
        assert!(second.lines().all(is_narrow), "{second:?}");
    }
}
