//! What this phone's user may do and read, and what follows when that changes: rights that ended or are about to, read
//! classes lost and gained.

use gridledger_core::calendar::{DAY_MS, minute};
use gridledger_core::validate::check_own;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_schema::set::{RecordType, Scope};
use gridledger_schema::wire::Grant;
use rusqlite::{Connection, OptionalExtension as _};

use super::lock::UNNAMED;
use super::{Engine, db, overlay};
use crate::error::ClientError;
use crate::model::Ending;

/// Milliseconds before a right's end at which its holder is warned.
pub const ENDING_SOON_MS: i64 = 3 * DAY_MS;

/// The number of the scope that reads all of an area.
pub(super) const WHOLE: i64 = 2;

impl Engine {
    /// Rights that end within three days, and those that ended within thirty, the earliest first.
    pub fn endings(&self) -> Result<Vec<Ending>, ClientError> {
        let (rights, now) = (self.rights(), self.rights_time(self.now()?)?);
        let near = |grant: &&Grant| {
            let to = grant.to.unwrap_or(i64::MAX);
            to > now - RIGHTS_GRACE_MS
                && to <= now.saturating_add(ENDING_SOON_MS)
                && !rights.holds(&grant.role, grant.area, to.max(now))
        };
        let mut endings: Vec<Ending> =
            self.grants.iter().filter(near).map(|grant| self.ending(grant, now)).collect();
        endings.sort_by(|a, b| (a.to, &a.role).cmp(&(b.to, &b.role)));
        Ok(endings)
    }

    fn ending(&self, grant: &Grant, now: i64) -> Ending {
        let to = grant.to.unwrap_or(i64::MAX);
        let (area, name) = self.tree.get(grant.area).map_or_else(
            || (grant.area.to_string(), String::new()),
            |info| (info.code.clone(), info.name.clone()),
        );
        let label = self.schema.role(&grant.role).map(|role| role.label.clone());
        let (zh, en) =
            label.map_or_else(|| (grant.role.clone(), grant.role.clone()), |label| (label.zh, label.en));
        let (ended, on) = (to <= now, minute(to));
        let (zh, en) = if ended {
            (
                format!("“{zh}”岗位（{area} {name}）已于 {on} 结束，不能再以此岗位填写。"),
                format!("The role {en} ({area} {name}) ended on {on}; nothing more can be written under it."),
            )
        } else {
            (
                format!("“{zh}”岗位（{area} {name}）将于 {on} 结束。"),
                format!("The role {en} ({area} {name}) ends on {on}."),
            )
        };
        Ending { role: grant.role.clone(), area, to, ended, zh, en }
    }

    /// Why nobody may write in an area now: the right that ended last, or that there is none.
    pub(super) fn no_role(&self, area: AreaNo, now: i64) -> Refusal {
        let here = self.grants.iter().filter(|g| self.tree.is_within(area, g.area, now));
        let ended = here.filter(|g| g.to.is_some_and(|to| to <= now));
        match ended.max_by_key(|grant| grant.to) {
            Some(grant) => {
                let Ending { role, area, .. } = self.ending(grant, now);
                let name = self.tree.get(grant.area).map_or("", |info| info.name.as_str());
                let label = self.schema.role(&role).map_or("", |role| role.label.zh.as_str());
                let on = minute(grant.to.unwrap_or_default());
                Refusal::new(Code::GrantEnded, format!("{role} {label}, {area} {name}, {on}"))
            }
            None => Refusal::new(Code::RoleNotHeld, "no role is held in this area now"),
        }
    }

    /// Whether the user may write what belongs to the record's creator alone. Where this phone does not know who that is,
    /// the server says.
    pub(super) fn check_creator(
        &self,
        entry: &Entry,
        record_type: &RecordType,
        record: RecordId,
    ) -> Result<(), ClientError> {
        let own = |field: &str| record_type.field(field).is_some_and(|field| field.own);
        if !entry.intents.iter().any(|intent| own(&intent.field)) {
            return Ok(());
        }
        if let Some(creator) = creator_of(&self.db, record, &self.me.user)? {
            check_own(record_type, entry, &self.me.user, &creator)?;
        }
        Ok(())
    }

    /// The facets, and the scope as a number, under which the user reads an area.
    fn reach(&self, area: AreaNo, now: i64) -> Option<(u64, i64)> {
        let rights = self.rights();
        let scope = match rights.scope(area, now)? {
            Scope::Own => 0,
            Scope::Assigned => 1,
            Scope::Area => WHOLE,
        };
        Some((rights.facets(area, now), scope))
    }

    /// Notes under which facets and scope an area is fetched that is new here.
    pub(super) fn note_reach(&self, area: AreaNo) -> Result<(), ClientError> {
        if let Some((facets, scope)) = self.reach(area, db::number(&self.db, "told_at")?) {
            let sql = "UPDATE areas SET facets = ?2, scope = ?3 WHERE area = ?1 AND facets IS NULL";
            self.db.prepare_cached(sql)?.execute((area.0, facets as i64, scope))?;
        }
        Ok(())
    }

    /// Puts what is held in step with what may be read now: facets and records lost go, gained ones are asked for from
    /// the beginning. Whether anything must be asked for. Expects the answer's rights and time to be applied.
    pub(super) fn settle_reach(&mut self) -> Result<bool, ClientError> {
        let ask = self.of_answer(UNNAMED, Self::settle_reach_in)?;
        Ok(ask.unwrap_or_default())
    }

    fn settle_reach_in(&self, c: &Connection) -> Result<bool, ClientError> {
        let now = db::number(c, "told_at")?;
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
                    super::apply::forget_area(c, area)?;
                    ask = true;
                } else if gains {
                    super::apply::forget_confirmed(c, area)?;
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
            let Some(row) = overlay::row(c, record)? else {
                continue;
            };
            overlay::rebuild_stored(c, schema, &row, author)?;
        }
    }
    Ok(())
}

/// Keeps who created a record, where a rule asks for it.
pub(super) fn note_creator(
    c: &Connection,
    record_type: Option<&RecordType>,
    record: RecordId,
    author: &str,
) -> Result<(), ClientError> {
    if record_type.is_some_and(|of| of.fields.values().any(|field| field.own)) {
        c.prepare_cached("INSERT OR IGNORE INTO creators VALUES (?1, ?2)")?.execute((record.0, author))?;
    }
    Ok(())
}

/// Who created a record, if this phone knows: its own entry did, or the creating entry came down.
fn creator_of(c: &Connection, record: RecordId, me: &str) -> Result<Option<String>, ClientError> {
    let mut select = c.prepare_cached("SELECT feed, n FROM entries WHERE record = ?1")?;
    let mut own = select.query([record.0])?;
    while let Some(row) = own.next()? {
        let (feed, n) = (FeedId(row.get(0)?), row.get::<_, i64>(1)?);
        if RecordId::created_by(feed, n as u64) == record {
            return Ok(Some(me.to_owned()));
        }
    }
    let mut select = c.prepare_cached("SELECT author FROM creators WHERE record = ?1")?;
    Ok(select.query_row([record.0], |row| row.get(0)).optional()?)
}
