//! The records that a record's place comes from.

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Kind, RecordType};
use serde_json::{Map, Value};

/// The types a record's place can come from, the nearest to a door first.
const ANCHORS: [&str; 8] =
    ["dwelling", "household", "residency", "person", "place", "visit", "patrol", "ticket"];

/// The records a record's fields refer to, the nearest to a door first.
pub fn references(record_type: &RecordType, view: &Map<String, Value>) -> Vec<RecordId> {
    let mut found: Vec<(usize, RecordId)> = Vec::new();
    for name in record_type.order() {
        let Some(field) = record_type.field(name) else {
            continue;
        };
        let Kind::Ref(target) = &field.kind else { continue };
        let Some(rank) = ANCHORS.iter().position(|anchor| anchor == target) else {
            continue;
        };
        let values = match view.get(name) {
            Some(Value::Array(items)) => items.clone(),
            Some(value) => vec![value.clone()],
            None => continue,
        };
        let ids = values.iter().filter_map(|value| value.as_str()?.parse().ok());
        found.extend(ids.map(|id| (rank, id)));
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, id)| id).collect()
}
