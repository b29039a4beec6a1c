//! Views of records: one part stands open in the file, the part with residents' values is sealed.

use gridledger_core::project::{self, View};
use gridledger_schema::set::{Field, Kind, Mask, Merge, PrivacyClass, RecordType, SchemaSet};
use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::engine::file::seal::{self, gather_text, is_personal};
use crate::engine::records::documents::Facets;
use crate::engine::records::rows::Row;
use crate::error::ClientError;

/// The text that stands in the place of a withheld one.
const WITHHELD: &str = "***";
/// The key of the conflicts in a view.
const CONFLICTS: &str = "_conflicts";
/// The key of a ticket's state in a view.
const TICKET: &str = "_ticket";

/// Projects a record's view from its documents; empty for a type that the schema does not know.
pub(crate) fn project(schema: &SchemaSet, record_type: &str, facets: &Facets) -> View {
    schema.record_type(record_type).map(|t| project::project(t, facets.values())).unwrap_or_default()
}

/// Writes a record's row and view, residents' values sealed. In the dark these are left out, and the record is rebuilt when
/// there is a lease. `pending` is the number of open entries.
pub(crate) fn write(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    view: &View,
    pending: usize,
) -> Result<(), ClientError> {
    let conflicts = view.conflicts.len() as i64;
    let (open, sealed) = split(schema.record_type(&row.record_type), view.to_json());
    let stale = seal::is_blind(c, &row.record_type)?;
    let sealed = sealed.filter(|_| !stale).map(|view| view.to_string());
    let mut text = String::new();
    gather_text(&open, &mut text);
    let mut upsert = c.prepare_cached(
        "INSERT INTO records (record, area, type, created, epoch, held, view, text, conflicts, pending, changed_at, leaving,
           sealed, stale)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, seal_view(?13, ?1, ?3), ?14)
         ON CONFLICT (record) DO UPDATE SET area = ?2, type = ?3, created = ?4, epoch = ?5, held = ?6, view = ?7, text = ?8,
         conflicts = ?9, pending = ?10, changed_at = ?11, leaving = ?12, sealed = excluded.sealed, stale = ?14",
    )?;
    let created = row.created.map(|n| n as i64);
    upsert.execute(rusqlite::params![
        row.record.0,
        row.area.0,
        row.record_type,
        created,
        row.epoch,
        row.held as i64,
        open.to_string(),
        text,
        conflicts,
        pending as i64,
        row.changed_at,
        row.leaving.map(|n| n as i64),
        sealed,
        stale
    ])?;
    Ok(())
}

/// Splits a view in two: the open part, and residents' values with their conflicts, if there are any. Fields that the
/// schema does not know count as residents'.
fn split(record_type: Option<&RecordType>, view: Value) -> (Value, Option<Value>) {
    let Value::Object(fields) = view else {
        return (view, None);
    };
    let is_open = |name: &str| {
        let field = record_type.and_then(|t| t.field(name.split('/').next().unwrap_or(name)));
        name == TICKET || field.is_some_and(|field| !is_personal(field))
    };
    let (mut open, mut sealed) = (Map::new(), Map::new());
    for (name, value) in fields {
        if name == CONFLICTS
            && let Value::Object(conflicts) = value
        {
            for (field, values) in conflicts {
                let part = if is_open(&field) { &mut open } else { &mut sealed };
                let there = part.entry(CONFLICTS).or_insert_with(|| Value::Object(Map::new()));
                if let Some(there) = there.as_object_mut() {
                    there.insert(field, values);
                }
            }
        } else if is_open(&name) {
            open.insert(name, value);
        } else {
            sealed.insert(name, value);
        }
    }
    (Value::Object(open), (!sealed.is_empty()).then_some(Value::Object(sealed)))
}

/// Joins the two parts of a view again.
pub(crate) fn join(open: &mut Value, sealed: Value) {
    let (Some(open), Value::Object(sealed)) = (open.as_object_mut(), sealed) else {
        return;
    };
    for (name, value) in sealed {
        match (open.get_mut(&name).and_then(Value::as_object_mut), value) {
            (Some(there), Value::Object(more)) if name == CONFLICTS => there.extend(more),
            (_, value) => _ = open.insert(name, value),
        }
    }
}

/// Shows that values are withheld. Every text of a personal field that all may read becomes `***`, whether it has a value or
/// not. Sensitive fields, hidden fields and values that are no texts are not shown.
pub(crate) fn withhold(record_type: Option<&RecordType>, view: &mut Value) {
    let (Some(record_type), Some(view)) = (record_type, view.as_object_mut()) else {
        return;
    };
    let is_text = |field: &Field| {
        let single = matches!(field.merge, Merge::Once | Merge::Register | Merge::Multi | Merge::Text);
        single && matches!(field.kind, Kind::Text { .. })
    };
    let personal = |field: &&Field| {
        let privacy = &field.privacy;
        privacy.class == PrivacyClass::Personal && privacy.mask != Some(Mask::Hidden) && field.facet == 0
    };
    for field in record_type.fields.values().filter(personal).filter(|field| is_text(field)) {
        view.insert(field.name.clone(), WITHHELD.into());
    }
}
