//! Needs attention: own edits that were refused, with what was meant and why not. Nothing is dropped from here but by
//! its author.

use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::RecordId;
use rusqlite::OptionalExtension as _;

use super::Engine;
use super::query::read_refusal;
use crate::error::ClientError;
use crate::intents::Intents;
use crate::model::{Attention, Saved, SentState};

impl Engine {
    /// What needs attention, the oldest first.
    pub fn attention(&self) -> Result<Vec<Attention>, ClientError> {
        let mut select = self
            .db
            .prepare_cached("SELECT n, record, body, refusal FROM entries WHERE state = 3 ORDER BY n")?;
        let rows = select.query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)? as u64,
                RecordId(row.get(1)?),
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, String>(3)?,
            ))
        })?;
        rows.map(|row| {
            let (n, record, body, refusal) = row?;
            let damaged = || ClientError::NotAStore("a refused entry is damaged".into());
            let entry = canonical::decode(&body).map_err(|_| damaged())?;
            let refusal = read_refusal(&refusal).ok_or_else(damaged)?;
            Ok(Attention {
                n,
                record,
                at: entry.at,
                intents: entry.intents,
                refusal,
            })
        })
        .collect()
    }

    /// Saves the same intents again, as a new edit on what is there now.
    pub fn apply_again(&mut self, n: u64) -> Result<Saved, ClientError> {
        let sql = "SELECT body, facets IS NOT NULL FROM entries WHERE n = ?1 AND state = 3";
        let found = self.db.query_row(sql, [n as i64], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, bool>(1)?))
        });
        let (body, emptied) = found
            .optional()?
            .ok_or_else(|| ClientError::Missing(format!("refused edit {n}")))?;
        if emptied {
            return Err(Refusal::new(Code::Erased, "what it said was erased").into());
        }
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        let intents = Intents::from_vec(entry.intents);
        let saved = match entry.target {
            Target::Create { record_type, area } => {
                let code = self.tree.get(area).map(|a| a.code.clone()).unwrap_or_default();
                self.create(&record_type, &code, intents)?
            }
            Target::Edit { record } => self.edit(record, intents)?,
        };
        self.dismiss(n)?;
        Ok(saved)
    }

    /// Takes a refused edit off the list; it stays in the store.
    pub fn dismiss(&mut self, n: u64) -> Result<(), ClientError> {
        let sql = "UPDATE entries SET state = ?2 WHERE n = ?1 AND state = 3";
        match self
            .db
            .execute(sql, (n as i64, SentState::Dismissed.number()))
            .map_err(ClientError::of_store)?
        {
            0 => Err(ClientError::Missing(format!("refused edit {n}"))),
            _ => Ok(()),
        }
    }
}
