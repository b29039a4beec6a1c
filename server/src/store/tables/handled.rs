//! The times at which people handled records. They tell what a role of scope `assigned` could read before, and cannot
//! now.

use std::collections::BTreeSet;

use gridledger_schema::ids::RecordId;

use super::ledgers;
use crate::store::StoreError;
use crate::store::rows::records::{Handled, RecordWrite};
use crate::store::rows::tools::FACET;
use crate::store::sql::Connection;
use gridledger_core::handlers::handlers;

/// Notes who handles a record from this write on, and who no longer does. Call it before the record's ledger row is written.
pub(super) fn note(c: &Connection<'_>, write: &RecordWrite) -> Result<(), StoreError> {
    let named = write.ledger.iter().find(|part| part.facet == FACET);
    let now: BTreeSet<&str> = match named.and_then(|part| part.handlers.as_ref()) {
        Some(handlers) => handlers.iter().map(String::as_str).collect(),
        None if write.row.erased => BTreeSet::new(),
        None => return Ok(()),
    };
    let known = all(c, write.row.record)?;
    let open: BTreeSet<&str> = known
        .iter()
        .filter(|(_, handled)| handled.until.is_none())
        .map(|(login, _)| login.as_str())
        .collect();
    if open == now && !(open.is_empty() && may_be_unknown(write)) {
        return Ok(());
    }
    let before = shown_before(c, write.row.record)?;
    let (record, last) = (write.row.record.0, write.row.last as i64);
    let sql = "INSERT INTO handlers (record, login, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut insert = c.prepare_cached(sql)?;
    // A row that an older version wrote may name people without a note.
    for login in before.iter().filter(|login| !open.contains(login.as_str())) {
        insert.execute((record, login, 0_i64))?;
    }
    let was = |login: &str| open.contains(login) || before.contains(login);
    for login in now.iter().filter(|login| !was(login)) {
        insert.execute((record, login, last))?;
    }
    let sql = "UPDATE handlers SET until = ?3 WHERE record = ?1 AND login = ?2 AND until IS NULL";
    let mut end = c.prepare_cached(sql)?;
    let before = before.iter().map(String::as_str);
    let gone: BTreeSet<&str> =
        open.iter().copied().chain(before).filter(|login| !now.contains(login)).collect();
    for login in gone {
        end.execute((record, login, last))?;
    }
    Ok(())
}

/// Whether the record may have had handlers without a note: it was there before this write.
fn may_be_unknown(write: &RecordWrite) -> bool {
    write.row.created != write.row.last
}

/// The people whom the record's ledger row names.
fn shown_before(c: &Connection<'_>, record: RecordId) -> Result<BTreeSet<String>, StoreError> {
    let views = ledgers::views(c, record)?;
    let view = views.iter().find(|(facet, _)| *facet == FACET).map(|(_, view)| view);
    Ok(view.into_iter().flat_map(handlers).map(str::to_owned).collect())
}

fn all(c: &Connection<'_>, record: RecordId) -> Result<Vec<(String, Handled)>, StoreError> {
    let mut select = c.prepare_cached("SELECT login, since, until FROM handlers WHERE record = ?1")?;
    let rows = select.query_map([record.0], |row| {
        Ok((
            row.get(0)?,
            Handled {
                since: row.get::<_, i64>(1)? as u64,
                until: row.get::<_, Option<i64>>(2)?.map(|seq| seq as u64),
            },
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When a person handled a record. If nothing was noted of the record, its ledger row tells who handles it.
pub(super) fn by(c: &Connection<'_>, record: RecordId, login: &str) -> Result<Vec<Handled>, StoreError> {
    let known = all(c, record)?;
    let mut found: Vec<Handled> =
        known.into_iter().filter(|(of, _)| of == login).map(|(_, handled)| handled).collect();
    let is_open = found.iter().any(|handled| handled.until.is_none());
    if !is_open && shown_before(c, record)?.contains(login) {
        found.push(Handled { since: 0, until: None });
    }
    Ok(found)
}
