//! The losses of a server that was restored, or set back: shown with the values there were, until they come back after all, or
//! their holder saves them again under the own name, or lets them go.

use gridledger_core::mask;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Merge, RecordType};
use serde_json::{Map, Value};

use super::Engine;
use super::shadows::{IS_TOLD, LostRecord};
use crate::error::{ClientError, lease_ended};
use crate::intents::Intents;
use crate::model::{Lost, LostValue, Saved};

impl Engine {
    /// Records of which a restored server did not give everything back, with what they showed, masked as in lists;
    /// nothing while residents' values are withheld.
    pub fn lost(&self) -> Result<Vec<Lost>, ClientError> {
        self.look()?;
        let lost = self.lost_records(None, false)?.into_iter();
        lost.map(|lost| Ok(self.masked_lost(self.whole_lost(&lost)?))).collect()
    }

    fn masked_lost(&self, mut lost: Lost) -> Lost {
        let Some(known) = self.schema.record_type(&lost.record_type) else {
            lost.values.clear();
            return lost;
        };
        for value in &mut lost.values {
            for shown in [&mut value.was, &mut value.now] {
                let whole = Map::from_iter([(value.field.clone(), shown.take())]);
                *shown = mask::view(known, &whole).remove(&value.field).unwrap_or_default();
            }
        }
        lost
    }

    fn whole_lost(&self, lost: &LostRecord) -> Result<Lost, ClientError> {
        let record = lost.row.record;
        let here = self.plain_get(record)?;
        let now = here.as_ref().and_then(|here| here.view.as_object()).cloned();
        let was = lost.was.to_json();
        let area = self.tree.get(lost.row.area).map(|info| info.code.clone());
        let changes = lost.changes;
        Ok(Lost {
            record,
            record_type: lost.row.record_type.clone(),
            area: area.unwrap_or_default(),
            here: here.is_some(),
            changes,
            values: differing(&was, &now.unwrap_or_default()),
            zh: format!(
                "服务器恢复或退回到较早状态后，这条档案缺少他人填写的 {changes} 笔内容；下面是本机原来看到的值，可以用自己的名义重新填写，也可以放弃。"
            ),
            en: format!(
                "After the server was restored or set back, {changes} changes by others are missing in this record. Below is what this \
                 phone had shown: save it again under your own name, or let it go."
            ),
        })
    }

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

/// The fields that had shown another value than now.
fn differing(was: &Value, now: &Map<String, Value>) -> Vec<LostValue> {
    let fields = was.as_object().into_iter().flatten();
    fields
        .filter(|(field, was)| !field.starts_with('_') && now.get(*field) != Some(was))
        .map(|(field, was)| LostValue {
            field: field.clone(),
            was: was.clone(),
            now: now.get(field).cloned().unwrap_or(Value::Null),
        })
        .collect()
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
