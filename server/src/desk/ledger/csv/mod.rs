//! A ledger page as CSV: every cell is quoted, and no cell is a formula.

use gridledger_core::calendar::Zone;
use gridledger_schema::set::{Kind, SchemaSet};
use serde_json::Value;

use super::Page;
use crate::lang::Lang;
use crate::shown::columns::{Column, Source, columns};
use crate::shown::row::Cells;

/// The mark by which spreadsheet programs recognise UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// First characters that a spreadsheet program may take for the beginning of a formula, full-width ones included.
const FORMULA: &[char] = &['=', '+', '-', '@', '|', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
/// The parts of an address, in the order they are read.
const ADDRESS: &[&str] = &["road", "number", "building", "unit", "floor", "room"];

/// The language and time zone of the CSV.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// The language of headings and codes.
    pub lang: Lang,
    /// The zone in which times are written.
    pub zone: &'a Zone,
}

/// Writes a page as CSV, the headings first.
pub fn write(schema: &SchemaSet, page: &Page<'_>, style: Style<'_>) -> Vec<u8> {
    let lang = style.lang;
    let columns = columns(page.record_type);
    let mut out = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(BOM.to_vec());
    let headings = columns.iter().map(|column| guarded(lang.of(&column.label).to_owned(), false));
    let written = out.write_record(headings).and_then(|()| {
        page.rows.iter().try_for_each(|cells| {
            out.write_record(columns.iter().map(|column| cell(schema, page, column, cells, style)))
        })
    });
    written.expect("BUG: writing to a Vec cannot fail");
    out.into_inner().expect("BUG: writing to a Vec cannot fail")
}

fn cell(schema: &SchemaSet, page: &Page<'_>, column: &Column<'_>, cells: &Cells, style: Style<'_>) -> String {
    let Some(value) = cells.get(column.key) else {
        return String::new();
    };
    let text = match column.source {
        Source::Time => value.as_i64().map_or_else(String::new, |ms| style.zone.write_iso(ms)),
        Source::State => state(schema, page, value, style.lang),
        Source::Record | Source::Ticket => text(None, value, style),
        Source::Field(field) => text(Some(&field.kind), value, style),
    };
    guarded(text, column.is_numeric() && value.is_number())
}

fn state(schema: &SchemaSet, page: &Page<'_>, value: &Value, lang: Lang) -> String {
    let code = value.as_str().unwrap_or_default();
    let workflow = page.record_type.workflow.as_ref().and_then(|name| schema.workflow(name));
    let label = workflow.and_then(|workflow| workflow.state(code)).map(|state| lang.of(&state.label));
    label.unwrap_or(code).to_owned()
}

/// A value as a person reads it: codes by their names, times in the office's zone, several one after another.
fn text(kind: Option<&Kind>, value: &Value, style: Style<'_>) -> String {
    let lang = style.lang;
    match (value, kind) {
        (Value::Null, _) => String::new(),
        (Value::Bool(yes), _) => match yes {
            true => lang.pick("是", "yes").to_owned(),
            false => lang.pick("否", "no").to_owned(),
        },
        (Value::Number(ms), Some(Kind::Time)) => {
            ms.as_i64().map_or_else(String::new, |ms| style.zone.write_iso(ms))
        }
        (Value::Number(number), _) => number.to_string(),
        (Value::String(code), Some(Kind::Enum(choices))) => {
            let choice = choices.iter().find(|choice| choice.code == *code);
            choice.map_or(code.as_str(), |choice| lang.of(&choice.label)).to_owned()
        }
        (Value::String(own), _) => own.clone(),
        (Value::Array(items), kind) => {
            let kind = match kind {
                Some(Kind::List { item, .. }) => Some(item.as_ref()),
                other => other,
            };
            let items: Vec<String> = items.iter().map(|one| text(kind, one, style)).collect();
            items.join(lang.pick("、", "; "))
        }
        (Value::Object(map), kind) => {
            let named = |key: &str| match kind {
                Some(Kind::Object { fields, .. }) => fields.get(key),
                _ => None,
            };
            let known = ADDRESS.iter().filter_map(|key| map.get_key_value(*key));
            let rest = map.iter().filter(|(key, _)| !ADDRESS.contains(&key.as_str()));
            let parts: Vec<String> = known
                .chain(rest)
                .map(|(key, one)| text(named(key), one, style))
                .filter(|part| !part.is_empty())
                .collect();
            parts.join(" ")
        }
    }
}

/// A cell that no spreadsheet program takes for a formula: an apostrophe comes before what looks like one.
fn guarded(text: String, numeric: bool) -> String {
    if !numeric && text.trim_start_matches(is_blank).starts_with(FORMULA) {
        return format!("'{text}");
    }
    text
}

/// Whether a spreadsheet program may skip a character before a formula: white space, a control character, a mark without width.
fn is_blank(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !FORMULA.contains(&c) && (c.is_whitespace() || c.is_control() || unseen)
}

#[cfg(test)]
mod tests;
