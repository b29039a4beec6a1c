//! The columns of a ledger: those of every record, those of a ticket's state, and the type's own fields.

use gridledger_schema::set::{Field, Kind, Label, Merge, RecordType};

/// The source of a column's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source<'a> {
    /// The record itself: text or a number.
    Record,
    /// The record itself: a time in ms.
    Time,
    /// The folded ticket: a state's code.
    State,
    /// The folded ticket: anything else.
    Ticket,
    /// A field of the type.
    Field(&'a Field),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column<'a> {
    /// Its key in JSON, and in filters.
    pub key: &'a str,
    /// Its heading.
    pub label: Label,
    /// The source of its values.
    pub source: Source<'a>,
}

/// The columns of every record: key, headings, whether it is a time.
const RECORD: &[(&str, &str, &str, bool)] = &[
    ("id", "编号", "Id", false),
    ("type", "类型", "Type", false),
    ("area", "区域编码", "Area", false),
    ("area_name", "区域", "Area name", false),
    ("created_at", "建立时间", "Created at", true),
    ("created_by", "建立人", "Created by", false),
    ("changed_at", "更新时间", "Changed at", true),
    ("changed_by", "更新人", "Changed by", false),
];
/// The columns of a ticket's state.
const TICKET: &[(&str, &str, &str)] = &[
    ("state", "状态", "State"),
    ("level", "层级", "Level"),
    ("cycle", "轮次", "Cycle"),
    ("assignees", "承办人", "Assignees"),
];

fn label(zh: &str, en: &str) -> Label {
    Label { zh: zh.to_owned(), en: en.to_owned() }
}

/// The columns of a type's ledger, in the order of a sheet. A field whose name is taken by a column before it is left
/// out.
pub fn columns(record_type: &RecordType) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = RECORD
        .iter()
        .map(|&(key, zh, en, time)| Column {
            key,
            label: label(zh, en),
            source: if time { Source::Time } else { Source::Record },
        })
        .collect();
    if record_type.workflow.is_some() {
        columns.extend(TICKET.iter().map(|&(key, zh, en)| Column {
            key,
            label: label(zh, en),
            source: if key == "state" { Source::State } else { Source::Ticket },
        }));
    }
    for name in record_type.order() {
        let Some(field) = record_type.field(name).filter(|f| f.ledger.is_some()) else {
            continue;
        };
        if columns.iter().all(|column| column.key != name) {
            columns.push(Column { key: name, label: field.label.clone(), source: Source::Field(field) });
        }
    }
    columns
}

impl Column<'_> {
    /// Whether its values are numbers, which a spreadsheet may show as such.
    pub fn is_numeric(&self) -> bool {
        match self.source {
            Source::Ticket => self.key != "assignees",
            Source::Field(field) => {
                field.merge == Merge::Counter
                    || matches!(field.kind, Kind::Integer { .. } | Kind::Number { .. })
                        && !field.merge.is_collection()
            }
            Source::Record | Source::Time | Source::State => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use gridledger_schema::set::SchemaSet;

    use super::*;

    #[test]
    fn every_ledger_field_of_the_built_in_types_has_a_column_of_its_own() {
        let schema = SchemaSet::builtin();
        for record_type in schema.types.values() {
            let fields = record_type.fields.values().filter(|f| f.ledger.is_some());
            let shown = columns(record_type);
            for field in fields {
                let found = shown.iter().find(|column| column.key == field.name);
                assert_eq!(found.map(|c| c.source), Some(Source::Field(field)), "{}", field.name);
            }
        }
    }
}
