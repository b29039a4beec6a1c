//! The columns of a ledger for tools: those that people pull, with SQL types, without values that a mask hides.

use gridledger_core::mask;
use gridledger_schema::set::{Choice, Field, Kind, Label, Mask, Merge, RecordType, SchemaSet};

use crate::shown::columns::{Column, Source, columns as ledger_columns};
use crate::store::rows::tools::FACET;
use crate::store::rows::tools::{ToolColumn, ToolKind};

/// The names of columns that every ledger for tools has, whatever the type. `conflicts` is among its [`columns`].
pub const OF_RECORD: &[&str] = &[
    "id",
    "type",
    "area",
    "area_name",
    "created_at",
    "created_by",
    "changed_at",
    "changed_by",
    "changed_position",
];

/// When what happened to a ticket, and what came of it: name, type, heading.
const OF_TICKET: &[(&str, ToolKind, &str, &str)] = &[
    ("accepted_at", ToolKind::Time, "受理时间", "Accepted at"),
    ("due_at", ToolKind::Time, "期限", "Due at"),
    ("fed_back_at", ToolKind::Time, "反馈时间", "Fed back at"),
    ("closed_at", ToolKind::Time, "销号时间", "Closed at"),
    ("rating", ToolKind::Whole, "评价", "Rating"),
];

/// The columns whose values are written down with a row, in the order of the view.
pub fn columns(record_type: &RecordType) -> Vec<ToolColumn> {
    let mut columns: Vec<ToolColumn> = Vec::new();
    let follows = follows(record_type);
    for column in ledger_columns(record_type) {
        let Some(kind) = kind(&column, follows) else {
            continue;
        };
        columns.push(made(column.key, kind, mask_of(&column), column.label.clone()));
        if column.key == "assignees" && column.source == Source::Ticket {
            let times = OF_TICKET.iter();
            columns.extend(times.map(|&(name, kind, zh, en)| made(name, kind, None, label(zh, en))));
        }
    }
    let conflicts = label("有分歧的字段", "Fields in conflict");
    columns.push(made("conflicts", ToolKind::Json, None, conflicts));
    let mut taken: Vec<String> = OF_RECORD.iter().map(|&name| name.to_owned()).collect();
    for column in &mut columns {
        // A field may be called as a column of ours; the first keeps the name.
        while taken.contains(&column.name) {
            column.name.insert_str(0, "field_");
        }
        taken.push(column.name.clone());
    }
    columns
}

/// Whether the ticket's events are among what a tool reads.
pub fn follows(record_type: &RecordType) -> bool {
    record_type.events_field().is_some_and(|field| field.facet == FACET)
}

/// The type of a column's values; `None` if it has no value that a tool may see.
pub fn kind(column: &Column<'_>, follows: bool) -> Option<ToolKind> {
    match column.source {
        Source::State => follows.then_some(ToolKind::Text),
        Source::Ticket if column.key == "assignees" => follows.then_some(ToolKind::Json),
        Source::Ticket => follows.then_some(ToolKind::Whole),
        Source::Field(field) if field.facet == FACET => of_field(field),
        Source::Record | Source::Time | Source::Field(_) => None,
    }
}

fn of_field(field: &Field) -> Option<ToolKind> {
    let plain = of_plain(field);
    let number = matches!(plain, ToolKind::Whole | ToolKind::Number | ToolKind::Time);
    match mask::rule(field) {
        None => Some(plain),
        Some(Mask::Hidden) => None,
        Some(Mask::Building) => (!matches!(field.kind, Kind::Ref(_))).then_some(plain),
        Some(Mask::AgeBand) => Some(ToolKind::Text),
        // A number under a mask may become a text.
        Some(Mask::Name | Mask::Phone | Mask::Text | Mask::Shown) => {
            Some(if number { ToolKind::Text } else { plain })
        }
    }
}

fn of_plain(field: &Field) -> ToolKind {
    if field.merge.is_collection() || field.merge == Merge::Map {
        return ToolKind::Json;
    }
    match (&field.kind, field.merge) {
        (_, Merge::Counter) | (Kind::Integer { .. }, _) => ToolKind::Whole,
        (Kind::Text { .. } | Kind::Enum(_) | Kind::Ref(_), _) => ToolKind::Text,
        (Kind::Number { .. }, _) => ToolKind::Number,
        (Kind::Boolean, _) => ToolKind::YesNo,
        (Kind::Time, _) => ToolKind::Time,
        (Kind::List { .. } | Kind::Object { .. }, _) => ToolKind::Json,
    }
}

/// The mask a column's values are under, as a word.
fn mask_of(column: &Column<'_>) -> Option<&'static str> {
    let Source::Field(field) = column.source else {
        return None;
    };
    let rule = mask::rule(field)?;
    Mask::ALL.iter().find(|(_, mask)| *mask == rule).map(|(word, _)| *word)
}

fn made(name: &str, kind: ToolKind, mask: Option<&'static str>, label: Label) -> ToolColumn {
    ToolColumn { name: name.to_owned(), kind, masked: mask.is_some(), key: key(name, kind, mask), label }
}

/// Makes a value's key. The key names type and mask, so a value written under another schema set's rule is not found.
fn key(name: &str, kind: ToolKind, mask: Option<&str>) -> String {
    let kind = kind.as_str();
    mask.map_or_else(|| format!("{name}:{kind}"), |mask| format!("{name}:{kind}:{mask}"))
}

/// The key of a ledger's column.
pub fn key_of(column: &Column<'_>, kind: ToolKind) -> String {
    key(column.key, kind, mask_of(column))
}

/// The key of something of a ticket or a row that no ledger's column shows.
pub fn own_key(name: &str, kind: ToolKind) -> String {
    key(name, kind, None)
}

/// The names of the codes in a type's columns: (record type, column, code, zh, en).
pub fn codes(schema: &SchemaSet, record_type: &RecordType) -> Vec<[String; 5]> {
    let mut codes = Vec::new();
    for column in ledger_columns(record_type) {
        if kind(&column, follows(record_type)).is_none() {
            continue;
        }
        let named: Vec<(&str, &Label)> = match column.source {
            Source::Field(field) => choices(&field.kind).iter().map(|c| (&*c.code, &c.label)).collect(),
            Source::State => states(schema, record_type),
            Source::Record | Source::Time | Source::Ticket => Vec::new(),
        };
        codes.extend(named.into_iter().map(|(code, label)| {
            [&record_type.name, column.key, code, &label.zh, &label.en].map(str::to_owned)
        }));
    }
    codes
}

fn choices(kind: &Kind) -> &[Choice] {
    match kind {
        Kind::Enum(choices) => choices,
        Kind::List { item, .. } => choices(item),
        _ => &[],
    }
}

fn states<'a>(schema: &'a SchemaSet, record_type: &RecordType) -> Vec<(&'a str, &'a Label)> {
    let workflow = record_type.workflow.as_ref().and_then(|name| schema.workflow(name));
    let states = workflow.iter().flat_map(|workflow| &workflow.states);
    states.map(|state| (&*state.code, &state.label)).collect()
}

fn label(zh: &str, en: &str) -> Label {
    Label { zh: zh.to_owned(), en: en.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn column(record_type: &str, name: &str) -> Option<ToolKind> {
        let schema = SchemaSet::builtin();
        let all = columns(schema.record_type(record_type).unwrap());
        all.into_iter().find(|c| c.name == name).map(|c| c.kind)
    }

    #[test]
    fn what_a_mask_hides_or_another_class_reads_has_no_column() {
        for (record_type, name) in [
            ("ticket", "dwelling_id"),
            ("ticket", "place_ref"),
            ("ticket", "reporter_contact"),
            ("person", "care_tags"),
            ("person", "id_ref"),
            ("person", "phones"),
        ] {
            assert_eq!(column(record_type, name), None, "{record_type}.{name}");
        }
    }

    #[test]
    fn a_masked_number_is_a_text() {
        assert_eq!(column("person", "birth_year"), Some(ToolKind::Text));
        assert_eq!(column("visit", "met_count"), Some(ToolKind::Whole));
        assert_eq!(column("dwelling", "address"), Some(ToolKind::Json));
        assert_eq!(column("dwelling", "floor_area"), Some(ToolKind::Number));
        assert_eq!(column("patrol", "posters_removed"), Some(ToolKind::Whole));
    }

    #[test]
    fn no_name_is_there_twice() {
        for record_type in SchemaSet::builtin().types.values() {
            let columns = columns(record_type);
            let names: BTreeSet<&str> =
                columns.iter().map(|c| &*c.name).chain(OF_RECORD.iter().copied()).collect();
            assert_eq!(names.len(), columns.len() + OF_RECORD.len(), "{}", record_type.name);
        }
    }
}
