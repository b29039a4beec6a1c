//! Lost records saved again by their holder, or let go.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Merge, RecordType};
use serde_json::Value;

use crate::engine::phone::engine::Engine;
use crate::engine::records::shadows::IS_TOLD;
use crate::error::{ClientError, lease_ended};
use crate::intents::Intents;
use crate::model::{LostValue, Saved};

impl Engine {
    /// Saves what a record had shown and shows no more, as a new edit of one's own, and takes the record off the list: both
    /// or neither. Items of logs and steps of tickets are others' words, and are left out. A record that is not here any
    /// more is made anew.
    pub fn save_lost(&mut self, record: RecordId) -> Result<Saved, ClientError> {
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let lost = self.lost_records(Some(record), false)?.into_iter().next();
        let lost = lost.ok_or_else(|| ClientError::Missing(format!("lost record {record}")))?;
        let shown = self.whole_lost(&lost)?;
        let record_type = self.schema.record_type(&lost.row.record_type).cloned();
        let record_type =
            record_type.ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
        let mut intents = Intents::new();
        for value in &shown.values {
            intents = written(intents, &record_type, value);
        }
        let target = if shown.here {
            Target::Edit { record }
        } else {
            Target::Create { record_type: record_type.name.clone(), area: lost.row.area }
        };
        self.save_and(target, intents.into_vec(), |c, _| forget(c, record))
    }

    /// Takes a record off the list of what was lost; what it had shown goes.
    pub fn dismiss_lost(&mut self, record: RecordId) -> Result<(), ClientError> {
        forget(&self.db, record)
    }
}

/// The shadows that were given up go.
fn forget(c: &rusqlite::Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = format!("DELETE FROM shadows WHERE record = ?1 AND {IS_TOLD}");
    match c.execute(&sql, [record.0]).map_err(ClientError::of_store)? {
        0 => Err(ClientError::Missing(format!("lost record {record}"))),
        _ => Ok(()),
    }
}

/// Adds what writes a value again.
fn written(intents: Intents, record_type: &RecordType, value: &LostValue) -> Intents {
    let LostValue { field, was, now } = value;
    let merge = record_type.field(field).map(|found| found.merge);
    match (merge, was) {
        (Some(Merge::Log | Merge::Events) | None, _) => intents,
        (Some(Merge::SetAddWins | Merge::SetRemoveWins), Value::Array(items)) => {
            let there = now.as_array().map_or(&[][..], Vec::as_slice);
            let lacking = items.iter().filter(|item| !there.contains(item));
            let lacking = lacking.filter_map(Value::as_str);
            lacking.fold(intents, |intents, item| intents.add(field, item))
        }
        (Some(Merge::Map), Value::Object(children)) => {
            let differs = children.iter().filter(|(child, value)| now.get(child) != Some(value));
            differs.fold(intents, |intents, (child, value)| match value.as_object() {
                Some(value) => intents.set_child(field, child, value.clone()),
                None => intents,
            })
        }
        _ => intents.put(field, was.clone()),
    }
}
