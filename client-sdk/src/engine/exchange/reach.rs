//! What this phone's user may do and read, and what follows when that changes: rights that ended or are about to, read
//! classes lost and gained.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::Scope;
use rusqlite::Connection;

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::UNNAMED;
use crate::engine::records::areas::WHOLE;
use crate::engine::records::rebuild;
use crate::engine::records::remove;
use crate::engine::records::rows;
use crate::error::ClientError;

impl Engine {
    /// The facets, and the scope as a number, under which the user reads an area.
    pub(crate) fn reach(&self, area: AreaNo, now: i64) -> Option<(u64, i64)> {
        let rights = self.rights();
        let scope = match rights.scope(area, now)? {
            Scope::Own => 0,
            Scope::Assigned => 1,
            Scope::Area => WHOLE,
        };
        Some((rights.facets(area, now), scope))
    }

    /// Notes under which facets and scope an area is fetched that is new here.
    pub(crate) fn note_reach(&self, area: AreaNo) -> Result<(), ClientError> {
        if let Some((facets, scope)) = self.reach(area, settings::number(&self.db, "told_at")?) {
            let sql = "UPDATE areas SET facets = ?2, scope = ?3 WHERE area = ?1 AND facets IS NULL";
            self.db.prepare_cached(sql)?.execute((area.0, facets as i64, scope))?;
        }
        Ok(())
    }

    /// Puts what is held in step with what may be read now: facets and records lost go, gained ones are asked for from
    /// the beginning. Whether anything must be asked for. Expects the answer's rights and time to be applied.
    pub(crate) fn settle_reach(&mut self) -> Result<bool, ClientError> {
        let ask = self.of_answer(UNNAMED, Self::settle_reach_in)?;
        Ok(ask.unwrap_or_default())
    }

    fn settle_reach_in(&self, c: &Connection) -> Result<bool, ClientError> {
        let now = settings::number(c, "told_at")?;
        let held: Vec<(AreaNo, Option<u64>, Option<i64>)> = {
            let mut select = c.prepare_cached("SELECT area, facets, scope FROM areas WHERE held = 1")?;
            let rows = select.query_map([], |row| {
                let facets = row.get::<_, Option<i64>>(1)?.map(|bits| bits as u64);
                Ok((AreaNo(row.get(0)?), facets, row.get(2)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        let mut ask = false;
        for (area, facets_before, scope_before) in held {
            // Of an area that may not be read at all the server says so itself.
            let Some((facets, scope)) = self.reach(area, now) else {
                continue;
            };
            if facets_before == Some(facets) && scope_before == Some(scope) {
                continue;
            }
            if let (Some(facets_before), Some(scope_before)) = (facets_before, scope_before) {
                let gains = facets & !facets_before != 0;
                if scope != scope_before || (gains && scope != WHOLE) {
                    remove::forget_area(c, area)?;
                    ask = true;
                } else if gains {
                    remove::forget_confirmed(c, area)?;
                    ask = true;
                }
                forget_facets(c, (&self.schema, &self.me.user), area, facets_before & !facets)?;
            }
            let sql = "UPDATE areas SET facets = ?2, scope = ?3 WHERE area = ?1";
            c.prepare_cached(sql)?.execute((area.0, facets as i64, scope))?;
        }
        Ok(ask)
    }
}

/// Takes the documents of facets that may be read no longer. What the user typed there and the server has not decided
/// stays, on its own.
fn forget_facets(
    c: &Connection,
    (schema, author): (&gridledger_schema::set::SchemaSet, &str),
    area: AreaNo,
    lost: u64,
) -> Result<(), ClientError> {
    for facet in (0..64u8).filter(|facet| lost & (1 << facet) != 0) {
        c.execute("DELETE FROM shadows WHERE area = ?1 AND facet = ?2", (area.0, facet))?;
        c.execute("DELETE FROM digests WHERE area = ?1 AND facet = ?2", (area.0, facet))?;
        let records: Vec<RecordId> = c
            .prepare(
                "DELETE FROM documents WHERE facet = ?2 AND record IN (SELECT record FROM records WHERE area = ?1)
                 RETURNING record",
            )?
            .query_map((area.0, facet), |row| row.get(0).map(RecordId))?
            .collect::<Result<_, _>>()?;
        for record in records {
            let Some(row) = rows::row(c, record)? else {
                continue;
            };
            rebuild::rebuild_stored(c, schema, &row, author)?;
        }
    }
    Ok(())
}
