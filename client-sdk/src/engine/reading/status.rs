//! Where this phone stands, and how far own edits have come.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::RecordId;
use rusqlite::Connection;

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::records::areas::areas;
use crate::engine::records::entries::read_refusal;
use crate::engine::records::shadows::IS_TOLD;
use crate::error::ClientError;
use crate::model::{SentState, Status};

impl Engine {
    /// Where this phone stands.
    pub fn status(&self) -> Result<Status, ClientError> {
        let count = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64);
        let (lease_until, dark) = self.lease_stands()?;
        let trouble = trouble(&self.db)?;
        Ok(Status {
            user: Some(self.me.user.clone()).filter(|u| !u.is_empty()),
            name: settings::text(&self.db, "name")?.filter(|name| !name.is_empty()),
            server: self.server()?,
            enrolled: self.me.device.is_some(),
            records: count("SELECT count(*) FROM records")?,
            unsent: count("SELECT count(*) FROM entries WHERE state = 0")?,
            sent: count("SELECT count(*) FROM entries WHERE state = 1")?,
            attention: count("SELECT count(*) FROM entries WHERE state = 3")?
                + count(&format!("SELECT count(DISTINCT record) FROM shadows WHERE {IS_TOLD}"))?,
            conflicts: count("SELECT count(*) FROM records WHERE conflicts > 0")?,
            clock_offset_ms: settings::number(&self.db, "clock_offset")?,
            synced_at: settings::number(&self.db, "synced_at")?,
            lease_until,
            dark,
            trouble,
            areas: areas(&self.db, true)?,
            grants: self.grants.clone(),
            endings: self.endings()?,
        })
    }

    /// Own edits and how far each has come, the last first: number, record, time, state.
    pub fn receipts(&self, limit: usize) -> Result<Vec<(u64, RecordId, i64, SentState)>, ClientError> {
        let mut select = self.db.prepare_cached(
            "SELECT n, record, at, state FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT ?2",
        )?;
        let rows = select.query_map((self.me.feed.0, limit as i64), |row| {
            Ok((
                row.get::<_, i64>(0)? as u64,
                RecordId(row.get(1)?),
                row.get::<_, Option<i64>>(2)?.unwrap_or(0),
                SentState::from_number(row.get(3)?),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Why the server did not look at all that was sent last.
pub(crate) fn trouble(c: &Connection) -> Result<Option<Refusal>, ClientError> {
    Ok(settings::text(c, "trouble")?.and_then(|text| read_refusal(&text)))
}
