//! Lost records, saved again by their holder or dismissed.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Merge, RecordType};
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::phone::engine::Engine;
use crate::engine::records::shadows::{self, LOST_HERE};
use crate::error::{ClientError, lease_ended};
use crate::intents::Intents;
use crate::model::{LostValue, Saved};

impl Engine {
    /// Saves the values that a lost record had shown as a new edit of the user, and takes the record off the list: both or
    /// neither. A record that is not here any more is created anew. Items of logs and steps of tickets are left out, since
    /// others had written them.
    ///
    /// # Errors
    ///
    /// `lease_ended` in the dark, `Missing` if the record is not on the list, else as [`edit`](Self::edit).
    pub fn save_lost(&mut self, record: RecordId) -> Result<Saved, ClientError> {
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let lost = self.list_lost(Some(record), &LOST_HERE)?.into_iter().next();
        let lost = lost.ok_or_else(|| ClientError::Missing(format!("lost record {record}")))?;
        let described = self.describe_lost(&lost)?;
        let record_type = self.schema.record_type(&lost.row.record_type).cloned();
        let record_type =
            record_type.ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
        let mut intents = Intents::new();
        for value in &described.values {
            intents = add_value(intents, &record_type, value);
        }
        let target = if described.here {
            Target::Edit { record }
        } else {
            Target::Create { record_type: record_type.name.clone(), area: lost.row.area }
        };
        self.save_and(target, intents.into_vec(), |c, _| remove_from_list(c, record))
    }

    /// Takes a record off the list of losses. The values it had shown are deleted.
    ///
    /// # Errors
    ///
    /// `Missing` if the record is not on the list, and the store's.
    pub fn dismiss_lost(&mut self, record: RecordId) -> Result<(), ClientError> {
        remove_from_list(&self.db, record)
    }
}

fn remove_from_list(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    if shadows::remove_lost(c, record)? {
        Ok(())
    } else {
        Err(ClientError::Missing(format!("lost record {record}")))
    }
}

/// Adds the intents that write a value again.
fn add_value(intents: Intents, record_type: &RecordType, value: &LostValue) -> Intents {
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
