//! Plans, and their changes to the territory's rows.

use crate::store::tables::read;
use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::ids::AreaNo;

use super::nodes;
use super::people::{self, area_number};
use super::row_locks::Locked;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::plans::{Census, CensusRow, LineageRow, PlanRow, TerritoryChange, WorkRow};
use crate::store::rows::records::EventKind;
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

impl Store {
    /// Keeps a new plan, and returns its number.
    pub fn add_plan(&self, state: &str, body: &str) -> Result<u32, StoreError> {
        let (state, body) = (state.to_owned(), body.to_owned());
        self.engine.write_alone(move |c| {
            let insert = "INSERT INTO plans (state, body) VALUES (?1, ?2) RETURNING plan";
            Ok(c.query_row(insert, (&state, &body), |row| row.get(0))?)
        })
    }

    /// Every plan, by number.
    pub fn plans(&self) -> Result<Vec<PlanRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT plan, state, body FROM plans ORDER BY plan")?;
            Ok(select.query_map((), read_plan)?.collect::<Result<_, _>>()?)
        })
    }

    /// A plan.
    pub fn plan(&self, plan: u32) -> Result<Option<PlanRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT plan, state, body FROM plans WHERE plan = ?1")?;
            Ok(select.query_row([plan], read_plan).optional()?)
        })
    }

    /// Replaces a plan if it still equals `was`, and returns whether it did.
    pub fn step_plan(&self, was: &PlanRow, now: &PlanRow) -> Result<bool, StoreError> {
        let (was, now) = (was.clone(), now.clone());
        self.engine.write_alone(move |c| step(c, &was, &now))
    }

    /// [`step_plan`](Self::step_plan), with the change of the territory in the same transaction.
    pub fn begin_plan(
        &self,
        was: &PlanRow,
        now: &PlanRow,
        change: &TerritoryChange,
    ) -> Result<bool, StoreError> {
        let (was, now, change) = (was.clone(), now.clone(), change.clone());
        self.engine.write_alone(move |c| {
            let stepped = step(c, &was, &now)?;
            if stepped {
                nodes::territory_changes(c)?;
                take_change(c, now.plan, &change)?;
            }
            Ok(stepped)
        })
    }

    /// Reads the lineage of areas, by area.
    pub fn lineage(&self) -> Result<Vec<LineageRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT area, successor, kind = 'merged', plan, at FROM lineage ORDER BY 1, 2, 4",
            )?;
            let rows = select.query_map((), |row| {
                Ok(LineageRow {
                    area: AreaNo(row.get(0)?),
                    successor: AreaNo(row.get(1)?),
                    merged: row.get(2)?,
                    plan: row.get(3)?,
                    at: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Areas that closed, and when, ms since 1970.
    pub fn closed_areas(&self) -> Result<Vec<(AreaNo, i64)>, StoreError> {
        self.engine.read(|c| {
            let mut select =
                c.prepare_cached("SELECT area, closed FROM areas WHERE closed IS NOT NULL ORDER BY area")?;
            let rows = select.query_map((), |row| Ok((AreaNo(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One consistent look at some areas. Of work, that whose author's clock was at or past `since` (ms). With `heads`,
    /// also how many records were made after these positions in the logs of the areas they were made in.
    pub fn census(
        &self,
        areas: &[AreaNo],
        since: i64,
        heads: Option<&[(AreaNo, u64)]>,
    ) -> Result<Census, StoreError> {
        let areas: BTreeSet<AreaNo> = areas.iter().copied().collect();
        self.engine.read(|c| {
            let mut census = Census::default();
            for area in &areas {
                census.records.extend(counted(c, *area)?);
                census.work.extend(worked(c, *area, since)?);
                let head = read::area_head(c, *area)?.unwrap_or_default();
                census.heads.push((*area, head.seq));
            }
            if let Some(heads) = heads {
                census.made = made_since(c, &areas, heads)?;
            }
            Ok(census)
        })
    }
}

/// Records of these areas that were made after positions in the logs of the areas they were made in, by type.
fn made_since(
    c: &Connection<'_>,
    areas: &BTreeSet<AreaNo>,
    heads: &[(AreaNo, u64)],
) -> Result<Vec<(String, u64)>, StoreError> {
    let heads: BTreeMap<AreaNo, u64> = heads.iter().copied().collect();
    let mut made: BTreeMap<String, u64> = BTreeMap::new();
    let mut select = c.prepare_cached(
        "SELECT r.type, coalesce(s.area, r.area), coalesce(s.created, r.created)
         FROM records r LEFT JOIN stays s ON s.record = r.record
           AND s.until = (SELECT min(until) FROM stays WHERE record = r.record)
         WHERE r.area = ?1",
    )?;
    for area in areas {
        let rows = select.query_map([area.0], |row| {
            let place = (AreaNo(row.get(1)?), row.get::<_, i64>(2)? as u64);
            Ok((row.get::<_, String>(0)?, place))
        })?;
        for row in rows {
            let (record_type, (origin, created)) = row?;
            if created > heads.get(&origin).copied().unwrap_or(0) {
                *made.entry(record_type).or_default() += 1;
            }
        }
    }
    Ok(made.into_iter().collect())
}

fn read_plan(row: &Row) -> Result<PlanRow, SqlError> {
    Ok(PlanRow { plan: row.get(0)?, state: row.get(1)?, body: row.get(2)? })
}

fn step(c: &Connection<'_>, was: &PlanRow, now: &PlanRow) -> Result<bool, StoreError> {
    let sql = "UPDATE plans SET state = ?4, body = ?5 WHERE plan = ?1 AND state = ?2 AND body = ?3";
    let row = (was.plan, &was.state, &was.body, &now.state, &now.body);
    Ok(c.prepare_cached(sql)?.execute(row)? == 1)
}

fn counted(c: &Connection<'_>, area: AreaNo) -> Result<Vec<CensusRow>, StoreError> {
    let state = c.member("l.view", &["_ticket", "state"]);
    let mut select = c.prepare_cached(&format!(
        "SELECT r.type, CAST(sum(1 - r.erased) AS BIGINT), CAST(sum(r.erased) AS BIGINT),
           CAST(sum(CASE WHEN r.erased = 0 AND coalesce({state}, 'CLOSED')
             NOT IN ('CLOSED', 'EVALUATED', 'VOID', 'MERGED') THEN 1 ELSE 0 END) AS BIGINT)
         FROM records r LEFT JOIN ledger l ON l.record = r.record AND l.facet = 0 AND r.type = 'ticket'
         WHERE r.area = ?1 GROUP BY r.type"
    ))?;
    let rows = select.query_map([area.0], |row| {
        let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
        Ok(CensusRow {
            area,
            record_type: row.get(0)?,
            records: number(1)?,
            erased: number(2)?,
            open: number(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn worked(c: &Connection<'_>, area: AreaNo, since: i64) -> Result<Vec<WorkRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT created_by, type, count(*) FROM records
         WHERE area = ?1 AND created_at >= ?2 AND erased = 0 AND type IN ('visit', 'patrol') GROUP BY created_by, type",
    )?;
    let rows = select.query_map((area.0, since), |row| {
        Ok(WorkRow {
            area,
            author: row.get(0)?,
            record_type: row.get(1)?,
            records: row.get::<_, i64>(2)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn take_change(c: &Connection<'_>, plan: u32, change: &TerritoryChange) -> Result<(), StoreError> {
    people::put_areas(c, &change.made)?;
    // The time is later than every earlier change of rights: a device that knows of one need not know of the next.
    let told = change.at.max(people::read_last_change(c)? + 1);
    c.execute("INSERT INTO territory_changes VALUES (?1, ?2)", (told, plan))?;
    for moved in &change.moved {
        let (area, to) = (area_number(c, &moved.area)?, area_number(c, &moved.to)?);
        move_area(c, area, to, change, told)?;
    }
    for succession in &change.successions {
        let (old, new) = (area_number(c, &succession.area)?, area_number(c, &succession.successor)?);
        keep_past(c, new)?;
        add_edge(c, new, old, change.at, Some((change.until, told)))?;
        let kind = if succession.merged { "merged" } else { "split" };
        c.execute("INSERT INTO lineage VALUES (?1, ?2, ?3, ?4, ?5)", (old.0, new.0, kind, plan, change.at))?;
    }
    for code in &change.closed {
        close(c, area_number(c, code)?, change, told)?;
    }
    announce(c, change, told)
}

/// The area lies in `to` from now on; where it lay it lies until the hand-over ends.
fn move_area(
    c: &Connection<'_>,
    area: AreaNo,
    to: AreaNo,
    change: &TerritoryChange,
    told: i64,
) -> Result<(), StoreError> {
    keep_past(c, area)?;
    end_edges(c, area, change, told)?;
    add_edge(c, area, to, change.at, None)?;
    c.execute("UPDATE areas SET parent = ?2 WHERE area = ?1", (area.0, to.0))?;
    Ok(())
}

/// An area without edges has always lain in its parent; once it gets one, that is said by an edge too.
fn keep_past(c: &Connection<'_>, area: AreaNo) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO edges (area, above, valid_from) SELECT area, parent, 0 FROM areas
         WHERE area = ?1 AND parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM edges WHERE area = ?1)",
        [area.0],
    )?;
    Ok(())
}

fn end_edges(
    c: &Connection<'_>,
    area: AreaNo,
    change: &TerritoryChange,
    told: i64,
) -> Result<(), StoreError> {
    c.execute(
        "UPDATE edges SET valid_to = ?2, ended_at = ?3 WHERE area = ?1 AND (valid_to IS NULL OR valid_to > ?2)",
        (area.0, change.until, told),
    )?;
    Ok(())
}

fn add_edge(
    c: &Connection<'_>,
    area: AreaNo,
    above: AreaNo,
    from: i64,
    ends: Option<(i64, i64)>,
) -> Result<(), StoreError> {
    let (to, ended_at) = ends.unzip();
    let sql = "INSERT INTO edges VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (area, above, valid_from) DO UPDATE SET valid_to = excluded.valid_to, ended_at = excluded.ended_at";
    c.execute(sql, (area.0, above.0, from, to, ended_at))?;
    Ok(())
}

/// After the hand-over the area lies nowhere.
fn close(c: &Connection<'_>, area: AreaNo, change: &TerritoryChange, told: i64) -> Result<(), StoreError> {
    keep_past(c, area)?;
    end_edges(c, area, change, told)?;
    let closing = "UPDATE areas SET closed = ?2 WHERE area = ?1";
    c.execute(closing, (area.0, change.at))?;
    Ok(())
}

/// Writes an event into the log of every area whose place changed and of all below it, and keeps the routes with its
/// position: whose cursor is there was told.
fn announce(c: &Connection<'_>, change: &TerritoryChange, told: i64) -> Result<(), StoreError> {
    let locked = Locked::everything(c)?;
    let moved = change.moved.iter().map(|moved| &moved.area);
    let followed = change.successions.iter().flat_map(|s| [&s.area, &s.successor]).chain(&change.closed);
    let mut concerned = BTreeSet::new();
    for code in moved.chain(followed) {
        people::below(c, area_number(c, code)?, &mut concerned)?;
    }
    let mut positions = BTreeMap::new();
    for area in concerned {
        locked.expect(area)?;
        let head = read::area_head(c, area)?.unwrap_or_default().seq + 1;
        c.execute("UPDATE areas SET head = ?2 WHERE area = ?1", (area.0, head as i64))?;
        let event = (area.0, head as i64, EventKind::Rights.as_str(), told);
        c.execute("INSERT INTO events (area, seq, kind, at) VALUES (?1, ?2, ?3, ?4)", event)?;
        super::marks::put_head(c, area)?;
        positions.insert(area, head);
    }
    for (code, parts) in &change.routes {
        let area = area_number(c, code)?;
        let (seq, closed) = (positions.get(&area).copied().unwrap_or(0), change.closed.contains(code));
        c.execute(
            "INSERT INTO routes VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (area) DO UPDATE SET seq = ?2, closed = ?3, parts = ?4",
            (area.0, seq as i64, closed, parts),
        )?;
    }
    Ok(())
}
