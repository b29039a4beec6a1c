//! Shadows that a server will give back no more are lost: the holder is told, and so is the server.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Missing;
use rusqlite::Connection;

use crate::engine::phone::engine::Engine;
use crate::engine::records::documents;
use crate::engine::records::rebuild;
use crate::engine::records::rows::{self, Row};
use crate::engine::records::shadows::{HEALED, HEALING, IS_OPEN, lacking, of};
use crate::error::ClientError;
use crate::faults;

impl Engine {
    /// The server will give back no more by itself: what is left in shadows is lost. Those whose holders are told by a
    /// refusal, this phone's own, do not count.
    pub(crate) fn give_up_shadows(&self, tx: &Connection) -> Result<(), ClientError> {
        let mut select =
            self.db.prepare(&format!("SELECT DISTINCT record, area, type FROM shadows WHERE {IS_OPEN}"))?;
        let rows = select.query_map([], |row| {
            let (record, area) = (RecordId(row.get(0)?), AreaNo(row.get(1)?));
            Ok(Row::new(record, &row.get::<_, String>(2)?, area))
        })?;
        let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
        drop(select);
        if rows.is_empty() {
            return Ok(());
        }
        let own = self.own_feeds();
        let give_up = format!("UPDATE shadows SET lost = 1 WHERE record = ?1 AND no = ?2 AND {IS_OPEN}");
        for row in rows {
            let row = rows::row(tx, row.record)?.unwrap_or(row);
            let confirmed = documents::documents(tx, row.record, false)?;
            for shadow in of(tx, row.record)? {
                let mut lacking = lacking(&self.schema, &row, &confirmed, &shadow.facets);
                lacking.retain(|(_, feed, ..)| !own.contains(feed));
                let sql = if lacking.is_empty() {
                    "DELETE FROM shadows WHERE record = ?1 AND no = ?2"
                } else {
                    &give_up
                };
                tx.prepare_cached(sql)?.execute((row.record.0, shadow.no))?;
            }
            rebuild::rebuild_stored(tx, &self.schema, &row, &self.me.user)?;
        }
        faults::reach("phone.before_lost");
        Ok(())
    }

    /// An area has come afresh, and is equal to the server's: what the server does not have is off the screen, and is told.
    pub(crate) fn end_healing(&self, c: &Connection, area: AreaNo) -> Result<(), ClientError> {
        let sql = "SELECT DISTINCT record, type FROM shadows WHERE lost = ?1 AND area = ?2";
        let mut select = c.prepare_cached(sql)?;
        let rows = select.query_map((HEALING, area.0), |row| {
            Ok(Row::new(RecordId(row.get(0)?), &row.get::<_, String>(1)?, area))
        })?;
        let own = self.own_feeds();
        for row in rows.collect::<Result<Vec<_>, _>>()? {
            let row = rows::row(c, row.record)?.unwrap_or(row);
            rebuild::rebuild_stored(c, &self.schema, &row, &self.me.user)?;
            let confirmed = documents::documents(c, row.record, false)?;
            for shadow in of(c, row.record)?.iter().filter(|shadow| shadow.lost == HEALING) {
                let lacking = lacking(&self.schema, &row, &confirmed, &shadow.facets);
                let sql = if lacking.iter().all(|(_, feed, ..)| own.contains(feed)) {
                    "DELETE FROM shadows WHERE record = ?1 AND no = ?2 AND ?3 > 0"
                } else {
                    "UPDATE shadows SET lost = ?3 WHERE record = ?1 AND no = ?2"
                };
                c.prepare_cached(sql)?.execute((row.record.0, shadow.no, HEALED))?;
            }
        }
        Ok(())
    }

    /// What the server is to be told is missing, as much as goes into one request, and of which records.
    pub(crate) fn missing_to_tell(&self) -> Result<(Vec<Missing>, Vec<RecordId>), ClientError> {
        let (mut missing, mut told) = (Vec::new(), Vec::new());
        for lost in self.lost_records(None, true)? {
            if missing.len() + lost.missing.len() > limits::REQUEST_RECEIPTS && !missing.is_empty() {
                break;
            }
            told.push(lost.row.record);
            missing.extend(lost.missing.into_iter().take(limits::REQUEST_RECEIPTS));
        }
        Ok((missing, told))
    }
}

/// The server knows what this phone told it to be missing.
pub(crate) fn missing_told(c: &Connection, records: &[RecordId]) -> Result<(), ClientError> {
    for record in records {
        let sql = "UPDATE shadows SET lost = 2 WHERE record = ?1 AND lost = 1";
        c.prepare_cached(sql)?.execute([record.0])?;
    }
    Ok(())
}
