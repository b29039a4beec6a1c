//! A row of a ledger: merges the facets that the reader may read, masks values, matches filters.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::set::{Kind, RecordType};
use gridledger_schema::wire::AreaInfo;
use serde_json::{Map, Value, json};

use super::columns::{Column, Source};
use crate::rights::reader::Reach;
use crate::store::rows::records::{LedgerRow, RecordRow};
use gridledger_core::mask;

/// A row: column's key to value. A key that is not there has no value.
pub type Cells = Map<String, Value>;

/// The views of a record's facets as one, of the facets within reach. Each field comes from its own facet.
pub fn merged(record_type: &RecordType, views: &[(u8, Value)], reach: Reach) -> Map<String, Value> {
    let mut out = Map::new();
    let mut conflicts = Map::new();
    for (facet, view) in views.iter().filter(|(facet, _)| reach.reads(*facet)) {
        let events = record_type.events_field().map_or(0, |field| field.facet);
        for (name, value) in view.as_object().into_iter().flatten() {
            match name.as_str() {
                "_conflicts" => conflicts.extend(value.as_object().cloned().unwrap_or_default()),
                "_ticket" if *facet != events => {}
                name if record_type.field(name).is_some_and(|f| f.facet != *facet) => {}
                name => _ = out.insert(name.to_owned(), value.clone()),
            }
        }
    }
    if !conflicts.is_empty() {
        out.insert("_conflicts".into(), conflicts.into());
    }
    out
}

/// A row's cells from its record and merged view. Fields that several people wrote at once are named in `conflicts`.
pub fn cells(
    columns: &[Column<'_>],
    row: &LedgerRow,
    view: &Map<String, Value>,
    area: Option<&AreaInfo>,
    masks: bool,
) -> Cells {
    let mut cells = Map::new();
    for column in columns {
        let value = match column.source {
            Source::Record | Source::Time => of_record(&row.record, column.key, area),
            Source::State | Source::Ticket | Source::Field(_) => value(column, view, masks),
        };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            cells.insert(column.key.to_owned(), value);
        }
    }
    let disputed = disputed(columns, view);
    if !disputed.is_empty() {
        cells.insert("conflicts".into(), json!(disputed));
    }
    cells
}

/// A column's value in a merged view.
pub fn value(column: &Column<'_>, view: &Map<String, Value>, masks: bool) -> Option<Value> {
    match column.source {
        Source::Record | Source::Time => None,
        Source::State | Source::Ticket => view.get("_ticket").and_then(|t| t.get(column.key)).cloned(),
        Source::Field(field) => {
            let value = view.get(column.key)?;
            if masks { mask::mask_value(field, value) } else { Some(value.clone()) }
        }
    }
}

/// The columns whose fields several people wrote at once.
pub fn disputed<'v>(columns: &[Column<'_>], view: &'v Map<String, Value>) -> BTreeSet<&'v str> {
    let disputed = view.get("_conflicts").and_then(Value::as_object);
    disputed
        .into_iter()
        .flat_map(|map| map.keys())
        .filter_map(|key| key.split('/').next())
        .filter(|name| columns.iter().any(|column| column.key == *name))
        .collect()
}

fn of_record(record: &RecordRow, key: &str, area: Option<&AreaInfo>) -> Option<Value> {
    Some(match key {
        "id" => json!(record.record),
        "type" => json!(record.record_type),
        "area" => json!(area?.code),
        "area_name" => json!(area?.name),
        "created_at" => json!(record.created_at),
        "created_by" => json!(record.created_by),
        "changed_at" => json!(record.changed_at),
        "changed_by" => json!(record.changed_by),
        _ => return None,
    })
}

/// Whether every filter finds one of its values: the value itself, or an item of a list.
pub fn matches(cells: &Cells, filters: &BTreeMap<String, BTreeSet<String>>) -> bool {
    filters.iter().all(|(name, wanted)| {
        let value = cells.get(name).unwrap_or(&Value::Null);
        wanted.iter().any(|wanted| is(value, wanted))
    })
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Null => wanted.is_empty(),
        Value::String(text) => text == wanted,
        Value::Array(items) => {
            items.iter().any(|one| is(one, wanted)) || items.is_empty() && wanted.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => *value.to_string() == *wanted,
        Value::Object(_) => false,
    }
}

/// Whether a text is part of what the row shows: of a value, or of the name of a code.
pub fn contains(columns: &[Column<'_>], cells: &Cells, text: &str) -> bool {
    columns.iter().any(|column| {
        let kind = match column.source {
            Source::Field(field) => Some(&field.kind),
            _ => None,
        };
        cells.get(column.key).is_some_and(|value| has(kind, value, text))
    })
}

fn has(kind: Option<&Kind>, value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => {
            own.to_lowercase().contains(text)
                || matches!(kind, Some(Kind::Enum(choices)) if choices.iter().any(|choice| {
                    choice.code == *own
                        && (choice.label.zh.contains(text) || choice.label.en.to_lowercase().contains(text))
                }))
        }
        Value::Array(items) => items.iter().any(|one| has(kind, one, text)),
        Value::Object(map) => map.values().any(|one| has(None, one, text)),
        Value::Number(number) => number.to_string().contains(text),
        Value::Null | Value::Bool(_) => false,
    }
}
